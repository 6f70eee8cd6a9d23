// What the cell owes to D1: accepted events, and profiles, enrollments and deliveries whose row there is behind.
// An event's row costs one write to put in and one to take out; its id only grows, so the table is a queue.
import { Buffer } from "node:buffer";
import { withoutPerson } from "../domain/erased-event.ts";
import type { UserEventRow } from "../domain/event.ts";
import { uuidV7Ms } from "../domain/ids.ts";
import { splitText } from "../domain/text-parts.ts";
import { inChunks, MAX_PARAMETERS, valuesOf } from "./row-chunks.ts";
import type { TextPart, TextParts } from "./text-parts.ts";

/** Past this an outage of D1 has lasted too long to go on: the object's 10 GB hold the ledger and people too. */
const MAX_OUTBOX_BYTES = 2_000_000_000;
/** Places count from 2025. */
const PLACES_FROM_MS = Date.UTC(2025, 0);
const EVENT_COLUMNS = 3;

/** How the row of an event ends that is whole: its last member is the receipt, a text. */
const ENDS_WITHOUT_PARTS = '"}';

/** SQL: whose the event of a row is. A row that is no JSON is nobody's; D1 refuses it. */
export const PROFILE_OF_ROW = `CASE WHEN json_valid(row) THEN row ->> 'profile_id' END`;

export type ChangedTable = "profiles" | "enrollments" | "deliveries";

export interface OutboxEvent {
  id: string;
  /** JSON text of a {@link UserEventRow}. */
  json: string;
}

export type OutboxSize = {
  events: number;
  /** UTF-8 bytes of their rows. */
  bytes: number;
};

export class Outbox {
  readonly #sql: SqlStorage;
  readonly #parts: TextParts;
  #events = 0;
  #bytes = 0;
  #blankings = 0;
  /** Events that a slice has put in and that are not in the table yet. */
  #gathered: OutboxEvent[] | null = null;

  constructor(sql: SqlStorage, parts: TextParts) {
    this.#sql = sql;
    this.#parts = parts;
    // octet_length reads a row's header only, however large the row is.
    const { events, bytes } = sql
      .exec<OutboxSize>(`SELECT count(*) AS events, coalesce(sum(octet_length(row)), 0) AS bytes FROM outbox_events`)
      .one();
    this.#events = events;
    this.#bytes = bytes + parts.bytesOf("event");
  }

  get events(): number {
    return this.#events;
  }

