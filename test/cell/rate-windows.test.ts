// A vendor's rate: two fixed windows, of which the longer one is told.
import { describe, expect, it } from "vitest";
import { RateWindows, type RateRule } from "../../src/cell/rate-windows.ts";

const MINUTE_MS = 60_000;
/** The beginning of a minute. */
const START = 1_800_000_000_000;
const RULE: RateRule = {
  bucket: "events",
  burst: { limit: 350, ms: 1_000 },
  steady: { limit: 3_500, ms: MINUTE_MS },
};

/** Takes as often as told at one instant, and tells how often it was let in. */
function takeMany(windows: RateWindows, times: number, at: number, rule = RULE): number {
  return Array.from({ length: times }, () => windows.take(rule, at)).filter(({ kind }) => kind === "admitted").length;
}

describe("the burst window", () => {
  it("lets in its limit and refuses one past it, until the next second", () => {
    const windows = new RateWindows();
    expect(takeMany(windows, 351, START)).toBe(350);
    expect(windows.take(RULE, START + 999)).toEqual({ kind: "rate_limited", retryAfterSeconds: 1 });
    expect(windows.take(RULE, START + 1_000).kind).toBe("admitted");
  });

  it("is fixed: its limit may be used up on both sides of a second's end", () => {
    const windows = new RateWindows();
    expect(takeMany(windows, 400, START + 999)).toBe(350);
    expect(takeMany(windows, 400, START + 1_000)).toBe(350);
  });
});

describe("the steady window", () => {
  it("lets in its limit and refuses one past it, until the next minute", () => {
    const windows = new RateWindows();
    const taken = Array.from({ length: 10 }, (_, second) => takeMany(windows, 350, START + second * 1_000));
    expect(taken).toEqual(Array.from({ length: 10 }, () => 350));
    expect(windows.take(RULE, START + 10_000)).toEqual({ kind: "rate_limited", retryAfterSeconds: 50 });
    expect(windows.take(RULE, START + MINUTE_MS - 1)).toEqual({ kind: "rate_limited", retryAfterSeconds: 1 });
    expect(windows.take(RULE, START + MINUTE_MS).kind).toBe("admitted");
  });

  it("is what callers are told of, with the seconds until it ends", () => {
    const windows = new RateWindows();
    const told = (at: number) => windows.take(RULE, at);
    expect(told(START)).toEqual({ kind: "admitted", rate: { limit: 3_500, remaining: 3_499, resetSeconds: 60 } });
    expect(told(START + 100)).toEqual({ kind: "admitted", rate: { limit: 3_500, remaining: 3_498, resetSeconds: 60 } });
    expect(told(START + 59_999)).toEqual({
      kind: "admitted",
      rate: { limit: 3_500, remaining: 3_497, resetSeconds: 1 },
    });
    expect(told(START + MINUTE_MS)).toMatchObject({ rate: { remaining: 3_499 } });
  });
});

describe("counting", () => {
  it("leaves refused requests out", () => {
    const windows = new RateWindows();
    takeMany(windows, 1_000, START);
    expect(windows.take(RULE, START + 1_000)).toMatchObject({ rate: { remaining: 3_500 - 351 } });
  });

  it("keeps buckets apart", () => {
    const windows = new RateWindows();
    const bulk: RateRule = { bucket: "bulk", burst: { limit: 10, ms: 1_000 }, steady: { limit: 150, ms: MINUTE_MS } };
    expect(takeMany(windows, 400, START)).toBe(350);
    expect(takeMany(windows, 11, START, bulk)).toBe(10);
  });
});
