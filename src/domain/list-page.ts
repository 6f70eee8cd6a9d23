// A page of a list ends by number and by bytes: 200 items of the largest size would fill the memory of whoever
// reads them, and exceed what may pass between objects.

/** Of all items of a page together, about. */
export const PAGE_BYTES = 4_000_000;

export interface ListPage<T> {
  items: T[];
  /** Whether the list goes on after the last item. */
  more: boolean;
}

/**
 * Takes a page from the beginning of a list: at least one item, if there is one.
 *
 * @param rows     read one past the page and no further
 * @param limit    items, at least 1
 * @param bytesOf  what an item adds to {@link PAGE_BYTES}
 */
export function takePage<T>(rows: Iterable<T>, limit: number, bytesOf: (row: T) => number): ListPage<T> {
  const items: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += bytesOf(row);
    if (items.length === limit || (items.length > 0 && bytes > PAGE_BYTES)) return { items, more: true };
    items.push(row);
  }
  return { items, more: false };
}
