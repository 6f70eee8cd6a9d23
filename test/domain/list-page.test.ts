import { describe, expect, it } from "vitest";
import { PAGE_BYTES, takePage } from "../../src/domain/list-page.ts";

const asBytes = (bytes: number) => bytes;

describe("takePage", () => {
  it.each<[string, number[], number, number[], boolean]>([
    ["takes all that is there", [1, 1], 2, [1, 1], false],
    ["ends at the limit", [1, 2, 3], 2, [1, 2], true],
    ["takes what fits to the byte", [PAGE_BYTES - 1, 1], 9, [PAGE_BYTES - 1, 1], false],
    ["ends before the item that does not fit", [PAGE_BYTES - 1, 2, 1], 9, [PAGE_BYTES - 1], true],
    ["takes one item, however large", [PAGE_BYTES + 1, 1], 9, [PAGE_BYTES + 1], true],
    ["is empty where there is nothing", [], 9, [], false],
  ])("%s", (_, rows, limit, items, more) => {
    expect(takePage(rows, limit, asBytes)).toEqual({ items, more });
  });

  it("reads one item past the page and no further", () => {
    const read: number[] = [];
    const rows = (function* () {
      for (let i = 0; i < 9; i++) {
        read.push(i);
        yield i;
      }
    })();
    takePage(rows, 2, asBytes);
    expect(read).toEqual([0, 1, 2]);
  });
});
