// Forgets what is past its time: old generations of the key ledger here, old events in D1.
import { readModelHealth } from "../d1/health.ts";
import { deleteEventsBefore } from "../d1/user-events.ts";
import type { Lane } from "./alarm.ts";
import type { KeyLedger } from "./key-ledger.ts";

const CLEANUP_INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DELETE_ROWS = 1_000;
/** D1 takes 10 GB; past this events are kept for a shorter time, so that new ones always fit. */
const MAX_D1_BYTES = 8_000_000_000;

export interface RetentionParts {
  db: D1Database;
  ledger: KeyLedger;
  /** `null` before the cell has been given its workspace. */
  workspace: () => { id: string; ledgerRetentionMs: number; eventRetentionMs: number; lastCleanupAt: number } | null;
  cleanedUp: (now: number) => void;
  transaction: (run: () => void) => void;
}

export class RetentionLane implements Lane {
  readonly #parts: RetentionParts;
  #lastBytes: number | null = null;
  #cutMs = 0;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  dueAt(): number | null {
    const workspace = this.#parts.workspace();
    return workspace === null ? null : workspace.lastCleanupAt + CLEANUP_INTERVAL_MS;
  }

  async run(deadline: number): Promise<void> {
    const { db, ledger, transaction, cleanedUp } = this.#parts;
    const workspace = this.#parts.workspace();
    if (workspace === null) return;
    const { id, ledgerRetentionMs, eventRetentionMs } = workspace;
    transaction(() => ledger.rotate(Date.now(), ledgerRetentionMs));
    const { bytes } = await readModelHealth(db, [id]);
    const keptMs = this.#keptMs(bytes, eventRetentionMs);
    for (;;) {
      if (Date.now() >= deadline) return;
      const deleted = await deleteEventsBefore(db, id, Date.now() - keptMs, DELETE_ROWS);
      if (deleted < DELETE_ROWS) break;
    }
    transaction(() => cleanedUp(Date.now()));
  }

  /**
   * Shortens the time events are kept by a day for each hour in which a database past its bound still grows.
   * Its size alone does not tell: pages that deleting frees are used again, and never given back.
   */
  #keptMs(bytes: number, eventRetentionMs: number): number {
    if (bytes < MAX_D1_BYTES) this.#cutMs = 0;
    else if (this.#lastBytes !== null && bytes > this.#lastBytes) this.#cutMs += DAY_MS;
    this.#lastBytes = bytes;
    return Math.max(DAY_MS, eventRetentionMs - this.#cutMs);
  }
}
