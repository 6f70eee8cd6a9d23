// Brings the outbox to D1: events first, then profiles, enrollments and deliveries whose row there is behind.
// At least once: a row leaves the outbox only when D1 is known to have it, or when it was put into quarantine.
import type { UserEventRow } from "../domain/event.ts";
import { project, type ProjectedTable, type ProjectionOutcome } from "../d1/projector.ts";
import type { Lane } from "./alarm.ts";
import type { DeliveryRows } from "./delivery-rows.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { JourneyCounts } from "./journey-counts.ts";
import type { KeyLedger } from "./key-ledger.ts";
import type { ChangedTable, Outbox, OutboxEvent } from "./outbox.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { Quarantine } from "./quarantine.ts";

/** How long events are gathered before they go to D1 together. */
const FLUSH_DELAY_MS = 250;
const MAX_BATCH_ROWS = 500;
const MAX_BATCH_BYTES = 1_400_000;

export interface FlushParts {
  db: D1Database;
  workspaceId: () => string;
  outbox: Outbox;
  counts: JourneyCounts;
  ledger: KeyLedger;
  profiles: ProfileStore;
  enrollments: EnrollmentStore;
  deliveries: DeliveryRows;
  quarantine: Quarantine;
  newId: () => string;
  lastEventId: () => string;
  transaction: (run: () => void) => void;
}

interface ChangedRow {
  id: string;
  rev: number;
  /** JSON text of its row in D1. */
  json: string;
}

/** D1 is away: known in the log by its name. */
class ReadModelAway extends Error {
  override readonly name = "ReadModelAway";
}

export class FlushLane implements Lane {
  readonly #parts: FlushParts;
  #dueAt: number | null = null;

  constructor(parts: FlushParts) {
    this.#parts = parts;
    if (!parts.outbox.empty) this.#dueAt = 0;
  }

  /** There is something to flush now, or soon. */
  request(now: number): void {
    this.#dueAt ??= now + FLUSH_DELAY_MS;
  }

