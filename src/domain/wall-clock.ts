// What time it is where: instants and wall clocks of a time zone, by the platform's own IANA data. A date has each
// time of day at most once here: one that the clock shows twice is its first showing, one that the clock leaps over
// is the instant it leaps to, and a date that the calendar leaves out has none.

const DAY_MS = 86_400_000;
/** How far an instant may lie from its wall clock read as UTC: the zones reach from -12:00 to +14:00. */
const REACH_MS = 16 * 3_600_000;
/** A weekday comes back within a week; one more for a date that is left out, a day on each side for the zone. */
const DAYS_AHEAD = 16;
/** Zones come from people's own data, in any letter case: the memory of them stays small. */
const MAX_KNOWN_ZONES = 1_000;

const zones = new Map<string, Intl.DateTimeFormat>();

/** `HH:MM`, from 00:00 to 23:59. */
export const TIME_OF_DAY_PATTERN = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;

export interface TimeOfDay {
  hour: number;
  minute: number;
}

/** Reads a time of day that was checked by {@link TIME_OF_DAY_PATTERN}. */
export function timeOfDay(text: string): TimeOfDay {
  const [hour, minute] = text.split(":").map(Number) as [number, number];
  return { hour, minute };
}

/**
 * Finds the next instant at which the clocks of a zone show a time of day.
 *
 * @param weekdays  0 = Sunday, of the date there; empty = every day
 * @param timeZone  IANA name; an unknown one throws
 * @param after     Unix milliseconds; the answer is strictly later, so that asking again from it goes on
 * @returns Unix milliseconds
 */
export function nextTimeOfDay(
  { hour, minute }: TimeOfDay,
  weekdays: ReadonlySet<number>,
  timeZone: string,
  after: number,
): number {
  const today = dateOf(after + offsetMs(timeZone, after));
  for (let days = -1; days < DAYS_AHEAD; days++) {
    const date = today + days * DAY_MS;
    if (weekdays.size > 0 && !weekdays.has(new Date(date).getUTCDay())) continue;
    const at = instantOf(date + (hour * 60 + minute) * 60_000, timeZone);
    if (at !== null && at > after) return at;
  }
  throw new Error("no weekday was named, or the calendar has ended");
}

/** The instant at which a wall clock first shows this; `null` when its date is none there. */
function instantOf(wallMs: number, timeZone: string): number | null {
  const before = offsetMs(timeZone, wallMs - REACH_MS);
  const after = offsetMs(timeZone, wallMs + REACH_MS);
  // The larger offset is the earlier instant.
  const shown = [Math.max(before, after), Math.min(before, after)]
    .map((offset) => wallMs - offset)
    .find((instant) => instant + offsetMs(timeZone, instant) === wallMs);
  if (shown !== undefined) return shown;
  const leap = changeBetween(wallMs - REACH_MS, wallMs + REACH_MS, timeZone);
  // The clock shows some time of every date it has, at the latest when the leap begins: past that there is no date.
  return dateOf(leap - 1 + before) < dateOf(wallMs) && dateOf(leap + after) > dateOf(wallMs) ? null : leap;
}

/** The first instant of the offset that holds at the end of a time in which it changes once. */
function changeBetween(start: number, end: number, timeZone: string): number {
  const offset = offsetMs(timeZone, start);
  let [same, changed] = [start, end];
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offsetMs(timeZone, middle) === offset) same = middle;
    else changed = middle;
  }
  return changed;
}

/** What the wall clock of a zone is ahead of UTC at an instant. */
function offsetMs(timeZone: string, instant: number): number {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of clockOf(timeZone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1_000) * 1_000;
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  const known = zones.get(timeZone);
  if (known !== undefined) return known;
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (zones.size >= MAX_KNOWN_ZONES) zones.clear();
  zones.set(timeZone, clock);
  return clock;
}

/** Midnight of a wall clock's date, as if it were UTC. */
function dateOf(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS) * DAY_MS;
}
