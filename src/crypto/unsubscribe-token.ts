// The token of an unsubscribe link: which message of which workspace, under a keyed tag, so that nobody can make one
// up or learn anything from it. It never expires: an old e-mail's link has to work.
//
// base62 of: workspace id 16 · delivery id 16 · tag 16 bytes.
import { createSecretKey } from "node:crypto";
import { formatUuid, uuidBytes } from "../domain/ids.ts";
import { decodeBase62, encodeBase62 } from "./base62.ts";
import { digestsEqual, keyedDigest } from "./secret-list.ts";

const ID_BYTES = 16;
const TAG_BYTES = 16;

/** What a token says; whether it is genuine only the workspace's key can tell. */
export interface UnsubscribeToken {
  workspaceId: string;
  deliveryId: string;
  /** 16 bytes. */
  tag: Uint8Array;
}

/**
 * Makes the token of a message.
 *
 * @param key  the workspace's own, 32 bytes
 */
export function mintUnsubscribeToken(key: Uint8Array, workspaceId: string, deliveryId: string): string {
  const bytes = new Uint8Array(2 * ID_BYTES + TAG_BYTES);
  bytes.set(uuidBytes(workspaceId), 0);
  bytes.set(uuidBytes(deliveryId), ID_BYTES);
  bytes.set(tagOf(key, workspaceId, deliveryId), 2 * ID_BYTES);
  return encodeBase62(bytes);
}

/** Reads a token; `null` = it is none. */
export function readUnsubscribeToken(text: string): UnsubscribeToken | null {
  const bytes = decodeBase62(text, 2 * ID_BYTES + TAG_BYTES);
  if (bytes === null) return null;
  return {
    workspaceId: formatUuid(bytes.subarray(0, ID_BYTES)),
    deliveryId: formatUuid(bytes.subarray(ID_BYTES, 2 * ID_BYTES)),
    tag: bytes.slice(2 * ID_BYTES),
  };
}

/** Whether a token was made under this key; in constant time. */
export function isGenuine(key: Uint8Array, { workspaceId, deliveryId, tag }: UnsubscribeToken): boolean {
  return digestsEqual(tagOf(key, workspaceId, deliveryId), tag);
}

function tagOf(key: Uint8Array, workspaceId: string, deliveryId: string): Uint8Array {
  const secret = createSecretKey(key);
  return keyedDigest(secret, "waypost.unsubscribe", uuidBytes(workspaceId), uuidBytes(deliveryId)).subarray(
    0,
    TAG_BYTES,
  );
}