  dueAt(now: number): number | null {
    // Nothing is ever asked for later than this: the clock was set back, and must not keep events waiting.
    if (this.#dueAt !== null && this.#dueAt > now + FLUSH_DELAY_MS) this.#dueAt = now;
    return this.#dueAt;
  }

  async run(deadline: number): Promise<void> {
    // Asked for again while this runs: the next run's work.
    this.#dueAt = null;
    try {
      let more = true;
      while (more && Date.now() < deadline) {
        const results = [
          await this.#flushEvents(),
          await this.#flushChanged("profiles"),
          await this.#flushChanged("enrollments"),
          await this.#flushChanged("deliveries"),
        ];
        // A batch that was not full reached the end: what came meanwhile goes with the next run, together.
        more = results.some((full) => full);
      }
      if (!this.#parts.outbox.empty) this.request(Date.now());
    } catch (error) {
      this.#dueAt = Date.now();
      throw error;
    }
  }

  /** Sums what was accepted since the last time: it must not wait for D1. */
  #settleCounts(): void {
    const { counts, ledger, transaction, lastEventId } = this.#parts;
    const { pendingEvents: events, pendingTriggers: triggers } = counts;
    if (events === 0) return;
    transaction(() => {
      counts.settle(lastEventId());
      ledger.addToCount(events, triggers);
    });
    counts.settled();
  }

  /** @returns whether there may be more than one batch took */
  async #flushEvents(): Promise<boolean> {
    const { outbox } = this.#parts;
    // What came while the batch before was written: once it has left the outbox, nothing could count it again.
    this.#settleCounts();
    const batch = outbox.oldestEvents(MAX_BATCH_ROWS, MAX_BATCH_BYTES);
    const { blankings } = outbox;
    if (batch.length === 0) return false;
    // Before their events: what reads an event there finds all of it.
    await this.#flushParts(batch);
    const outcome = await this.#project("user_events", batch);
    const done = doneOf(batch, outcome);
    this.#parts.transaction(() => {
      // Events whose person was erased while D1 wrote stay, as they are now.
      const gone = outbox.blankings === blankings ? done : outbox.unchanged(done);
      const ids = new Set(gone.map(({ id }) => id));
      const poisoned = outcome.poisoned.filter(({ row }) => ids.has(row.id));
      outbox.removeEvents(gone, new Set(poisoned.map(({ row }) => row.id)));
      this.#putAside("user_events", poisoned);
    });
    if (outcome.outage !== null) throw new ReadModelAway(outcome.outage);
    return batch.length === MAX_BATCH_ROWS || bytesOf(batch) > MAX_BATCH_BYTES / 2;
  }

  /** Brings the data of events that is kept in parts to D1, one part a statement: each is large enough. */
  async #flushParts(batch: readonly OutboxEvent[]): Promise<void> {
    const { outbox } = this.#parts;
    for (const eventId of outbox.withParts(batch)) {
      const { profile_id } = outbox.readEvent(eventId) as UserEventRow;
      for (const { part, text } of Array.from(outbox.partsOf(eventId))) {
        const json = JSON.stringify({ event_id: eventId, profile_id, part, text });
        const { outage, poisoned } = await this.#project("user_event_parts", [{ id: `${eventId} ${part}`, json }]);
        // A part is text that D1 takes: what refuses one would refuse the event without saying so.
        if (outage !== null || poisoned.length > 0) throw new ReadModelAway(outage ?? poisoned[0]?.error);
      }
    }
  }

  /** @returns whether there may be more than one batch took */
  async #flushChanged(table: ChangedTable): Promise<boolean> {
    const { outbox } = this.#parts;
    const store = this.#parts[table];
    const waiting = outbox.changedIds(table, MAX_BATCH_ROWS);
    if (waiting.length === 0) return false;
    const readAt = Date.now();
    const { rows, cut } = readBatch(store.rowsFor(waiting));
    // Of a batch that was cut only what was read is looked at again; the others are still on the list.
    const ids = cut ? rows.map(({ id }) => id) : waiting;
    const outcome = await this.#project(table, rows);
    const done = new Set(doneOf(rows, outcome).map(({ id }) => id));
    this.#parts.transaction(() => {
      const revs = store.revsOf(ids);
      const written = rows.filter(({ id }) => done.has(id));
      const current = new Set(written.filter(({ id, rev }) => revs.get(id) === rev).map(({ id }) => id));
      outbox.clearChanged(table, [...current, ...ids.filter((id) => !revs.has(id))]);
      // A row that changed again while D1 was writing stays behind.
      const changed = written.filter(({ id }) => !current.has(id)).map(({ id }) => id);
      outbox.markChangedSince(table, changed, readAt);
      // As it was it is kept nowhere: its person may have been erased meanwhile.
      this.#putAside(
        table,
        outcome.poisoned.filter(({ row }) => current.has(row.id)),
      );
    });
    if (outcome.outage !== null) throw new ReadModelAway(outcome.outage);
    return cut || waiting.length === MAX_BATCH_ROWS;
  }

  async #project(table: ProjectedTable, rows: { id: string; json: string }[]): Promise<ProjectionOutcome> {
    return await project(this.#parts.db, this.#parts.workspaceId(), table, rows);
  }

  #putAside(table: ProjectedTable, poisoned: ProjectionOutcome["poisoned"]): void {
    for (const { row, error } of poisoned) {
      this.#parts.quarantine.put({ id: this.#parts.newId(), at: Date.now(), table, rowId: row.id, error }, row.json);
      const workspaceId = this.#parts.workspaceId();
      console.error(JSON.stringify({ level: "error", at: "quarantine", workspaceId, table, rowId: row.id, error }));
    }
  }
}

function doneOf<T extends { id: string }>(rows: readonly T[], outcome: ProjectionOutcome): readonly T[] {
  if (outcome.written.length === rows.length) return rows;
  const done = new Set([...outcome.written, ...outcome.poisoned.map(({ row }) => row.id)]);
  return rows.filter(({ id }) => done.has(id));
}

/** Takes rows, at least one if there is any, until the batch is full; what is left is never read into memory. */
function readBatch(changed: Iterable<{ id: string; rev: number; row: object }>): { rows: ChangedRow[]; cut: boolean } {
  const rows: ChangedRow[] = [];
  let bytes = 0;
  for (const { id, rev, row } of changed) {
    const json = JSON.stringify(row);
    bytes += json.length;
    if (rows.length > 0 && bytes > MAX_BATCH_BYTES) return { rows, cut: true };
    rows.push({ id, rev, json });
  }
  return { rows, cut: false };
}

function bytesOf(batch: readonly OutboxEvent[]): number {
  return batch.reduce((sum, { json }) => sum + json.length, 0);
}
