// What is kept of an erased person's identities, so that a late retry does not bring them back: digests under a key
// that is made of a ledger secret for one workspace. Without the secret nobody can tell whether an address is there.
import { createSecretKey, type KeyObject } from "node:crypto";
import { IDENTITY_KINDS, type IdentityKind, type SentIdentities } from "../domain/profile.ts";
import { keyedDigest, type SecretList } from "./secret-list.ts";

/** 128 bits, as the ledger's digests. */
const DIGEST_BYTES = 16;

/**
 * Makes a workspace's keys for the identities of its erased people. They may be handed to its cell: of the secrets
 * they tell nothing.
 *
 * @returns one of 32 bytes for each secret, newest first
 */
export function identityKeys(secrets: SecretList, workspaceId: string): Uint8Array[] {
  return secrets.map((secret) => keyOf(secret, workspaceId));
}

/** The key under which new digests are made. */
export function newestIdentityKey([newest]: SecretList, workspaceId: string): Uint8Array {
  return keyOf(newest, workspaceId);
}

function keyOf(secret: KeyObject, workspaceId: string): Uint8Array {
  // A copy: a Node buffer's memory is shared, and would cross to the cell whole.
  return Uint8Array.from(keyedDigest(secret, "waypost.erased.key", workspaceId));
}

/**
 * Digests one identity.
 *
 * @param key    one of {@link identityKeys}
 * @param value  normalised, as the profile has it
 * @returns 16 bytes
 */
export function identityDigest(key: Uint8Array, kind: IdentityKind, value: string): Uint8Array {
  return digestUnder(createSecretKey(key), kind, value);
}

/** Digests what a request says about who the person is, under each of the keys. */
export function identityDigests(keys: readonly Uint8Array[], identities: SentIdentities): Uint8Array[] {
  return keys.flatMap((key) => {
    const secret = createSecretKey(key);
    return IDENTITY_KINDS.flatMap((kind) => {
      const value = identities[kind];
      return value === undefined ? [] : [digestUnder(secret, kind, value)];
    });
  });
}

function digestUnder(secret: KeyObject, kind: IdentityKind, value: string): Uint8Array {
  return Uint8Array.from(keyedDigest(secret, "waypost.erased.identity", kind, value).subarray(0, DIGEST_BYTES));
}
