import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextTimeOfDay } from "../../src/domain/wall-clock.ts";

const EVERY_DAY = new Set<number>();

function next(time: string, timeZone: string, after: string, weekdays: number[] = []): string {
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  const at = nextTimeOfDay({ hour, minute }, new Set(weekdays), timeZone, Date.parse(after));
  return new Date(at).toISOString().replace(/:00\.000Z$/, "Z");
}

describe("nextTimeOfDay", () => {
  it.each<[string, string, string, string, string]>([
    ["later today", "09:00", "UTC", "2026-03-02T08:59Z", "2026-03-02T09:00Z"],
    ["strictly later", "09:00", "UTC", "2026-03-02T09:00Z", "2026-03-03T09:00Z"],
    ["over the end of a year", "00:00", "UTC", "2026-12-31T00:00Z", "2027-01-01T00:00Z"],
    ["on a leap day", "12:00", "UTC", "2028-02-28T12:00Z", "2028-02-29T12:00Z"],
    ["east of UTC, where it is tomorrow", "09:00", "Asia/Tokyo", "2026-03-02T15:30Z", "2026-03-03T00:00Z"],
    ["west of UTC, where it is yesterday", "20:00", "America/Los_Angeles", "2026-03-03T02:00Z", "2026-03-03T04:00Z"],
    ["at +14:00", "00:30", "Pacific/Kiritimati", "2026-03-02T09:00Z", "2026-03-02T10:30Z"],
    ["at -11:00", "23:30", "Pacific/Pago_Pago", "2026-03-02T11:00Z", "2026-03-03T10:30Z"],
    ["at a quarter past", "06:00", "Asia/Kathmandu", "2026-03-02T00:00Z", "2026-03-02T00:15Z"],
  ])("finds the time of day %s", (_what, time, zone, after, expected) => {
    expect(next(time, zone, after)).toBe(expected);
  });

  it.each<[string, string, string, string, string]>([
    ["Berlin leaps from 2 to 3", "02:30", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z"],
    ["Berlin, at the edge of the leap", "02:00", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z"],
    ["Berlin, just after the leap", "03:00", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z"],
    ["Berlin, the day after", "02:30", "Europe/Berlin", "2026-03-29T01:00Z", "2026-03-30T00:30Z"],
    ["New York leaps from 2 to 3", "02:15", "America/New_York", "2026-03-07T12:00Z", "2026-03-08T07:00Z"],
    ["Lord Howe leaps half an hour", "02:15", "Australia/Lord_Howe", "2026-10-03T12:00Z", "2026-10-03T15:30Z"],
    ["Lord Howe, past the half hour", "02:30", "Australia/Lord_Howe", "2026-10-03T12:00Z", "2026-10-03T15:30Z"],
    ["Nuuk leaps over midnight", "23:30", "America/Nuuk", "2026-03-28T12:00Z", "2026-03-29T01:00Z"],
    ["Beirut leaps at midnight", "00:15", "Asia/Beirut", "2026-03-28T12:00Z", "2026-03-28T22:00Z"],
  ])("takes the end of the leap for an hour that never happens: %s", (_what, time, zone, after, expected) => {
    expect(next(time, zone, after)).toBe(expected);
  });

  it.each<[string, string, string, string, string, string]>([
    ["Berlin", "02:30", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ["New York", "01:30", "America/New_York", "2026-10-31T16:00Z", "2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ["Lord Howe", "01:45", "Australia/Lord_Howe", "2026-04-04T03:00Z", "2026-04-04T14:45Z", "2026-04-05T15:15Z"],
    [
      "Nuuk, on both sides of midnight",
      "23:30",
      "America/Nuuk",
      "2026-10-24T12:00Z",
      "2026-10-25T00:30Z",
      "2026-10-26T01:30Z",
    ],
  ])(
    "takes the first of an hour that happens twice, and not the second: %s",
    (_what, time, zone, after, first, second) => {
      expect(next(time, zone, after)).toBe(first);
      expect(next(time, zone, first)).toBe(second);
    },
  );

  it("asked between the two showings of an hour goes on to the next day", () => {
    expect(next("02:30", "Europe/Berlin", "2026-10-25T01:00Z")).toBe("2026-10-26T01:30Z");
  });

  it("passes over a date that the calendar left out", () => {
    expect(next("09:00", "Pacific/Apia", "2011-12-29T18:00Z")).toBe("2011-12-29T19:00Z");
    expect(next("09:00", "Pacific/Apia", "2011-12-29T19:00Z")).toBe("2011-12-30T19:00Z");
  });

  it("waits a week more for the weekday of a date that the calendar left out", () => {
    expect(next("09:00", "Pacific/Apia", "2011-12-29T19:00Z", [5])).toBe("2012-01-05T19:00Z");
  });

  it.each<[number[], string, string]>([
    [[1], "2026-03-02T08:00Z", "2026-03-02T09:00Z"],
    [[1], "2026-03-02T09:00Z", "2026-03-09T09:00Z"],
    [[0, 6], "2026-03-02T09:00Z", "2026-03-07T09:00Z"],
    [[3, 5], "2026-03-02T09:00Z", "2026-03-04T09:00Z"],
  ])("keeps to the weekdays %j", (weekdays, after, expected) => {
    expect(next("09:00", "UTC", after, weekdays)).toBe(expected);
  });

  it("takes the weekday of the date there, not of UTC", () => {
    // Monday 20:00 in Los Angeles is Tuesday in UTC.
    expect(next("20:00", "America/Los_Angeles", "2026-03-01T12:00Z", [1])).toBe("2026-03-03T04:00Z");
  });

  it("refuses a zone that does not exist", () => {
    expect(() => nextTimeOfDay({ hour: 9, minute: 0 }, EVERY_DAY, "Nowhere/Land", 0)).toThrow();
  });

  const ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Nuuk",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Chatham",
  ];
  const permille = fc.integer({ min: 0, max: 999 });
  const anyTime = fc.record({ hour: fc.integer({ min: 0, max: 23 }), minute: fc.integer({ min: 0, max: 59 }) });
  const anyInstant = fc.integer({ min: Date.parse("2009-01-01T00:00Z"), max: Date.parse("2035-01-01T00:00Z") });

  it("gives each date one instant, in any zone: none is missed and none comes twice", () => {
    fc.assert(
      fc.property(anyTime, fc.constantFrom(...ZONES), anyInstant, (time, zone, from) => {
        const dates: string[] = [];
        const dateAt = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
        let at = from;
        for (let i = 0; i < 10; i++) {
          const following = nextTimeOfDay(time, EVERY_DAY, zone, at);
          expect(following).toBeGreaterThan(at);
          // A leap over midnight lends its instant to the date before.
          dates.push(dateAt.format(following - (time.hour >= 22 && isLeap(zone, following) ? 1 : 0)));
          at = following;
        }
        expect(new Set(dates).size).toBe(10);
        expect(at - from).toBeLessThanOrEqual(12 * 86_400_000);
      }),
      { numRuns: 300 },
    );
  });

  it("gives the same next instant from anywhere before it", () => {
    fc.assert(
      fc.property(anyTime, fc.constantFrom(...ZONES), anyInstant, permille, (time, zone, from, part) => {
        const at = nextTimeOfDay(time, EVERY_DAY, zone, from);
        const between = from + Math.floor((at - from) * (part / 1_000));
        expect(nextTimeOfDay(time, EVERY_DAY, zone, between)).toBe(at);
      }),
      { numRuns: 300 },
    );
  });

  function isLeap(timeZone: string, at: number): boolean {
    const minute = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" });
    return minute.format(at) === "00:00" && minute.format(at - 60_000) !== "23:59";
  }
});
