// How long a receiver asks to be left alone: the header Retry-After, in seconds or as a date (RFC 9110, 10.2.3).

const SECONDS = /^\d{1,9}$/;
/** The one form that is to be sent; the two obsolete ones are nobody's any more. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Reads a Retry-After header.
 *
 * @param now  Unix milliseconds
 * @returns milliseconds from now on, 0 for a date that has passed; `null` when there is none that can be read
 */
export function retryAfterMs(header: string | null, now: number): number | null {
  const text = header?.trim() ?? "";
  if (SECONDS.test(text)) return Number(text) * 1_000;
  const at = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
