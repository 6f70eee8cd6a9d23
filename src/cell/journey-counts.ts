// How often each journey was matched, entered and skipped. A counter row per event would be the dearest row of
// all, so events are counted from their receipts when the flush comes by; reads add what is still pending.
import type { EventSource, Receipt, UserEventRow } from "../domain/event.ts";
import { unpackReceipt } from "../domain/receipt.ts";
import type { Outbox } from "./outbox.ts";

export interface EntryCounts {
  matched: number;
  enrolled: number;
  skipped: number;
}

export class JourneyCounts {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  #pending = new Map<string, EntryCounts>();
  #pendingEvents = 0;
  #pendingTriggers = 0;

  constructor(sql: SqlStorage, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.reload();
  }

  /** Events that were accepted and not counted yet. */
  get pendingEvents(): number {
    return this.#pendingEvents;
  }

  /** Those of them that triggers made. */
  get pendingTriggers(): number {
    return this.#pendingTriggers;
  }

  pendingOf(journeyId: string): EntryCounts {
    return this.#pending.get(journeyId) ?? { matched: 0, enrolled: 0, skipped: 0 };
  }

  add(source: EventSource, receipt: Receipt): void {
    this.#pendingEvents += 1;
    if (source === "trigger") this.#pendingTriggers += 1;
    for (const { journeyId, outcome } of receipt.journeys) {
      const counts = this.#pending.get(journeyId);
      if (counts === undefined) {
        const enrolled = outcome === "enrolled" ? 1 : 0;
        this.#pending.set(journeyId, { matched: 1, enrolled, skipped: 1 - enrolled });
      } else {
        counts.matched += 1;
        counts[outcome] += 1;
      }
    }
  }

  /**
   * Writes what is pending into the journeys' rows, and how far counting has come. Runs inside a transaction;
   * call {@link settled} when it has committed.
   */
  settle(lastEventId: string): void {
    for (const [journeyId, counts] of this.#pending) {
      this.#sql.exec(
        `UPDATE journeys SET matched = matched + ?, enrolled = enrolled + ?, skipped = skipped + ? WHERE id = ?`,
        counts.matched,
        counts.enrolled,
        counts.skipped,
        journeyId,
      );
    }
    this.#sql.exec(`UPDATE workspace SET last_event_id = ?`, lastEventId);
  }

  settled(): void {
    this.#pending = new Map();
    this.#pendingEvents = 0;
    this.#pendingTriggers = 0;
  }

  /** Counts the outbox's uncounted tail again: on start, and after a transaction that was rolled back. */
  reload(): void {
    this.settled();
    const workspace = [...this.#sql.exec<{ last_event_id: string }>(`SELECT last_event_id FROM workspace`)][0];
    if (workspace === undefined) return;
    for (const { json } of this.#outbox.eventsAfter(workspace.last_event_id)) {
      const { source, receipt } = JSON.parse(json) as UserEventRow;
      this.add(source, unpackReceipt(receipt));
    }
  }
}
