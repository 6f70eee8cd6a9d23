import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_DURATION_DAYS, parseDuration } from "../../src/domain/duration.ts";

const DAY_MS = 86_400_000;

describe("parseDuration", () => {
  it.each([
    ["PT30S", 30_000],
    ["PT0S", 0],
    ["P0D", 0],
    ["PT1M", 60_000],
    ["PT2H", 7_200_000],
    ["P7D", 7 * DAY_MS],
    ["P2W", 14 * DAY_MS],
    ["P1DT12H", 1.5 * DAY_MS],
    ["P1W1DT1H1M1S", 8 * DAY_MS + 3_661_000],
    ["PT90M", 5_400_000],
    ["PT007S", 7_000],
    [`P${MAX_DURATION_DAYS}D`, MAX_DURATION_DAYS * DAY_MS],
  ])("reads %s as %i ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    ["nothing", ""],
    ["no component", "P"],
    ["no component after T", "PT"],
    ["a T with nothing after it", "P1DT"],
    ["years", "P1Y"],
    ["months", "P1M"],
    ["a fraction", "PT1.5S"],
    ["a comma fraction", "PT1,5S"],
    ["a sign", "-PT1S"],
    ["an inner sign", "PT-1S"],
    ["lower case", "pt1s"],
    ["a time unit before T", "P1H"],
    ["a date unit after T", "PT1D"],
    ["units out of order", "PT1S1M"],
    ["a unit twice", "P1D1D"],
    ["a number without unit", "PT1"],
    ["a unit without number", "PTS"],
    ["outer space", " PT1S"],
    ["a trailing line break", "PT1S\n"],
    ["digits that are not ASCII", "PT١S"],
    ["more than the longest", `P${MAX_DURATION_DAYS}DT1S`],
    ["an endless number", `PT${"9".repeat(400)}S`],
  ])("refuses %s", (_what, text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it("adds up any components that are given", () => {
    const count = fc.nat({ max: 100 });
    fc.assert(
      fc.property(count, count, count, count, count, (w, d, h, m, s) => {
        expect(parseDuration(`P${w}W${d}DT${h}H${m}M${s}S`)).toBe(
          (((w * 7 + d) * 24 + h) * 60 + m) * 60_000 + s * 1000,
        );
      }),
    );
  });
});
