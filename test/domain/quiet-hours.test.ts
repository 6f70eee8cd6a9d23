import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quietUntil, type QuietHours } from "../../src/domain/quiet-hours.ts";

const NIGHT: QuietHours = { from: "22:00", to: "08:00" };
const NOON: QuietHours = { from: "12:00", to: "14:00" };

/** The end of the quiet hours as an instant, or `null`. */
function endOf(hours: QuietHours, timeZone: string, at: string): string | null {
  const until = quietUntil(hours, timeZone, Date.parse(at));
  return until === null ? null : new Date(until).toISOString();
}

describe("quiet hours", () => {
  it.each([
    ["before they begin", NOON, "2026-06-01T11:59:59.999Z", null],
    ["when they begin", NOON, "2026-06-01T12:00:00.000Z", "2026-06-01T14:00:00.000Z"],
    ["in their last millisecond", NOON, "2026-06-01T13:59:59.999Z", "2026-06-01T14:00:00.000Z"],
    ["when they end", NOON, "2026-06-01T14:00:00.000Z", null],
    ["before midnight", NIGHT, "2026-06-01T23:30:00.000Z", "2026-06-02T08:00:00.000Z"],
    ["at midnight", NIGHT, "2026-06-02T00:00:00.000Z", "2026-06-02T08:00:00.000Z"],
    ["in the morning", NIGHT, "2026-06-02T07:59:00.000Z", "2026-06-02T08:00:00.000Z"],
    ["by day", NIGHT, "2026-06-02T08:00:00.000Z", null],
  ])("are told %s", (_, hours, at, expected) => {
    expect(endOf(hours, "UTC", at)).toBe(expected);
  });

  it("are those of the clock where the person is", () => {
    const at = "2026-06-01T13:00:00.000Z";
    expect([endOf(NIGHT, "UTC", at), endOf(NIGHT, "Asia/Tokyo", at)]).toEqual([null, "2026-06-01T23:00:00.000Z"]);
  });

  it.each([
    ["an hour shorter when the clock leaps forward in them", "2026-03-28T21:00:00.000Z", "2026-03-29T06:00:00.000Z"],
    ["an hour longer when the clock falls back in them", "2026-10-24T20:00:00.000Z", "2026-10-25T07:00:00.000Z"],
  ])("are %s", (_, from, to) => {
    const minuteBefore = new Date(Date.parse(from) - 60_000).toISOString();
    expect([endOf(NIGHT, "Europe/Berlin", minuteBefore), endOf(NIGHT, "Europe/Berlin", from)]).toEqual([null, to]);
  });

  it("that the clock leaps into begin or end where it lands", () => {
    // On that day Berlin's clock goes from 02:00 to 03:00, at 01:00 UTC.
    const inside = { from: "02:30", to: "05:00" };
    const outside = { from: "22:00", to: "02:30" };
    const [before, after] = ["2026-03-29T00:59:00.000Z", "2026-03-29T01:00:00.000Z"];
    expect([endOf(inside, "Europe/Berlin", before), endOf(inside, "Europe/Berlin", after)]).toEqual([
      null,
      "2026-03-29T03:00:00.000Z",
    ]);
    expect([endOf(outside, "Europe/Berlin", before), endOf(outside, "Europe/Berlin", after)]).toEqual([
      "2026-03-29T01:00:00.000Z",
      null,
    ]);
  });

  it("that the clock leaps over whole are none that day, and a break in them is none either", () => {
    const before = "2026-03-29T00:30:00.000Z";
    const leap = "2026-03-29T01:00:00.000Z";
    expect(endOf({ from: "02:10", to: "02:50" }, "Europe/Berlin", before)).toBeNull();
    expect(endOf({ from: "02:50", to: "02:10" }, "Europe/Berlin", before)).toBe(leap);
    expect(endOf({ from: "02:50", to: "02:10" }, "Europe/Berlin", leap)).toBe("2026-03-30T00:10:00.000Z");
  });

  it("end at an instant that is not quiet any more, at most a day and an hour later", () => {
    const time = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map((parts) => parts.map((part) => String(part).padStart(2, "0")).join(":"));
    const hours = fc.record({ from: time, to: time }).filter(({ from, to }) => from !== to);
    const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu");
    const instant = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) });
    let [quiet, loud] = [0, 0];
    fc.assert(
      fc.property(hours, zone, instant, (quietHours, timeZone, now) => {
        const until = quietUntil(quietHours, timeZone, now);
        if (until === null) {
          loud += 1;
          return;
        }
        quiet += 1;
        expect(until).toBeGreaterThan(now);
        expect(until - now).toBeLessThanOrEqual(25 * 3_600_000);
        // A clock that leaps over a break in them lands in the next ones.
        const shown = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(until);
        if (shown === quietHours.to) expect(quietUntil(quietHours, timeZone, until)).toBeNull();
      }),
      { numRuns: 300 },
    );
    expect(Math.min(quiet, loud)).toBeGreaterThan(60);
  });
});
