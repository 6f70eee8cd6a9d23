// When an event happened, as the vendor reads it: to the second, UTC where no zone is given, within its bounds.

/** A date with or without a time, to any fraction of a second, with or without a zone. */
const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:[.,]\d+)?)?\s*(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))?)?$/;

/** Unix seconds, as the oldest clients send them. */
const UNIX_SECONDS = /^\d{1,12}(?:\.\d+)?$/;

/**
 * Reads a date-time.
 *
 * @returns whole Unix seconds, or `null` when it is none
 */
export function readDateTime(text: string): number | null {
  const match = DATE_TIME.exec(text.trim());
  if (match === null) return null;
  const [, year, month, day, hour = "00", minute = "00", second = "00", sign, zoneHours = "0", zoneMinutes = "0"] =
    match;
  const midnight = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  // The 30th of February would be read as a day in March.
  if (Number.isNaN(midnight) || new Date(midnight).getUTCDate() !== Number(day)) return null;
  const ahead = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === "-" ? -1 : 1);
  return midnight / 1_000 + (Number(hour) * 60 + Number(minute)) * 60 + Number(second) - ahead;
}

/** Reads Unix seconds, written as a number or as text. @returns as {@link readDateTime} */
export function readUnixSeconds(value: number | string): number | null {
  return UNIX_SECONDS.test(String(value)) ? Math.floor(Number(value)) : null;
}

/**
 * Says what is wrong with an event's time.
 *
 * @param seconds       whole Unix seconds
 * @param earliestYear  the first that counts
 * @param now           Unix milliseconds
 */
export function whyTimeIsRefused(seconds: number, earliestYear: number, now: number): string | null {
  if (seconds < Date.UTC(earliestYear, 0) / 1_000) return `The time must be after the year ${earliestYear}.`;
  const inOneYear = new Date(now);
  inOneYear.setUTCFullYear(inOneYear.getUTCFullYear() + 1);
  return seconds * 1_000 > inOneYear.getTime() ? "The time must be at most 1 year in the future." : null;
}
