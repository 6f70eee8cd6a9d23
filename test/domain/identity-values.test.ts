import { describe, expect, it } from "vitest";
import { isIdentityText, normalisePhone } from "../../src/domain/identity-values.ts";

describe("a phone number", () => {
  it.each([
    ["+14155550101", "+14155550101"],
    ["+1 (415) 555-0101", "+14155550101"],
    ["+49.30/1234567", "+49301234567"],
    ["0049 30 1234567", "+49301234567"],
    ["+44 20 7946\u20110958", "+442079460958"],
    ["+1234567", "+1234567"],
    ["+123456789012345", "+123456789012345"],
  ])("%s is %s", (text, expected) => {
    expect(normalisePhone(text)).toBe(expected);
  });

  it.each(["4155550101", "+04155550101", "+123456", "+1234567890123456", "+1415abc0101", "", "+", "++14155550101"])(
    "%j is none",
    (text) => {
      expect(normalisePhone(text)).toBeNull();
    },
  );
});

describe("an id", () => {
  it.each([
    ["of one character", "x", true],
    ["of 255 characters", "x".repeat(255), true],
    ["of 256 characters", "x".repeat(256), false],
    ["of none", "", false],
    ["with a lone surrogate", "\ud800", false],
    ["with U+0000", "a\0b", false],
  ])("%s is an identity: %s", (_, text, expected) => {
    expect(isIdentityText(text)).toBe(expected);
  });
});
