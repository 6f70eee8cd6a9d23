// Does something to people and takes it back: whatever it wrote is gone afterwards, in the tables and in memory.
import type { CellParts } from "./cell-parts.ts";

/** Ends a transaction whose writes are not to stay. */
const TAKEN_BACK = new Error("taken back");

/**
 * Runs something in a transaction of its own that never stays.
 *
 * @param run  may resolve people; what else is kept in memory must not follow what it writes
 */
export function tryOut<T>(
  storage: DurableObjectStorage,
  parts: Pick<CellParts, "outbox" | "reload" | "reloadPeople">,
  run: () => T,
): T {
  const before = parts.outbox.size();
  const tried: T[] = [];
  try {
    storage.transactionSync(() => {
      tried.push(run());
      throw TAKEN_BACK;
    });
  } catch (error) {
    parts.outbox.restore(before);
    if (error === TAKEN_BACK) parts.reloadPeople();
    else parts.reload();
    if (error !== TAKEN_BACK) throw error;
  }
  return tried[0] as T;
}
