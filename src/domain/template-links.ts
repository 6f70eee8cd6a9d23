// Which URLs an e-mail may lead to. Asked of what was written and again of what a value has made of it: whatever a
// mail program or a browser would run, open locally or resolve against a page of its own is no link.

const LINK_PROTOCOLS = ["http:", "https:", "mailto:"];

/** C0, DEL and C1: what URL parsers drop, so that `java\nscript:` is `javascript:`. */
const CONTROL = /\p{Cc}/u;

/**
 * Gives a link as it is written into a page, without the spaces around it.
 *
 * @returns `null` for anything but an absolute URL of http, https or mailto, and for one with a user name or password
 */
export function safeLink(text: string): string | null {
  return safeUrl(text, LINK_PROTOCOLS);
}

/** As {@link safeLink}, for an image: https only. A mail program shows nothing else, or tells everybody on the way. */
export function safeImageSource(text: string): string | null {
  return safeUrl(text, ["https:"]);
}

function safeUrl(text: string, protocols: readonly string[]): string | null {
  if (CONTROL.test(text) || !text.isWellFormed()) return null;
  const trimmed = text.trim();
  let url: URL;
  try {
    url = new URL(trimmed);
  } catch {
    return null;
  }
  if (!protocols.includes(url.protocol)) return null;
  if (url.protocol === "mailto:") return trimmed;
  // `https://shop.example@evil.example` shows one host and leads to another; after `https://shop.example` a value that
  // begins with `@` would make it so.
  if (url.username !== "" || url.password !== "") return null;
  // `https:host` and `https:\\host` are read in more than one way.
  return /^https?:\/\/[^/\\]/i.test(trimmed) && url.host !== "" ? trimmed : null;
}
