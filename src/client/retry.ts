// When a call is made again, and how long after. Pure. A retry is safe because every call that changes something
// carries an idempotency key, the same one each time.

/** Longest wait that a server can ask for; a longer one is left to the caller. */
export const MAX_RETRY_AFTER_MS = 60_000;

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;
/** A delay is shortened by up to this part, so that callers who failed together do not come back together. */
const JITTER = 0.25;

const RETRIED_STATUSES = new Set([408, 429]);

/** Tells whether the same request may succeed later; `x-should-retry` has the last word. */
export function shouldRetry(status: number, headers: Headers): boolean {
  const said = headers.get("x-should-retry");
  if (said === "true" || said === "false") return said === "true";
  return RETRIED_STATUSES.has(status) || status >= 500;
}

/**
 * Reads `Retry-After`, in seconds or as an HTTP date.
 *
 * @param nowMs  milliseconds since the epoch
 * @returns milliseconds from now on; `null` when the header is absent or is neither
 * @see RFC 9110, 10.2.3
 */
export function readRetryAfterMs(headers: Headers, nowMs: number): number | null {
  const text = headers.get("retry-after");
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

/**
 * How long to wait before a retry: doubling from half a second to eight, less jitter; never less than was asked for.
 *
 * @param retry   0 for the first one
 * @param random  from 0 to 1
 */
export function retryDelayMs(retry: number, retryAfterMs: number | null, random: number): number {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** retry, LONGEST_DELAY_MS) * (1 - JITTER * random);
  return Math.max(delay, retryAfterMs ?? 0);
}
