// Cuts text that is too large for one row of a database into parts that fit, and never inside a character.

/**
 * Most that one part takes up as UTF-8. JSON text doubles at worst when it is put into JSON again, so that a part
 * is a row of under a megabyte wherever it goes.
 */
export const PART_BYTES = 450_000;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Cuts a text where it is larger than one part.
 *
 * @param text  well-formed Unicode
 * @returns parts that give the text again when joined; none when it fits into the row it belongs to
 */
export function splitText(text: string): string[] {
  // A UTF-16 unit is at most three bytes: most texts need not be encoded to know that they fit.
  if (text.length * 3 <= PART_BYTES) return [];
  const bytes = utf8.encode(text);
  if (bytes.byteLength <= PART_BYTES) return [];
  const parts: string[] = [];
  for (let start = 0; start < bytes.byteLength;) {
    let end = Math.min(start + PART_BYTES, bytes.byteLength);
    while (end < bytes.byteLength && isContinuation(bytes[end] as number)) end -= 1;
    parts.push(fromUtf8.decode(bytes.subarray(start, end)));
    start = end;
  }
  return parts;
}

/** Whether a byte goes on with a character that began before it. */
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
