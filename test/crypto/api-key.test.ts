import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mintApiKey, verifyApiKey } from "../../src/crypto/api-key.ts";
import { parseSecretList } from "../../src/crypto/secret-list.ts";
import { formatUuid } from "../../src/domain/ids.ts";
import { SCOPES, type KeyKind, type Scope } from "../../src/domain/scopes.ts";

const OLD = "old-secret-0123456789abcdef0123456789";
const NEW = "new-secret-0123456789abcdef0123456789";
const before = parseSecretList("KEY_SECRETS", OLD);
const rotated = parseSecretList("KEY_SECRETS", `${NEW},${OLD}`);
const after = parseSecretList("KEY_SECRETS", NEW);

const anId = (): string => formatUuid(randomBytes(16));

function aKey(over: { kind?: KeyKind; scopes?: Scope[] } = {}, secrets = before) {
  const claims = { keyId: anId(), workspaceId: anId(), kind: "secret" as const, scopes: [...SCOPES], ...over };
  return { claims, ...mintApiKey(secrets, claims, randomBytes(16)) };
}

describe("an API key", () => {
  it("says whose it is and what it may do", () => {
    fc.assert(
      fc.property(fc.subarray([...SCOPES]), fc.constantFrom<KeyKind>("secret", "write"), (scopes, kind) => {
        const { key, claims, digest } = aKey({ kind, scopes });
        expect(verifyApiKey(before, kind, key)).toEqual({ ...claims, digest });
        expect(digest.byteLength).toBe(32);
      }),
    );
  });

  it("is nothing that a shell, a URL or Basic authentication would mangle", () => {
    expect(aKey().key).toMatch(/^wp_sk_[0-9A-Za-z]{89}$/);
    expect(aKey({ kind: "write" }).key).toMatch(/^wp_wk_[0-9A-Za-z]{89}$/);
  });

  it("shows of itself no more than its kind and the start of its id", () => {
    const { key, prefix } = aKey();
    expect(prefix).toBe(key.slice(0, 16));
  });

  it("is no key when any one character is another", () => {
    const { key } = aKey();
    for (let i = 0; i < key.length; i++) {
      for (const other of [key[i] === "0" ? "1" : "0", "z", "-"]) {
        if (other === key[i]) continue;
        expect(verifyApiKey(before, "secret", key.slice(0, i) + other + key.slice(i + 1))).toBeNull();
      }
    }
  });

  it("is no key of the other kind, under either prefix", () => {
    for (const [kind, otherKind, otherPrefix] of [
      ["secret", "write", "wp_wk_"],
      ["write", "secret", "wp_sk_"],
    ] as const) {
      const { key } = aKey({ kind });
      expect(verifyApiKey(before, otherKind, key)).toBeNull();
      expect(verifyApiKey(before, otherKind, otherPrefix + key.slice(6))).toBeNull();
      expect(verifyApiKey(before, kind, key)).not.toBeNull();
    }
  });

  it.each([
    "",
    "wp_sk_",
    "wp_sk_0",
    "nothing",
    `wp_sk_${"0".repeat(89)}`,
    `wp_sk_${"z".repeat(89)}`,
    `WP_SK_${"0".repeat(89)}`,
  ])("is not %j", (text) => {
    expect(verifyApiKey(before, "secret", text)).toBeNull();
  });

  it("has another digest when its secret differs, whatever else is the same", () => {
    const claims = { keyId: anId(), workspaceId: anId(), kind: "secret" as const, scopes: [] };
    const [one, two] = [mintApiKey(before, claims, randomBytes(16)), mintApiKey(before, claims, randomBytes(16))];
    expect(Buffer.from(one.digest).equals(two.digest)).toBe(false);
  });

  it("goes on working under a rotated list, with the digest it was stored with, until its secret is gone", () => {
    const { key, digest } = aKey();
    expect(verifyApiKey(rotated, "secret", key)?.digest).toEqual(digest);
    expect(verifyApiKey(after, "secret", key)).toBeNull();
  });

  it("is made under the newest secret", () => {
    const { key } = aKey({}, rotated);
    expect([verifyApiKey(after, "secret", key) === null, verifyApiKey(before, "secret", key)]).toEqual([false, null]);
  });
});
