import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PART_BYTES, splitText } from "../../src/domain/text-parts.ts";

const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength;

describe("a text in parts", () => {
  it.each([0, 1, PART_BYTES - 1, PART_BYTES])("stays in its row at %i bytes", (bytes) => {
    expect(splitText("x".repeat(bytes))).toEqual([]);
  });

  it("is cut one byte further", () => {
    expect(splitText("x".repeat(PART_BYTES + 1)).map(bytesOf)).toEqual([PART_BYTES, 1]);
  });

  it("counts bytes and not characters", () => {
    expect(splitText("é".repeat(PART_BYTES / 2))).toEqual([]);
    expect(splitText("é".repeat(PART_BYTES / 2 + 1))).toHaveLength(2);
  });

  it("keeps a byte-order mark that a part begins with", () => {
    const text = `${"x".repeat(PART_BYTES)}\uFEFFy`;
    expect(splitText(text).join("")).toBe(text);
  });

  it("gives the same text again, whatever characters lie at the cuts", () => {
    const character = fc.constantFrom("a", "é", "東", "😀", '"', "\\", "\uFEFF");
    fc.assert(
      fc.property(fc.array(character, { minLength: 1, maxLength: 7 }), fc.nat(5), (characters, offset) => {
        const text = "b".repeat(offset) + characters.join("").repeat(Math.ceil(PART_BYTES / characters.length));
        const parts = splitText(text);
        if (parts.length > 0) expect(parts.join("")).toBe(text);
        for (const part of parts) expect(bytesOf(part)).toBeLessThanOrEqual(PART_BYTES);
      }),
      { numRuns: 30 },
    );
  });
});
