// Forgets what is past its time: old generations of the key ledger, rejected events and what old messages were made of
// here, old events in D1.
import { readModelHealth } from "../d1/health.ts";
import { deleteEventPartsBefore } from "../d1/user-event-parts.ts";
import { deleteEventsBefore } from "../d1/user-events.ts";
import type { Lane } from "./alarm.ts";
import type { ForgottenMessages } from "./forgotten-messages.ts";
import type { KeyLedger } from "./key-ledger.ts";
import type { RejectedEvents } from "./rejected-events.ts";
import type { EventCut, RetentionState } from "./workspace-store.ts";

const CLEANUP_INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DELETE_ROWS = 1_000;
/** Of half a megabyte each. */
const DELETE_PARTS = 20;
/** In one transaction, which a request may have to wait for. */
const FORGET_MESSAGES = 200;
/** D1 takes 10 GB; past this events are kept for a shorter time, so that new ones always fit. */
const MAX_D1_BYTES = 8_000_000_000;

export interface RetentionParts {
  db: D1Database;
  ledger: KeyLedger;
  rejected: RejectedEvents;
  messages: ForgottenMessages;
  /** `null` before the cell has been given its workspace. */
  workspace: () => RetentionState | null;
  cleanedUp: (now: number, cut: EventCut) => void;
  transaction: (run: () => void) => void;
}

export class RetentionLane implements Lane {
  readonly #parts: RetentionParts;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  dueAt(now: number): number | null {
    const workspace = this.#parts.workspace();
    if (workspace === null) return null;
    // A last time that lies ahead: the clock was set back, and nothing is to wait until it has caught up.
    return workspace.lastCleanupAt > now ? now : workspace.lastCleanupAt + CLEANUP_INTERVAL_MS;
  }

  async run(deadline: number): Promise<void> {
    const { db, ledger, rejected, transaction, cleanedUp } = this.#parts;
    const workspace = this.#parts.workspace();
    if (workspace === null) return;
    const { id, ledgerRetentionMs, eventRetentionMs } = workspace;
    transaction(() => ledger.rotate(Date.now(), ledgerRetentionMs));
    transaction(() => rejected.forget(Date.now()));
    const { bytes } = await readModelHealth(db, [id]);
    const cut = cutFor(bytes, workspace);
    const keptMs = Math.max(DAY_MS, eventRetentionMs - cut.eventCutMs);
    while (this.#forgetMessages(Date.now() - keptMs)) {
      if (Date.now() >= deadline) return;
      // Lets requests in.
      await scheduler.wait(0);
    }
    for (;;) {
      if (Date.now() >= deadline) return;
      const deleted = await deleteEventsBefore(db, id, Date.now() - keptMs, DELETE_ROWS);
      if (deleted < DELETE_ROWS) break;
    }
    for (;;) {
      if (Date.now() >= deadline) return;
      const deleted = await deleteEventPartsBefore(db, id, Date.now() - keptMs, DELETE_PARTS);
      if (deleted < DELETE_PARTS) break;
    }
    transaction(() => cleanedUp(Date.now(), cut));
  }

  /** @returns whether there may be more to forget */
  #forgetMessages(before: number): boolean {
    const { messages, transaction } = this.#parts;
    let more = false;
    transaction(() => {
      more = messages.forgetBefore(before, FORGET_MESSAGES);
    });
    return more;
  }
}

/**
 * Shortens the time events are kept by a day for each hour in which a database past its bound still grows.
 * Its size alone does not tell: pages that deleting frees are used again, and never given back.
 */
function cutFor(bytes: number, { lastD1Bytes, eventCutMs }: EventCut): EventCut {
  if (bytes < MAX_D1_BYTES) return { lastD1Bytes: bytes, eventCutMs: 0 };
  const grew = lastD1Bytes !== null && bytes > lastD1Bytes;
  return { lastD1Bytes: bytes, eventCutMs: eventCutMs + (grew ? DAY_MS : 0) };
}
