// Bytes as letters and digits: nothing that a shell, a URL or Basic authentication would mangle.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = BigInt(ALPHABET.length);
const VALUES = new Map(Array.from(ALPHABET, (letter, value) => [letter, BigInt(value)] as const));

/** How many characters a number of bytes takes. */
export function base62Length(bytes: number): number {
  return Math.ceil((bytes * 8) / Math.log2(ALPHABET.length));
}

/** Writes bytes in base62, always in the same number of characters for the same number of bytes. */
export function encodeBase62(bytes: Uint8Array): string {
  let number = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  while (number > 0n) {
    text = ALPHABET[Number(number % BASE)] + text;
    number /= BASE;
  }
  return text.padStart(base62Length(bytes.byteLength), ALPHABET[0]);
}

/**
 * Reads base62 text that stands for a known number of bytes.
 *
 * @returns `null` for another length, another character, or a number that does not fit
 */
export function decodeBase62(text: string, byteLength: number): Uint8Array | null {
  if (text.length !== base62Length(byteLength)) return null;
  let number = 0n;
  for (const letter of text) {
    const value = VALUES.get(letter);
    if (value === undefined) return null;
    number = number * BASE + value;
  }
  const bytes = new Uint8Array(byteLength);
  for (let i = byteLength - 1; i >= 0; i--) {
    bytes[i] = Number(number & 0xffn);
    number >>= 8n;
  }
  return number === 0n ? bytes : null;
}
