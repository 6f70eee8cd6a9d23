import { describe, expect, it } from "vitest";
import { findRoundedNumber, numberOrText } from "../../src/http/json-numbers.ts";

describe("a number in a body", () => {
  it.each([
    "0",
    "-0",
    "0.1",
    "1e22",
    "9007199254740992",
    "-9007199254740991",
    "10000000000000000000000",
    "1.7976931348623157e308",
    "5e-324",
    "0e999",
    "0.0000000000000000000",
    "123456789.123456789012345678",
  ])("is kept when a double holds it: %s", (literal) => {
    expect(findRoundedNumber(`{"data":{"n":${literal}}}`)).toBeNull();
  });

  it.each([
    "9007199254740993",
    "-9007199254740993",
    "123456789012345678901234567890",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1e-399",
  ])("is refused when a double does not: %s", (literal) => {
    expect(findRoundedNumber(`{"data":{"n":${literal}}}`)?.path).toBe("data");
  });

  it.each([
    ["data", '{"data":{"secret name":[{"deeper":1e400}]}}'],
    ["total", '{"total":1e400}'],
    ["body", '{"a name of the caller\'s own":1e400}'],
    ["body", "[1e400]"],
    ["body", "1e400"],
  ])("is placed by the body's own field and no further: %s", (path, text) => {
    expect(findRoundedNumber(text)?.path).toBe(path);
  });

  it("is not looked for inside strings", () => {
    expect(findRoundedNumber('{"data":"9007199254740993 1e400"}')).toBeNull();
  });
});

describe("a number that was sent as text", () => {
  it.each([
    ["0", 0],
    ["-12.50", -12.5],
    ["1e3", 1_000],
    ["9007199254740992", 9_007_199_254_740_992],
  ])("is the number when a double holds it: %s", (text, number) => {
    expect(numberOrText(text)).toBe(number);
  });

  it.each(["", " 1", "007", "+1", "1.", ".5", "0x10", "Infinity", "9007199254740993", "1e400", "much"])(
    "stays text otherwise: %j",
    (text) => {
      expect(numberOrText(text)).toBe(text);
    },
  );
});
