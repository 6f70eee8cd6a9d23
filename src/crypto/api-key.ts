// API keys that say themselves whose they are and what they may do, under a keyed tag: a forged key ends in
// the Worker, before any object is touched. Whether a key was revoked only its workspace's cell knows.
//
// wp_sk_ | wp_wk_, then base62 of: key id 16 · workspace id 16 · scopes 2 · secret 16 · tag 16 bytes.
import { formatUuid, uuidBytes } from "../domain/ids.ts";
import { packScopes, unpackScopes, type KeyKind, type Scope } from "../domain/scopes.ts";
import { decodeBase62, encodeBase62 } from "./base62.ts";
import { digestsEqual, keyedDigest, type SecretList } from "./secret-list.ts";
import { hash, type KeyObject } from "node:crypto";

const PREFIXES: Record<KeyKind, string> = { secret: "wp_sk_", write: "wp_wk_" };
const SIGNED_BYTES = 50;
const TAG_BYTES = 16;
const TOTAL_BYTES = SIGNED_BYTES + TAG_BYTES;
/** How much of a key a list shows: kind and the start of the key's id, nothing of its secret. */
const SHOWN_CHARACTERS = 16;

/**
 * What keys said that were checked before, by the key's hash: the same key gives the same answer for as long as
 * the list of secrets is the same. Revocation is not part of it.
 */
const recognised = new WeakMap<SecretList, Map<string, KeyClaims>>();
const MAX_RECOGNISED = 1_000;

export interface KeyClaims {
  keyId: string;
  workspaceId: string;
  kind: KeyKind;
  scopes: Scope[];
  /** What the cell compares with the digest it keeps, 32 bytes. */
  digest: Uint8Array;
}

/**
 * Makes a key under the newest secret.
 *
 * @param random  16 bytes, the key's secret
 * @returns the key, shown once, and what the cell keeps of it
 */
export function mintApiKey(
  secrets: SecretList,
  claims: { keyId: string; workspaceId: string; kind: KeyKind; scopes: readonly Scope[] },
  random: Uint8Array,
): { key: string; prefix: string; digest: Uint8Array } {
  const bytes = new Uint8Array(TOTAL_BYTES);
  bytes.set(uuidBytes(claims.keyId), 0);
  bytes.set(uuidBytes(claims.workspaceId), 16);
  new DataView(bytes.buffer).setUint16(32, packScopes(claims.scopes));
  bytes.set(random.subarray(0, 16), 34);
  const signed = bytes.subarray(0, SIGNED_BYTES);
  bytes.set(tagOf(secrets[0], claims.kind, signed), SIGNED_BYTES);
  const key = PREFIXES[claims.kind] + encodeBase62(bytes);
  return { key, prefix: key.slice(0, SHOWN_CHARACTERS), digest: digestOf(secrets[0], signed) };
}

/**
 * Reads a key and checks its tag, in constant time, under each secret in turn.
 *
 * @returns `null` when this is no key of that kind made here
 */
export function verifyApiKey(secrets: SecretList, kind: KeyKind, key: string): KeyClaims | null {
  if (!key.startsWith(PREFIXES[kind])) return null;
  const before = recognised.get(secrets);
  const fingerprint = hash("sha256", key, "base64");
  const known = before?.get(fingerprint);
  if (known !== undefined) return known;
  const claims = readApiKey(secrets, kind, key);
  if (claims !== null) remember(secrets, fingerprint, claims);
  return claims;
}

function readApiKey(secrets: SecretList, kind: KeyKind, key: string): KeyClaims | null {
  const bytes = decodeBase62(key.slice(PREFIXES[kind].length), TOTAL_BYTES);
  if (bytes === null) return null;
  const signed = bytes.subarray(0, SIGNED_BYTES);
  const tag = bytes.subarray(SIGNED_BYTES);
  const secret = secrets.find((candidate) => digestsEqual(tagOf(candidate, kind, signed), tag));
  if (secret === undefined) return null;
  return {
    keyId: formatUuid(bytes.subarray(0, 16)),
    workspaceId: formatUuid(bytes.subarray(16, 32)),
    kind,
    scopes: unpackScopes(new DataView(bytes.buffer).getUint16(32)),
    digest: digestOf(secret, signed),
  };
}

function remember(secrets: SecretList, fingerprint: string, claims: KeyClaims): void {
  const keys = recognised.get(secrets) ?? new Map<string, KeyClaims>();
  recognised.set(secrets, keys);
  if (keys.size >= MAX_RECOGNISED) keys.clear();
  keys.set(fingerprint, claims);
}

function tagOf(secret: KeyObject, kind: KeyKind, signed: Uint8Array): Uint8Array {
  return keyedDigest(secret, "waypost.key.tag", kind, signed).subarray(0, TAG_BYTES);
}

function digestOf(secret: KeyObject, signed: Uint8Array): Uint8Array {
  return keyedDigest(secret, "waypost.key.digest", signed);
}
