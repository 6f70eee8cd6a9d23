import { describe, expect, it } from "vitest";
import { digestsEqual, keyedDigest, parseSecretList, secretsEqual } from "../../src/crypto/secret-list.ts";

const ONE = "one-secret-0123456789abcdef0123456789";
const TWO = "two-secret-0123456789abcdef0123456789";

const exported = (text: string): string[] => parseSecretList("S", text).map((secret) => secret.export().toString());

describe("parseSecretList", () => {
  it.each([
    [ONE, [ONE]],
    [`${ONE},${TWO}`, [ONE, TWO]],
    [` ${ONE} ,\n${TWO} `, [ONE, TWO]],
    [`${ONE},,${TWO},`, [ONE, TWO]],
  ])("reads secrets newest first", (text, expected) => {
    expect(exported(text)).toEqual(expected);
  });

  it.each([undefined, "", " ", ",,", " , "])("names the setting that is missing: %j", (text) => {
    expect(() => parseSecretList("LEDGER_SECRETS", text)).toThrow(/^LEDGER_SECRETS is not set/);
  });

  it("names the setting that holds a short secret, and no value", () => {
    const short = "short-value-xyz";
    try {
      parseSecretList("KEY_SECRETS", `${ONE},${short}`);
      expect.unreachable();
    } catch (error) {
      const { message, stack } = error as Error;
      expect(message).toMatch(/^KEY_SECRETS holds a secret of under 32 characters/);
      for (const text of [message, stack]) for (const value of [ONE, short]) expect(text).not.toContain(value);
    }
  });

  it("takes 32 characters, and no fewer", () => {
    expect(parseSecretList("S", "x".repeat(32))).toHaveLength(1);
    expect(() => parseSecretList("S", "x".repeat(31))).toThrow();
  });

  it("hands out secrets that print as nothing", () => {
    expect(JSON.stringify(parseSecretList("S", ONE))).not.toContain("one-secret");
  });
});

describe("keyedDigest", () => {
  const [one] = parseSecretList("S", ONE);
  const [two] = parseSecretList("S", TWO);
  const hex = (...args: Parameters<typeof keyedDigest>): string => Buffer.from(keyedDigest(...args)).toString("hex");

  it("is HMAC-SHA-256 over the label and the parts, joined by NUL", () => {
    // printf 'l\0a\0b' | openssl dgst -sha256 -hmac one-secret-0123456789abcdef0123456789
    expect(hex(one, "l", "a", Uint8Array.from([98]))).toBe(
      "22cf8868db98f64b497d4eec2524933eec6fae888b35c468aba7ccbdf6db3434",
    );
  });

  it("differs by secret, by label and by where parts end", () => {
    const digests = [
      hex(one, "l", "ab", "c"),
      hex(two, "l", "ab", "c"),
      hex(one, "m", "ab", "c"),
      hex(one, "l", "a", "bc"),
      hex(one, "l", "abc"),
    ];
    expect(new Set(digests).size).toBe(5);
  });
});

describe("comparing", () => {
  it("digests of unequal length are unequal, and throw nothing", () => {
    expect(digestsEqual(new Uint8Array(16), new Uint8Array(32))).toBe(false);
    expect(digestsEqual(new Uint8Array(0), new Uint8Array(0))).toBe(true);
    expect(digestsEqual(Uint8Array.from([1, 2]), Uint8Array.from([1, 3]))).toBe(false);
  });

  it.each([
    ["a", "a", true],
    ["a", "b", false],
    ["a", "aa", false],
    ["", "a", false],
    ["", "", true],
  ])("secrets %j and %j: %s", (given, expected, equal) => {
    expect(secretsEqual(given, expected)).toBe(equal);
  });
});
