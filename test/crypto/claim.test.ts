import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, claimsFor, type KeyClaim, type Operation } from "../../src/crypto/claim.ts";
import { parseSecretList } from "../../src/crypto/secret-list.ts";
import type { Json } from "../../src/domain/json.ts";
import { fingerprinted, type TrackRequest } from "../../src/http/native/track-request.ts";

const OLD = "old-secret-0123456789abcdef0123456789";
const NEW = "new-secret-0123456789abcdef0123456789";
const secrets = parseSecretList("LEDGER_SECRETS", OLD);

function claim(over: { operation?: Operation; workspaceId?: string; key?: string; request?: Json } = {}): KeyClaim {
  const { operation = "events.track", workspaceId = "w1", key = "k", request = {} } = over;
  return claimsFor(secrets, operation, workspaceId, key, request)[0] as KeyClaim;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fingerprint = (request: Json): string => hex(claim({ request }).fingerprint);
const trackFingerprint = (over: Partial<TrackRequest>): string =>
  fingerprint(fingerprinted({ event: "order.created", profile: { email: "a@example.com" }, ...over }));

/** The same value with every object's keys in reverse order. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe("a fingerprint", () => {
  it("ignores the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (sent) => {
        const value = JSON.parse(JSON.stringify(sent)) as Json;
        expect(fingerprint(reversed(value))).toBe(fingerprint(value));
      }),
    );
  });

  it("tells any two different values apart", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [one, two] = [a, b].map((value) => JSON.parse(JSON.stringify(value)) as Json) as [Json, Json];
        const same = canonicalJson(one) === canonicalJson(two);
        expect(fingerprint(one) === fingerprint(two)).toBe(same);
        if (same) expect(one).toEqual(two);
      }),
    );
  });

  it("is canonical JSON that reads back as the value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (sent) => {
        const value = JSON.parse(JSON.stringify(sent)) as Json;
        expect(JSON.parse(canonicalJson(value))).toEqual(value);
      }),
    );
  });

  it.each([
    ["absent and null", {}, { a: null }],
    ["absent and present", {}, { a: "" }],
    ["null and the text null", { a: null }, { a: "null" }],
    ["1 and the text 1", { a: 1 }, { a: "1" }],
    ["1 and true", { a: 1 }, { a: true }],
    ["an empty array and an empty object", { a: [] }, { a: {} }],
    ["the order of an array", { a: [1, 2] }, { a: [2, 1] }],
    ["nesting", { a: { b: 1 } }, { a: {}, b: 1 }],
    ["letter case", { a: "A" }, { a: "a" }],
    ["lone surrogates", { a: "\ud800" }, { a: "\ud801" }],
    ["__proto__ and nothing", {}, JSON.parse('{"__proto__":1}') as Json],
  ])("tells apart %s", (_, one, two) => {
    expect(fingerprint(one as Json)).not.toBe(fingerprint(two));
  });
});

describe("the fingerprint of an event", () => {
  it("takes the redacted paths as a set, and none as an empty one", () => {
    const some = trackFingerprint({ redactedDataPaths: ["/event/a", "/event/b"] });
    expect(trackFingerprint({ redactedDataPaths: ["/event/b", "/event/a", "/event/b"] })).toBe(some);
    expect(trackFingerprint({ redactedDataPaths: [] })).toBe(trackFingerprint({}));
    expect(some).not.toBe(trackFingerprint({}));
  });

  it.each<Partial<TrackRequest>>([
    { event: "order.paid" },
    { profile: { email: "A@example.com" } },
    { profile: { email: "a@example.com", properties: {} } },
    { data: {} },
    { data: { card: "4111" } },
    { referenceId: "r" },
    { occurredAt: "2026-06-01T12:00:00Z" },
  ])("differs with %j", (over) => {
    expect(trackFingerprint(over)).not.toBe(trackFingerprint({}));
  });

  it("covers what redaction takes out", () => {
    const redactedDataPaths = ["/event/card"];
    expect(trackFingerprint({ data: { card: "4111" }, redactedDataPaths })).not.toBe(
      trackFingerprint({ data: { card: "5500" }, redactedDataPaths }),
    );
  });

  it("takes an instant as it was sent", () => {
    expect(trackFingerprint({ occurredAt: "2026-06-01T12:00:00Z" })).not.toBe(
      trackFingerprint({ occurredAt: "2026-06-01T12:00:00.000Z" }),
    );
  });
});

describe("claims", () => {
  it("are 16 bytes each, in memory of their own", () => {
    const { keyDigest, fingerprint: print } = claim();
    expect([keyDigest, print].map((bytes) => [bytes.byteLength, bytes.buffer.byteLength])).toEqual([
      [16, 16],
      [16, 16],
    ]);
  });

  it("of another key, operation or workspace are others", () => {
    const digests = [
      claim(),
      claim({ key: "K" }),
      claim({ operation: "journeys.trigger" }),
      claim({ workspaceId: "w2" }),
    ];
    expect(new Set(digests.map(({ keyDigest }) => hex(keyDigest))).size).toBe(4);
    expect(new Set([digests[0], digests[2], digests[3]].map((one) => hex((one as KeyClaim).fingerprint))).size).toBe(3);
  });

  it("come one for each secret, newest first, and the older ones are as they were made", () => {
    const made = claimsFor(parseSecretList("S", OLD), "events.track", "w", "k", { a: 1 });
    const rotated = claimsFor(parseSecretList("S", `${NEW},${OLD}`), "events.track", "w", "k", { a: 1 });
    expect(rotated).toHaveLength(2);
    expect(rotated[1]).toEqual(made[0]);
    expect(rotated[0]).not.toEqual(made[0]);
  });
});