  /** What their rows take up, as UTF-8 text. */
  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes >= MAX_OUTBOX_BYTES;
  }

  get empty(): boolean {
    return this.#events === 0 && [...this.#sql.exec(`SELECT 1 FROM outbox_changes LIMIT 1`)].length === 0;
  }

  putEvent(event: UserEventRow): void {
    const parts = event.data === null ? [] : splitText(event.data);
    const row = parts.length === 0 ? event : { ...event, data: null, data_parts: parts.length };
    this.#parts.put("event", event.event_id, parts);
    for (const part of parts) this.#bytes += Buffer.byteLength(part);
    const json = JSON.stringify(row);
    if (this.#gathered === null) this.#insert([{ id: event.event_id, json }]);
    else this.#gathered.push({ id: event.event_id, json });
    this.#events += 1;
    this.#bytes += Buffer.byteLength(json);
  }

  /** From now on events are put in by {@link writeGathered}, together, which has to come in the same transaction. */
  gather(): void {
    this.#gathered = [];
  }

  writeGathered(): void {
    const events = this.#gathered ?? [];
    this.#gathered = null;
    this.#insert(events);
  }

  #insert(events: readonly OutboxEvent[]): void {
    for (const chunk of inChunks(events, Math.floor(MAX_PARAMETERS / EVENT_COLUMNS))) {
      this.#sql.exec(
        `INSERT INTO outbox_events VALUES ${valuesOf(chunk.length, EVENT_COLUMNS)}`,
        ...chunk.flatMap(({ id, json }) => [placeOf(id), id, json]),
      );
    }
  }

  /** Takes an event back from quarantine, with its parts. */
  takeBack(eventId: string, json: string): void {
    this.#parts.handOver("quarantined_event", "event", [eventId]);
    this.#insert([{ id: eventId, json }]);
    this.#events += 1;
    this.#bytes += Buffer.byteLength(json) + (this.#parts.among("event", [eventId]).get(eventId) ?? 0);
  }

  /** Marks a row as behind in D1 from now on; marking it again costs nothing, and the first instant stays. */
  markChanged(table: ChangedTable, id: string): void {
    this.#sql.exec(`INSERT OR IGNORE INTO outbox_changes VALUES (?, ?, ?)`, table, id, Date.now());
  }

  /**
   * Says of rows that changed while D1 took them that they are behind from then on, and not from the first change.
   *
   * @param at  when the state that D1 took was read, Unix milliseconds
   */
  markChangedSince(table: ChangedTable, ids: readonly string[], at: number): void {
    if (ids.length === 0) return;
    this.#sql.exec(
      `UPDATE outbox_changes SET marked_at = ? WHERE table_name = ? AND row_id IN (SELECT value FROM json_each(?))`,
      at,
      table,
      JSON.stringify(ids),
    );
  }

  /** How many rows are behind in D1, and since when (Unix milliseconds) the first of them. Reads all marks. */
  changes(): { rows: number; since: number | null } {
    return this.#sql
      .exec<{ rows: number; since: number | null }>(
        `SELECT count(*) AS rows, min(marked_at) AS since FROM outbox_changes`,
      )
      .one();
  }

  /** The stored row of an event that D1 may not have yet. */
  readEvent(eventId: string): UserEventRow | null {
    const row = [
      ...this.#sql.exec<{ row: string }>(
        `SELECT row FROM outbox_events WHERE place = ? AND event_id = ?`,
        placeOf(eventId),
        eventId,
      ),
    ][0];
    return row === undefined ? null : this.#parts.wholeEvent("event", JSON.parse(row.row) as UserEventRow);
  }

  /** Which of these events have their data in parts. */
  withParts(events: readonly OutboxEvent[]): string[] {
    return events.filter(hasParts).map(({ id }) => id);
  }

  /** The parts of an event's data, read one by one. */
  partsOf(eventId: string): Iterable<TextPart> {
    return this.#parts.each("event", eventId);
  }

  /** The oldest events, at least one if there is any, and about `maxBytes` at most. */
  oldestEvents(maxRows: number, maxBytes: number): OutboxEvent[] {
    const batch: OutboxEvent[] = [];
    let bytes = 0;
    for (const { event_id, row } of this.#sql.exec<{ event_id: string; row: string }>(
      `SELECT event_id, row FROM outbox_events ORDER BY place LIMIT ?`,
      maxRows,
    )) {
      bytes += row.length;
      if (batch.length > 0 && bytes > maxBytes) break;
      batch.push({ id: event_id, json: row });
    }
    return batch;
  }

  /** Events after an id, oldest first: what has not been counted yet. */
  *eventsAfter(eventId: string): Generator<OutboxEvent> {
    for (const { event_id, row } of this.#sql.exec<{ event_id: string; row: string }>(
      `SELECT event_id, row FROM outbox_events WHERE place > ? ORDER BY place`,
      eventId === "" ? Number.MIN_SAFE_INTEGER : placeOf(eventId),
    )) {
      yield { id: event_id, json: row };
    }
  }

  oldestEventId(): string | null {
    return this.#eventIdAt(`SELECT event_id FROM outbox_events ORDER BY place LIMIT 1`);
  }

  newestEventId(): string | null {
    return this.#eventIdAt(`SELECT event_id FROM outbox_events ORDER BY place DESC LIMIT 1`);
  }

  /**
   * Takes out events that D1 has, or that were put into quarantine.
   *
   * @param quarantined  those of them whose parts go along into quarantine
   */
  removeEvents(events: readonly OutboxEvent[], quarantined: ReadonlySet<string> = new Set()): void {
    const parts = this.#parts.among("event", this.withParts(events));
    if (parts.size > 0) {
      const put = [...parts.keys()].filter((id) => quarantined.has(id));
      this.#parts.handOver("event", "quarantined_event", put);
      this.#parts.remove(
        "event",
        [...parts.keys()].filter((id) => !quarantined.has(id)),
      );
      for (const bytes of parts.values()) this.#bytes -= bytes;
    }

    this.#sql.exec(
      `DELETE FROM outbox_events WHERE place IN (SELECT value FROM json_each(?))`,
      JSON.stringify(events.map(({ id }) => placeOf(id))),
    );
    this.#events -= events.length;
    this.#bytes -= events.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0);
  }

  /**
   * Takes people out of the events that wait: what stays of each goes to D1 as it would have gone.
   *
   * @param profileIds  the profiles they were answered with
   * @returns ids of the events that had parts
   */
  blank(profileIds: readonly string[]): string[] {
    const waiting = this.#sql
      .exec<{ event_id: string }>(
        `SELECT event_id FROM outbox_events WHERE ${PROFILE_OF_ROW} IN (SELECT value FROM json_each(?))`,
        JSON.stringify(profileIds),
      )
      .toArray()
      .map(({ event_id }) => event_id);
    for (const eventId of waiting) {
      const { bytes, row } = this.#sql
        .exec<{ bytes: number; row: string }>(
          `SELECT octet_length(row) AS bytes, row FROM outbox_events WHERE place = ?`,
          placeOf(eventId),
        )
        .one();
      const json = JSON.stringify(withoutPerson(JSON.parse(row) as UserEventRow));
      this.#sql.exec(`UPDATE outbox_events SET row = ? WHERE place = ?`, json, placeOf(eventId));
      this.#bytes += Buffer.byteLength(json) - bytes;
    }
    const parts = this.#parts.among("event", waiting);
    this.#parts.remove("event", [...parts.keys()]);
    for (const bytes of parts.values()) this.#bytes -= bytes;
    if (waiting.length > 0) this.#blankings += 1;
    return [...parts.keys()];
  }

  /** Counts the times that waiting events were changed: what was read before one of them may be out of date. */
  get blankings(): number {
    return this.#blankings;
  }

  /** Those of these events that wait as they were read. */
  unchanged(events: readonly OutboxEvent[]): OutboxEvent[] {
    return events.filter(
      ({ id, json }) =>
        [...this.#sql.exec(`SELECT 1 FROM outbox_events WHERE place = ? AND row = ?`, placeOf(id), json)].length > 0,
    );
  }

  /** Ids of the newest events of some people that wait, before an id if one is given. */
  newestOf(profileIds: readonly string[], before: string | null, limit: number): string[] {
    return this.#sql
      .exec<{ event_id: string }>(
        `SELECT event_id FROM outbox_events
         WHERE place < ? AND ${PROFILE_OF_ROW} IN (SELECT value FROM json_each(?)) ORDER BY place DESC LIMIT ?`,
        before === null ? Number.MAX_SAFE_INTEGER : placeOf(before),
        JSON.stringify(profileIds),
        limit,
      )
      .toArray()
      .map(({ event_id }) => event_id);
  }

  changedIds(table: ChangedTable, limit: number): string[] {
    return [
      ...this.#sql.exec<{ row_id: string }>(
        `SELECT row_id FROM outbox_changes WHERE table_name = ? LIMIT ?`,
        table,
        limit,
      ),
    ].map(({ row_id }) => row_id);
  }

  clearChanged(table: ChangedTable, ids: readonly string[]): void {
    this.#sql.exec(
      `DELETE FROM outbox_changes WHERE table_name = ? AND row_id IN (SELECT value FROM json_each(?))`,
      table,
      JSON.stringify(ids),
    );
  }

  #eventIdAt(sql: string): string | null {
    return [...this.#sql.exec<{ event_id: string }>(sql)][0]?.event_id ?? null;
  }

  /** What is kept in memory, to be put back should a transaction that begins now be rolled back. */
  size(): OutboxSize {
    return { events: this.#events, bytes: this.#bytes };
  }

  /** Puts back what {@link size} said: counting again would read a whole outbox of an outage. */
  restore({ events, bytes }: OutboxSize): void {
    this.#gathered = null;
    this.#events = events;
    this.#bytes = bytes;
  }
}

/** Told by the row's end, without a look into the table: the number of its parts is a row's last member. */
function hasParts({ json }: OutboxEvent): boolean {
  return !json.endsWith(ENDS_WITHOUT_PARTS);
}

/**
 * An event's place in time: the millisecond and the sequence inside its id, as one whole number that a double
 * holds until 2094. Unique in a cell, whose ids only grow.
 */
function placeOf(eventId: string): number {
  return (uuidV7Ms(eventId) - PLACES_FROM_MS) * 4_096 + Number.parseInt(eventId.slice(15, 18), 16);
}
