// Checked against the reference library: what it signs is taken, and what it refuses is refused.
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { isSignedBy, parseVerificationKeys, type SignedHeaders } from "../../src/crypto/webhook-verification.ts";

const NOW = Date.UTC(2026, 4, 31, 12, 0, 0);
const NEWEST = aSecret();
const OLDER = aSecret();
const KEYS = parseVerificationKeys("SECRET", `${NEWEST}, ${OLDER}`);
const BODY = JSON.stringify({ type: "email.bounced", data: { to: ["zoë@example.com"] } });

function aSecret(): string {
  return `whsec_${randomBytes(24).toString("base64")}`;
}

/** The headers of a webhook as its sender makes them. */
function signed(over: { secret?: string; at?: number; body?: string } = {}): SignedHeaders {
  const { secret = NEWEST, at = NOW, body = BODY } = over;
  const signature = new Webhook(secret).sign("msg_1", new Date(at), body);
  return { id: "msg_1", timestamp: String(Math.floor(at / 1_000)), signature };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const takes = (headers: SignedHeaders, body = BODY, now = NOW): boolean => isSignedBy(KEYS, headers, bytes(body), now);

describe("isSignedBy", () => {
  it("takes what the reference library signs under any secret of the list", () => {
    expect(takes(signed())).toBe(true);
    expect(takes(signed({ secret: OLDER }))).toBe(true);
  });

  it("refuses what is signed under a secret that is not on the list", () => {
    expect(takes(signed({ secret: aSecret() }))).toBe(false);
  });

  it("takes one good signature among others, as a sender who rotates sends them", () => {
    const { signature, ...headers } = signed();
    const other = signed({ secret: aSecret() }).signature;
    expect(takes({ ...headers, signature: `${other} v1a,AAAA ${signature}` })).toBe(true);
    expect(takes({ ...headers, signature: `${other} ${other}` })).toBe(false);
  });

  it("checks every byte of the body, the id and the instant", () => {
    const headers = signed();
    expect(takes(headers, `${BODY} `)).toBe(false);
    expect(takes(headers, BODY.replace("zoë", "zoe"))).toBe(false);
    expect(takes({ ...headers, id: "msg_2" })).toBe(false);
    expect(takes({ ...headers, timestamp: String(Number(headers.timestamp) + 1) })).toBe(false);
  });

  it("takes five minutes of difference between the clocks, either way, and not a second more", () => {
    for (const way of [-1, 1]) {
      expect(takes(signed({ at: NOW + way * 300_000 }))).toBe(true);
      expect(takes(signed({ at: NOW + way * 301_000 }))).toBe(false);
    }
  });

  it.each<[string, Partial<SignedHeaders>]>([
    ["no id", { id: "" }],
    ["no instant", { timestamp: "" }],
    ["an instant that is no number", { timestamp: "1e9" }],
    ["a negative instant", { timestamp: "-1" }],
    ["no signature", { signature: "" }],
    ["an empty signature", { signature: "v1," }],
    ["a signature of another version", { signature: signed().signature.replace("v1,", "v2,") }],
    ["a signature without its version", { signature: signed().signature.replace("v1,", "") }],
    ["a signature cut short", { signature: signed().signature.slice(0, -8) }],
  ])("refuses %s", (_, over) => {
    expect(takes({ ...signed(), ...over })).toBe(false);
  });

  it("lets nothing in when there is no secret", () => {
    expect(isSignedBy(parseVerificationKeys("SECRET", undefined), signed(), bytes(BODY), NOW)).toBe(false);
  });
});

describe("parseVerificationKeys", () => {
  it.each(["whsec_c2hvcnQ=", "secret-without-its-prefix-0123456789", "whsec_not base64 at all, really!"])(
    "refuses %s by the setting's name, and without the value",
    (text) => {
      const refusal = expect.objectContaining({ message: expect.stringMatching(/^SECRET holds/) });
      expect(() => parseVerificationKeys("SECRET", text)).toThrow(refusal);
      expect(() => parseVerificationKeys("SECRET", text)).not.toThrow(text);
    },
  );

  it("reads nothing as no secret", () => {
    expect(parseVerificationKeys("SECRET", " , ")).toEqual([]);
  });
});
