// Whether one text is in another, in a time that the sum of their lengths bounds. The platform's own search takes the
// product at worst: two texts of one event, written for it, would hold up a whole workspace. Compares UTF-16 units.

/** Below this product of two lengths the platform's search is the faster one even at its worst. */
const SMALL_PRODUCT = 1_048_576;
/** So few units are looked for in a time that grows with the text alone. */
const SHORT = 16;

/**
 * Tells whether a text is in another, as `text.includes(wanted)` does.
 *
 * @param text    of any length
 * @param wanted  of any length; nothing is in every text
 */
export function textIncludes(text: string, wanted: string): boolean {
  return isQuickToSearch(text, wanted) ? text.includes(wanted) : foundInOnePass(text, wanted);
}

/** Gives what a search costs at worst, in comparisons of two units. */
export function searchCost(text: string, wanted: string): number {
  return isQuickToSearch(text, wanted) ? text.length * wanted.length : text.length + wanted.length;
}

function isQuickToSearch(text: string, wanted: string): boolean {
  return wanted.length <= SHORT || text.length * wanted.length <= SMALL_PRODUCT;
}

/** Knuth, Morris and Pratt (1977): never goes back in the text, and looks at each unit of it twice at most. */
function foundInOnePass(text: string, wanted: string): boolean {
  if (wanted.length > text.length) return false;
  const shorter = shorterBeginnings(wanted);
  let matched = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    while (matched > 0 && wanted.charCodeAt(matched) !== unit) matched = shorter[matched - 1] as number;
    if (wanted.charCodeAt(matched) === unit) matched += 1;
    if (matched === wanted.length) return true;
  }
  return false;
}

/** Gives, for each beginning of a text, the length of the longest shorter one that it ends with. */
function shorterBeginnings(text: string): Int32Array {
  const lengths = new Int32Array(text.length);
  let matched = 0;
  for (let at = 1; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    while (matched > 0 && text.charCodeAt(matched) !== unit) matched = lengths[matched - 1] as number;
    if (text.charCodeAt(matched) === unit) matched += 1;
    lengths[at] = matched;
  }
  return lengths;
}
