import { describe, expect, it } from "vitest";
import { retryAfterMs } from "../../src/domain/retry-after.ts";

const NOW = Date.UTC(2026, 4, 31, 12, 0, 0);

describe("retryAfterMs", () => {
  it.each([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["Sun, 31 May 2026 12:00:30 GMT", 30_000],
    ["Sun, 31 May 2026 11:00:00 GMT", 0],
  ])("reads %s", (header, ms) => {
    expect(retryAfterMs(header, NOW)).toBe(ms);
  });

  it.each([
    null,
    "",
    "-1",
    "1.5",
    "1e3",
    "soon",
    "2026-05-31T12:00:30Z",
    "Sunday, 31-May-26 12:00:30 GMT",
    "9".repeat(40),
  ])("says nothing for %s", (header) => {
    expect(retryAfterMs(header, NOW)).toBeNull();
  });
});
