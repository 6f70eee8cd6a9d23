// What the ledger knows of a request: a keyed digest of its idempotency key and a keyed fingerprint of what it
// asked for, unredacted. Keyed, because a plain hash would let a redacted card number be guessed.
import type { Json } from "../domain/json.ts";
import { keyedDigest, type SecretList } from "./secret-list.ts";

/** Each operation has a space of keys of its own; the single and the batch call share theirs. */
export type Operation = "events.track" | "journeys.trigger";

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

function digest(bytes: Uint8Array): Uint8Array {
  // A copy: a Node buffer's memory is shared, and would cross to the cell whole.
  return Uint8Array.from(bytes.subarray(0, DIGEST_BYTES));
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
