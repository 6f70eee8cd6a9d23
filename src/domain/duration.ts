// ISO 8601 durations as journeys use them: weeks, days, hours, minutes and seconds. Years and months are left
// out because their length depends on when they begin; fractions because no timer here is that fine.

export const MAX_DURATION_DAYS = 3650;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
const UNITS_MS = [WEEK_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS];

/** The look-aheads ask for one component after `P`, and for one after `T` where a `T` stands. */
export const DURATION_PATTERN =
  /^P(?=[0-9T])(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?$/;

/**
 * Reads a duration such as `PT30S`, `P1DT12H`, `P2W`.
 *
 * @returns milliseconds, 0 to {@link MAX_DURATION_DAYS} days; `null` if the text is not such a duration
 */
export function parseDuration(text: string): number | null {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return null;
  const ms = UNITS_MS.reduce((sum, unitMs, i) => sum + unitMs * Number(match[i + 1] ?? 0), 0);
  return ms <= MAX_DURATION_DAYS * DAY_MS ? ms : null;
}

/** Milliseconds of a duration that was checked; any other text throws. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new Error("a journey holds a duration that was not checked");
  return ms;
}
