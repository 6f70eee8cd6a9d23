// How often each endpoint may be called by one workspace, and the headers that tell callers where they stand.
// Source: "Rate limits, status codes, and errors" of the vendor's guides; the classes are its XL and M.
import type { RateRule, RateState } from "../../../cell/rate-windows.ts";
import type { HttpContext } from "../../context.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Each endpoint has windows of its own: what browsers send with a public key leaves the backend's alone. */
export const RATES = {
  events: eventsRate("klaviyo events"),
  clientEvents: eventsRate("klaviyo client events"),
  legacy: eventsRate("klaviyo track and identify"),
  bulkJobs: bulkRate("klaviyo bulk jobs"),
  clientBulk: bulkRate("klaviyo client bulk"),
} as const;

function eventsRate(bucket: string): RateRule {
  return { bucket, burst: { limit: 350, ms: SECOND_MS }, steady: { limit: 3_500, ms: MINUTE_MS } };
}

function bulkRate(bucket: string): RateRule {
  return { bucket, burst: { limit: 10, ms: SECOND_MS }, steady: { limit: 150, ms: MINUTE_MS } };
}

/** Tells the state of the steady window on every answer that is not a refusal for the rate itself. */
export function showRate(c: HttpContext): void {
  if (c.res.status === 429) return;
  const { limit, remaining, resetSeconds } = c.get("rate") ?? untouched(c.get("rateRule") ?? RATES.events, Date.now());
  const { headers } = c.res;
  headers.set("ratelimit-limit", String(limit));
  headers.set("ratelimit-remaining", String(remaining));
  headers.set("ratelimit-reset", String(resetSeconds));
}

/** What a caller is shown that nobody knows, and whose requests are counted nowhere. */
function untouched({ steady }: RateRule, now: number): RateState {
  const resetSeconds = Math.ceil((steady.ms - (now % steady.ms)) / SECOND_MS);
  return { limit: steady.limit, remaining: steady.limit, resetSeconds };
}
