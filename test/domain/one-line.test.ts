import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oneLine } from "../../src/domain/one-line.ts";

describe("oneLine", () => {
  it.each([
    ["Order 1001", "Order 1001"],
    ["  Order \r\n 1001\t", "Order 1001"],
    ["Order\u0000\u001b[31m 1001", "Order [31m 1001"],
    ["Order\u2028Bcc: kim@example.com", "Order Bcc: kim@example.com"],
    ["\r\n", ""],
  ])("writes %j as %j", (text, line) => {
    expect(oneLine(text, 100)).toBe(line);
  });

  it("cuts to the length without leaving half a character", () => {
    expect(oneLine("ab😀", 3)).toBe("ab\ufffd");
    expect(oneLine("ab cd", 3)).toBe("ab");
  });

  it("has no control character, no break and no more than was asked for, whatever it is given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(20), (text, max) => {
        const line = oneLine(text, max);
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(line.length).toBeLessThanOrEqual(max);
        expect(line.isWellFormed()).toBe(true);
      }),
    );
  });
});
