// A sliding window counts exactly what is in it, and stays small.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EntryWindow } from "../../src/domain/entry-window.ts";

describe("a sliding window", () => {
  it.each([
    [0, 1],
    [999, 1],
    [1_000, 0],
  ])("of a second: %i ms later it counts %i", (laterMs, expected) => {
    const window = new EntryWindow(1_000);
    window.add(5_000);
    expect(window.count(5_000 + laterMs)).toBe(expected);
  });

  it("counts as a list does that nothing is let go of", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 3_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), gaps, (perMs, between) => {
        const window = new EntryWindow(perMs);
        const all: number[] = [];
        let now = 1_000_000;
        for (const gap of between) {
          now += gap;
          const expected = all.filter((at) => at > now - perMs).length;
          expect(window.count(now)).toBe(expected);
          window.add(now);
          all.push(now);
        }
      }),
      { numRuns: 60, seed: 20_260_601 },
    );
  });

  it("of a day loses at most a hundred-thousandth of it, and never counts too much", () => {
    const dayMs = 86_400_000;
    const window = new EntryWindow(dayMs);
    for (let i = 0; i < 1_000; i++) window.add(i);
    expect([window.count(dayMs - 865), window.count(dayMs - 1)]).toEqual([1_000, expect.any(Number)]);
    expect(window.count(dayMs + 1_000)).toBe(0);
  });
});
