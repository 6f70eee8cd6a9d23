// Tells whether a webhook comes from who it says, whole and just now: Standard Webhooks 1.0.0, which is Svix's scheme
// under other names of headers. The bytes that arrived are what is checked, before anything reads them.
import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { digestsEqual } from "./secret-list.ts";

const PREFIX = "whsec_";
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** The specification asks for 24; an older secret may be shorter. */
const MIN_SECRET_BYTES = 16;
/** How far the sender's clock may be from ours, either way; what is older may be an old one played again. */
const TOLERANCE_SECONDS = 5 * 60;

/** Secrets that a sender signs with, newest first. */
export type VerificationKeys = readonly KeyObject[];

export interface SignedHeaders {
  id: string;
  /** Unix seconds, as sent. */
  timestamp: string;
  /** `v1,<base64>` for each secret of the sender's, separated by spaces. */
  signature: string;
}

/**
 * Reads a list of secrets as a sender shows them.
 *
 * @param text  `whsec_` and base64, separated by commas; empty or unset = none
 * @throws Error naming the setting, never a value
 */
export function parseVerificationKeys(name: string, text: string | undefined): VerificationKeys {
  const secrets = (text ?? "")
    .split(",")
    .map((secret) => secret.trim())
    .filter((secret) => secret !== "");
  return secrets.map((secret) => {
    const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : "";
    const bytes = BASE64.test(encoded) ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
    if (bytes.byteLength < MIN_SECRET_BYTES) {
      throw new Error(`${name} holds a secret that is not whsec_ and base64: see docs/sending-email.md`);
    }
    return createSecretKey(bytes);
  });
}

/**
 * Checks a webhook's signature, in constant time, under each secret in turn.
 *
 * @param body  as it arrived
 * @param now   Unix milliseconds
 */
export function isSignedBy(keys: VerificationKeys, headers: SignedHeaders, body: Uint8Array, now: number): boolean {
  const { id, timestamp, signature } = headers;
  if (id === "" || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Math.floor(now / 1_000) - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const given = signature
    .split(" ")
    .filter((part) => part.startsWith("v1,"))
    .map((part) => Buffer.from(part.slice("v1,".length), "base64"));
  return keys.some((key) => {
    const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
    return given.some((candidate) => digestsEqual(candidate, expected));
  });
}
