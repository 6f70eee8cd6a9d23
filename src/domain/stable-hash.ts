// A hash that is the same everywhere and for ever: which way a person goes must not depend on the machine or the
// release. FNV-1a over UTF-16 code units, then MurmurHash3's finalizer, without which ids that differ only in their
// last characters would fall close together. Not cryptographic: whoever may name the seed may choose the way.

/**
 * Spreads parts evenly over 0 (inclusive) to 1 (exclusive), in steps of 2^-32.
 *
 * @param parts  what it depends on; their borders count, `["ab", "c"]` is not `["a", "bc"]`
 */
export function spread(parts: readonly string[]): number {
  let hash = 0x81_1c_9d_c5;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) hash = mix(hash, part.charCodeAt(i));
    // No code unit has this value.
    hash = mix(hash, 0x1_00_00);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_00_00_00_00;
}

function mix(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01_00_01_93);
}
