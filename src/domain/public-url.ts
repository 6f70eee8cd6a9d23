// Under which address people reach a deployment, for links in e-mails.

/**
 * Reads the setting PUBLIC_URL.
 *
 * @param text  an http or https URL; of it only the origin counts
 * @returns the origin; `null` when the setting is left out
 * @throws Error naming the setting, never its value
 */
export function parsePublicUrl(text: string | undefined): string | null {
  if (text === undefined || text === "") return null;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new Error("PUBLIC_URL is not an http or https URL: see docs/operations.md");
  }
  return url.origin;
}
