// Names that somebody may have meant: the same but for letter case and separators, or a slip of the fingers away.

/** From so many letters on a name may have this many slips; shorter ones differ on purpose. */
const SLIPS = [
  { letters: 10, slips: 2 },
  { letters: 4, slips: 1 },
] as const;

/** What stands between the words of a name: `order.created`, `order_created`, `Order Created`. */
const SEPARATORS = /[\s._\-/:]+/gu;

/**
 * Gives the names that are almost the wanted one, the most alike first; never the name itself.
 *
 * @param names  all there are
 * @param most   how many at most
 */
export function similarNames(wanted: string, names: readonly string[], most: number): string[] {
  const folded = fold(wanted);
  return names
    .filter((name) => name !== wanted)
    .map((name) => ({ name, slips: slipsBetween(folded, fold(name)) }))
    .filter(({ slips }) => slips !== null)
    .toSorted((a, b) => (a.slips ?? 0) - (b.slips ?? 0) || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

function fold(name: string): string[] {
  return Array.from(name.normalize("NFC").toLowerCase().replaceAll(SEPARATORS, ""));
}

/** How many slips lie between two names; `null` = more than names of their length may have. */
function slipsBetween(a: readonly string[], b: readonly string[]): number | null {
  if (a.length === 0 || b.length === 0) return null;
  const shorter = Math.min(a.length, b.length);
  const most = SLIPS.find(({ letters }) => shorter >= letters)?.slips ?? 0;
  if (Math.abs(a.length - b.length) > most) return null;
  const slips = distance(a, b, most);
  return slips <= most ? slips : null;
}

/**
 * Counts the letters that are missing, too many, wrong, or the wrong way round beside each other (Damerau-Levenshtein,
 * each letter changed once).
 *
 * @param most  beyond it, it does not matter by how much
 */
function distance(a: readonly string[], b: readonly string[], most: number): number {
  let twoBack: number[] = [];
  let back = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [i, letter] of a.entries()) {
    const row = [i + 1];
    for (const [j, other] of b.entries()) {
      const changed = (back[j] as number) + (letter === other ? 0 : 1);
      let least = Math.min(changed, (back[j + 1] as number) + 1, (row[j] as number) + 1);
      if (i > 0 && j > 0 && letter === b[j - 1] && a[i - 1] === other) {
        least = Math.min(least, (twoBack[j - 1] as number) + 1);
      }
      row.push(least);
    }
    // A slip of two letters reaches over one row, so that two in a row beyond it are the end.
    if (Math.min(...row) > most && Math.min(...back) > most) return most + 1;
    [twoBack, back] = [back, row];
  }
  return back[b.length] as number;
}
