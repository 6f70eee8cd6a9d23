// Does something to people and takes it back, always or when it came to nothing: whatever it wrote is gone afterwards,
// in the tables and in memory.
import type { CellParts } from "./cell-parts.ts";

/** Ends a transaction whose writes are not to stay. */
const TAKEN_BACK = new Error("taken back");

type Memory = Pick<CellParts, "outbox" | "reload" | "reloadPeople">;

/**
 * Runs something in a transaction of its own that never stays.
 *
 * @param run  may resolve people; what else is kept in memory must not follow what it writes
 */
export function tryOut<T>(storage: DurableObjectStorage, parts: Memory, run: () => T): T {
  return attempt(storage, parts, run, () => false);
}

/**
 * Runs something in a transaction of its own, perhaps inside another one, that stays only if it came to something.
 *
 * @param run    as {@link tryOut}'s, where it is not to stay
 * @param stays  whether what it came to stays
 */
export function attempt<T>(
  storage: DurableObjectStorage,
  parts: Memory,
  run: () => T,
  stays: (outcome: T) => boolean,
): T {
  const before = parts.outbox.size();
  const tried: T[] = [];
  try {
    storage.transactionSync(() => {
      const outcome = run();
      tried.push(outcome);
      if (!stays(outcome)) throw TAKEN_BACK;
    });
  } catch (error) {
    parts.outbox.restore(before);
    if (error === TAKEN_BACK) parts.reloadPeople();
    else parts.reload();
    if (error !== TAKEN_BACK) throw error;
  }
  return tried[0] as T;
}
