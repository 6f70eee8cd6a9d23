// Looking for a text in a text: what the platform's search says, without its worst case.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { searchCost, textIncludes } from "../../src/domain/text-search.ts";

/** Texts that nearly repeat themselves, so that a search often comes far before it fails. */
const repetitive = (minLength: number) =>
  fc
    .record({
      unit: fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", "ä", "\ud83d", "\ude00") }),
      odd: fc.string({ maxLength: 3, unit: fc.constantFrom("a", "b") }),
      place: fc.nat(minLength),
    })
    .map(({ unit, odd, place }) => {
      const text = unit.repeat(minLength);
      return text.slice(0, place) + odd + text.slice(place);
    });

describe("a text", () => {
  it("is found in another where the platform finds it, and nowhere else", () => {
    let found = 0;
    const pairs = fc.record({
      text: repetitive(4_000),
      wanted: repetitive(600),
      from: fc.nat(4_000),
      own: fc.boolean(),
    });
    fc.assert(
      fc.property(pairs, ({ text, wanted, from, own }) => {
        const part = own ? text.slice(from, from + 900) + (from % 3 === 0 ? "b" : "") : wanted;
        const expected = text.includes(part);
        if (expected) found += 1;
        expect(textIncludes(text, part)).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
    expect(found).toBeGreaterThan(100);
    expect(found).toBeLessThan(900);
  });

  it.each([
    ["nothing in nothing", "", "", true],
    ["nothing in a text", "abc", "", true],
    ["itself", "abc", "abc", true],
    ["a longer one", "abc", "abcd", false],
    ["a long one in itself", "ab".repeat(2_000), "ab".repeat(2_000), true],
    ["a long one in a shorter", "ab".repeat(2_000), `${"ab".repeat(2_000)}a`, false],
    ["the end of a long one", `${"a".repeat(4_000)}b`, `${"a".repeat(2_000)}b`, true],
    ["the begin of a long one", `${"a".repeat(2_000)}b${"c".repeat(2_000)}`, `${"a".repeat(2_000)}b`, true],
    ["a half of a pair", `${"a".repeat(4_000)}😀`, `${"a".repeat(2_000)}\ud83d`, true],
  ])("holds or does not: %s", (_, text, wanted, holds) => {
    expect(textIncludes(text, wanted)).toBe(holds);
  });

  // The platform's own search takes minutes for this one.
  it("is searched in one pass, however often it nearly matches", () => {
    const wanted = `${"a".repeat(250_000)}b${"a".repeat(250_000)}`;
    expect(textIncludes("a".repeat(2_000_000), wanted)).toBe(false);
    expect(searchCost("a".repeat(2_000_000), wanted)).toBe(2_500_001);
  });

  it("costs no more than the product of two lengths where one is short, and than their sum where both are long", () => {
    expect(searchCost("a".repeat(1_000), "b".repeat(10))).toBe(10_000);
    expect(searchCost("a".repeat(32_768), "b".repeat(16_384))).toBe(49_152);
  });
});
