import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spread } from "../../src/domain/stable-hash.ts";

const PEOPLE = 20_000;

/** Ids as they come: one after the other, differing in their last characters only. */
const ids = Array.from({ length: PEOPLE }, (_, i) => `0199f000-0000-7000-8000-${i.toString(16).padStart(12, "0")}`);

describe("spread", () => {
  it("is the same in every release: what it gave once it gives for ever", () => {
    // As another implementation of the two hashes gives them.
    expect(spread([])).toBe(0.6689221884589642);
    expect(spread(["journey-1", "split", "profile-1", ""])).toBe(0.8302220480982214);
    expect(spread(["Ω", "😀"])).toBe(0.9833395695313811);
  });

  it("lies between 0 and 1", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (parts) => {
        const point = spread(parts);
        expect(point).toBeGreaterThanOrEqual(0);
        expect(point).toBeLessThan(1);
      }),
    );
  });

  it("knows where its parts end", () => {
    expect(spread(["ab", "c"])).not.toBe(spread(["a", "bc"]));
    expect(spread(["a"])).not.toBe(spread(["a", ""]));
  });

  it("spreads ids that follow each other evenly over ten shares", () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const id of ids) counts[Math.floor(spread(["j", "s", id, ""]) * 10)]! += 1;
    const expected = PEOPLE / 10;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 9 degrees of freedom: 27.9 is passed once in a thousand.
    expect(chiSquare).toBeLessThan(27.9);
  });

  it("makes two splits of one journey independent of each other", () => {
    const counts = [0, 0, 0, 0];
    for (const id of ids) {
      const [a, b] = [spread(["j", "first", id, ""]), spread(["j", "second", id, ""])];
      counts[(a < 0.5 ? 0 : 1) + (b < 0.5 ? 0 : 2)]! += 1;
    }
    const expected = PEOPLE / 4;
    expect(counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(16.3);
  });
});
