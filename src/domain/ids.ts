// UUIDv7 (RFC 9562): ids that sort by the instant they were made. The instant inside an event's id *is* its
// receivedAt, so no list needs a second index over time.

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const HYPHEN = 0x2d;

/** By character code. */
const NIBBLE_OF = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  NIBBLE_OF[digit.charCodeAt(0)] = value;
  NIBBLE_OF[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Any UUID as this API writes it: lower case, versions 1–8. */
export const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Writes 16 bytes as a UUID. */
export function formatUuid(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[bytes[i] as number];
  }
  return text;
}

/** Reads a UUID's 16 bytes. */
export function uuidBytes(uuid: string): Uint8Array {
  const bytes = new Uint8Array(16);
  let at = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) at += 1;
    bytes[i] = ((NIBBLE_OF[uuid.charCodeAt(at++)] as number) << 4) | (NIBBLE_OF[uuid.charCodeAt(at++)] as number);
  }
  return bytes;
}

const BASE_64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** Two characters of base 64 are three hexadecimal digits. */
const BASE_64_PAIRS = Array.from({ length: 4_096 }, (_, bits) => `${BASE_64[bits >>> 6]}${BASE_64[bits & 0x3f]}`);

/** Writes a UUID in 22 characters: base64url (RFC 4648) of its bytes. */
export function shortUuid(uuid: string): string {
  let text = "";
  let bits = 0;
  let digits = 0;
  for (let at = 0; at < uuid.length; at++) {
    const code = uuid.charCodeAt(at);
    if (code === HYPHEN) continue;
    bits = (bits << 4) | (NIBBLE_OF[code] as number);
    digits += 1;
    if (digits % 3 !== 0) continue;
    text += BASE_64_PAIRS[bits];
    bits = 0;
  }
  // 32 digits: two are left.
  return text + BASE_64_PAIRS[bits << 4];
}

/** Reads what {@link shortUuid} wrote. */
export function uuidOfShort(text: string): string {
  const bytes = new Uint8Array(16);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    bits = ((bits << 6) | BASE_64.indexOf(character)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >>> held;
  }
  return formatUuid(bytes);
}

/**
 * Makes a UUIDv7.
 *
 * @param unixMs    the instant, 48 bits
 * @param sequence  orders ids of one millisecond, 0–4095
 * @param random    8 bytes; 62 bits of them are used
 */
export function uuidV7(unixMs: number, sequence: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  const high = Math.floor(unixMs / 0x1_0000);
  bytes[0] = high >>> 24;
  bytes[1] = high >>> 16;
  bytes[2] = high >>> 8;
  bytes[3] = high;
  const low = unixMs % 0x1_0000;
  bytes[4] = low >>> 8;
  bytes[5] = low;
  bytes[6] = 0x70 | (sequence >>> 8);
  bytes[7] = sequence;
  bytes.set(random.subarray(0, 8), 8);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return formatUuid(bytes);
}

/** The instant inside a UUIDv7, in Unix milliseconds. */
export function uuidV7Ms(uuid: string): number {
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/**
 * Gives ids that never go back, whatever the clock does.
 * Not random by itself: the caller hands in the clock's reading and fresh random bytes.
 */
export class MonotonicIds {
  #ms = 0;
  #sequence = 0;

  /** Continues after an id that was given before. */
  resumeAfter(uuid: string): void {
    const ms = uuidV7Ms(uuid);
    const sequence = Number.parseInt(uuid.slice(15, 18), 16);
    if (ms > this.#ms || (ms === this.#ms && sequence > this.#sequence)) {
      this.#ms = ms;
      this.#sequence = sequence;
    }
  }

  next(nowMs: number, random: Uint8Array): string {
    if (nowMs > this.#ms) {
      this.#ms = nowMs;
      this.#sequence = 0;
    } else if (this.#sequence < 0xfff) {
      this.#sequence += 1;
    } else {
      this.#ms += 1;
      this.#sequence = 0;
    }
    return uuidV7(this.#ms, this.#sequence, random);
  }
}
