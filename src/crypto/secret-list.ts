// The lists of secrets a deployment is given, newest first. The first makes, all of them recognise; a secret
// that is taken off the list ends what was made under it. Values never leave this folder.
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";

const MIN_SECRET_CHARACTERS = 32;

export type SecretList = readonly [KeyObject, ...KeyObject[]];

/**
 * Reads a list of secrets.
 *
 * @param text  secrets of at least 32 characters, separated by commas, newest first
 * @throws Error naming the setting, never a value, when there is none or one is too short
 */
export function parseSecretList(name: string, text: string | undefined): SecretList {
  const secrets = (text ?? "")
    .split(",")
    .map((secret) => secret.trim())
    .filter((secret) => secret !== "");
  if (secrets.length === 0) throw new Error(`${name} is not set: see docs/operations.md`);
  if (secrets.some((secret) => secret.length < MIN_SECRET_CHARACTERS)) {
    throw new Error(`${name} holds a secret of under ${MIN_SECRET_CHARACTERS} characters: see docs/operations.md`);
  }
  const [newest, ...older] = secrets.map((secret) => createSecretKey(secret, "utf8"));
  return [newest as KeyObject, ...older];
}

/**
 * HMAC-SHA-256 over labelled parts.
 *
 * @param label  keeps the uses of one secret apart
 * @param parts  joined by NUL; a part that may hold NUL itself comes last
 * @returns 32 bytes
 */
export function keyedDigest(secret: KeyObject, label: string, ...parts: (string | Uint8Array)[]): Uint8Array {
  const hmac = createHmac("sha256", secret);
  // Handing something over costs as much as the digest of a short text: texts go in together.
  let text = label;
  for (const part of parts) {
    text += "\0";
    if (typeof part === "string") {
      text += part;
    } else {
      hmac.update(text).update(part);
      text = "";
    }
  }
  return (text === "" ? hmac : hmac.update(text)).digest();
}

/** Compares two digests in constant time; digests of unequal length are unequal. */
export function digestsEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** Compares two secrets in constant time, whatever their lengths. */
export function secretsEqual(given: string, expected: string): boolean {
  const key = createSecretKey("waypost.compare", "utf8");
  return timingSafeEqual(keyedDigest(key, "", given), keyedDigest(key, "", expected));
}
