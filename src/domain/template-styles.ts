// Which styles an e-mail may have. A value stays inside its own declaration, loads nothing but an https image, and
// runs nothing: only shapes known to be harmless pass, whatever else CSS may come to know.
import { safeImageSource } from "./template-links.ts";

/** Characters; a list of fonts or a gradient is well below. */
const MAX_STYLE_CHARACTERS = 300;
const MAX_STYLE_NUMBER = 100_000;

/** camelCase, as React takes it, with a vendor's prefix or without. */
const STYLE_NAME = /^-?[A-Za-z][A-Za-z-]{0,49}$/;
/** Both have run code in old mail programs. */
const REFUSED_NAMES = ["behavior", "-moz-binding", "mozbinding"];

/** What ends a declaration, begins a rule or a comment, or writes another character by its number. */
const BREAKS_OUT = /[;{}<>\\@`]|\/\*|\p{Cc}/u;

const FUNCTIONS = [
  "calc",
  "clamp",
  "hsl",
  "hsla",
  "linear-gradient",
  "max",
  "min",
  "radial-gradient",
  "rgb",
  "rgba",
  "rotate",
  "scale",
  "translate",
];

const URL_FUNCTION = /\burl\(\s*(["']?)([^"'()\s]*)\1\s*\)/gi;
const QUOTED = /"[^"']*"|'[^"']*'/g;
const OPENING = /([\w\-\u0080-\u{10ffff}]*)\(/gu;

/** One part of a padding that can be turned into less than two thousand pixels. */
const BUTTON_PADDING = /^(?:\d{1,3}(?:\.\d{1,3})?(?:px)?|\d{1,2}(?:\.\d{1,3})?(?:em|rem|%)|100%)$/;

/** Tells whether a name is one of a style that may be set. */
export function isStyleName(name: string): boolean {
  return STYLE_NAME.test(name) && !REFUSED_NAMES.includes(name.toLowerCase());
}

/** Tells whether a value may be set as a style. */
export function isStyleValue(value: unknown): value is string | number {
  if (typeof value === "number") return Math.abs(value) <= MAX_STYLE_NUMBER;
  if (typeof value !== "string" || value.length > MAX_STYLE_CHARACTERS || !value.isWellFormed()) return false;
  const withoutUrls = value.replaceAll(URL_FUNCTION, (whole, _, url: string) =>
    safeImageSource(url) === null || BREAKS_OUT.test(url) ? whole : "",
  );
  if (BREAKS_OUT.test(withoutUrls)) return false;
  const bare = withoutUrls.replaceAll(QUOTED, "");
  return !/["']/.test(bare) && parenthesesMatch(bare) && onlyKnownFunctions(bare);
}

/**
 * Tells whether a style of a button may be set too. Its padding is written out in spaces for one mail program: a wide
 * one would take all memory.
 */
export function isButtonStyle(name: string, value: string | number): boolean {
  if (!/^padding/i.test(name)) return true;
  return String(value)
    .trim()
    .split(/\s+/)
    .every((part) => BUTTON_PADDING.test(part));
}

function onlyKnownFunctions(value: string): boolean {
  return [...value.matchAll(OPENING)].every(([, name = ""]) => FUNCTIONS.includes(name.toLowerCase()) || name === "");
}

function parenthesesMatch(value: string): boolean {
  let open = 0;
  for (const character of value) {
    if (character === "(") open += 1;
    if (character === ")") open -= 1;
    if (open < 0) return false;
  }
  return open === 0;
}
