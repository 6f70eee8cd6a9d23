// Ids of events, enrollments and deliveries are UUIDv7: the first 48 bits are Unix milliseconds, so a range of instants
// is a range of ids, and no index on an instant is needed. Source: RFC 9562, section 5.7.

/** Sorts after every UUID text: the open end of a range of ids. */
export const AFTER_EVERY_UUID = "~";

const MAX_UUID_V7_MS = 2 ** 48 - 1;

/**
 * Gives the smallest UUIDv7 of an instant: every id minted at `ms` or later sorts at or after it, every
 * earlier one before it.
 *
 * @param ms Unix milliseconds; a fraction counts as the next millisecond, and what a UUIDv7 cannot hold
 *           (before 1970, after the year 10889) is clamped
 * @returns lower-case UUID text
 * @throws RangeError for NaN: an instant that did not parse must not become a range
 */
export function uuidV7Floor(ms: number): string {
  if (Number.isNaN(ms)) throw new RangeError("not an instant");
  const instant = Math.min(Math.max(Math.ceil(ms), 0), MAX_UUID_V7_MS);
  const hex = instant.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
