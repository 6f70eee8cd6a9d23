// Quiet hours: a time of the day, by the clock where the person is, in which nobody is written to. From the first
// minute on, up to the last and without it; over midnight when it ends earlier than it begins.
import { nextTimeOfDay, timeOfDay } from "./wall-clock.ts";

/** Both `HH:MM`, and not the same. */
export interface QuietHours {
  from: string;
  to: string;
}

const EVERY_DAY: ReadonlySet<number> = new Set();

/**
 * Tells when the quiet hours end that an instant lies in.
 *
 * @param timeZone  IANA name; an unknown one throws
 * @param now       Unix milliseconds
 * @returns Unix milliseconds, later than `now`; `null` = the hours are not quiet
 */
export function quietUntil({ from, to }: QuietHours, timeZone: string, now: number): number | null {
  const ends = nextTimeOfDay(timeOfDay(to), EVERY_DAY, timeZone, now);
  const begins = nextTimeOfDay(timeOfDay(from), EVERY_DAY, timeZone, now);
  // Whichever comes first tells where the clock stands. When the clock leaps over both they come at one instant.
  return ends < begins || (ends === begins && to < from) ? ends : null;
}
