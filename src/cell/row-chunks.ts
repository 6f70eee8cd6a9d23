// Cuts what is written or asked for together into as much as one statement takes.

/** SQLite in an object takes a hundred parameters in a statement: source, the published limits of Durable Objects. */
export const MAX_PARAMETERS = 100;

/** Runs of at most `size`, in order. */
export function* inChunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  if (items.length <= size) {
    if (items.length > 0) yield items;
    return;
  }
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** The `VALUES` of so many rows. */
export function valuesOf(rows: number, columns: number): string {
  const row = `(${Array.from({ length: columns }, () => "?").join(", ")})`;
  return Array.from({ length: rows }, () => row).join(", ");
}
