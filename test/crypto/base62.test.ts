import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base62Length, decodeBase62, encodeBase62 } from "../../src/crypto/base62.ts";

const bytes = fc.uint8Array({ minLength: 1, maxLength: 80 });

describe("base62", () => {
  it("gives back what was written, in letters and digits of a fixed number", () => {
    fc.assert(
      fc.property(bytes, (sent) => {
        const text = encodeBase62(sent);
        expect(text).toMatch(/^[0-9A-Za-z]+$/);
        expect(text.length).toBe(base62Length(sent.byteLength));
        expect(decodeBase62(text, sent.byteLength)).toEqual(sent);
      }),
    );
  });

  it("keeps leading zeros", () => {
    const zeros = new Uint8Array(16);
    expect(decodeBase62(encodeBase62(zeros), 16)).toEqual(zeros);
  });

  it("has one text for one value: no other text reads as the same bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.stringMatching(/^[0-9A-Za-z]{6}$/),
        (sent, text) => {
          const read = decodeBase62(text, 4);
          expect(read === null || encodeBase62(read) === text).toBe(true);
          expect(decodeBase62(encodeBase62(sent), 4)).toEqual(sent);
        },
      ),
    );
  });

  it.each([
    ["too short", "0".repeat(21)],
    ["too long", "0".repeat(23)],
    ["another character", "-".repeat(22)],
    ["a space", " ".repeat(22)],
    ["a character outside ASCII", "é".repeat(22)],
    ["more than the bytes can hold", "z".repeat(22)],
    ["empty", ""],
  ])("reads nothing that is %s", (_, text) => {
    expect(decodeBase62(text, 16)).toBeNull();
  });
});
