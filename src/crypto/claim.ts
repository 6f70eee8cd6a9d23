// What the ledger knows of a request: a keyed digest of its idempotency key and a keyed fingerprint of what it
// asked for, unredacted. Keyed, because a plain hash would let a redacted card number be guessed.
import { createHash } from "node:crypto";
import { uuidBytes } from "../domain/ids.ts";
import type { Json } from "../domain/json.ts";
import { keyedDigest, type SecretList } from "./secret-list.ts";

/**
 * Each operation has a space of keys of its own: what one door derives from a vendor's id never meets a key that
 * a caller chose. The single and the batch call share theirs.
 */
export type Operation =
  | "events.track"
  | "journeys.trigger"
  | "klaviyo.event"
  | "segment.message"
  | "greenflash.event"
  | "segmentstream.hit"
  | "ingest.message";

/** 128 bits: a collision takes 2^64 keys of one workspace, and nobody without the secret can look for one. */
const DIGEST_BYTES = 16;

export interface KeyClaim {
  keyDigest: Uint8Array;
  fingerprint: Uint8Array;
}

/**
 * Claims for one request, one for each secret, newest first.
 *
 * @param key      the caller's idempotency key, 1–255 characters
 * @param request  the request as parsed, known fields only, less its key
 */
export function claimsFor(
  secrets: SecretList,
  operation: Operation,
  workspaceId: string,
  key: string,
  request: Json,
): KeyClaim[] {
  const canonical = canonicalJson(request);
  return secrets.map((secret) => ({
    keyDigest: digest(keyedDigest(secret, "waypost.ledger.key", operation, workspaceId, key)),
    fingerprint: digest(keyedDigest(secret, "waypost.ledger.request", operation, workspaceId, canonical)),
  }));
}

/**
 * Claims for an id of which the first use wins, whatever comes under it later: always fresh or a replay, never a
 * conflict.
 *
 * @param id  what the vendor deduplicates by
 */
export function firstWinsClaims(
  secrets: SecretList,
  operation: Operation,
  workspaceId: string,
  id: string,
): KeyClaim[] {
  return claimsFor(secrets, operation, workspaceId, id, null);
}

/**
 * Forms a claim on one person. The digest it is made from is keyed already, so the secret is not needed here.
 *
 * @param profileId  a UUID
 */
export function personalClaim(claim: KeyClaim, profileId: string): KeyClaim {
  const bytes = createHash("sha256").update(claim.keyDigest).update(uuidBytes(profileId)).digest();
  return { keyDigest: digest(bytes), fingerprint: claim.fingerprint };
}

function digest(bytes: Uint8Array): Uint8Array {
  // A copy: a Node buffer's memory is shared, and would cross to the cell whole.
  return new Uint8Array(bytes.subarray(0, DIGEST_BYTES));
}

/** JSON text with every object's keys sorted by code unit; absent and present fields differ. */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(",")}}`;
}
