// Rows that D1 refuses for good, taken out of the outbox so that one bad row never holds up the rest.
// Kept whole until someone decides: asks D1 again, or gives it up.
import { withoutPerson } from "../domain/erased-event.ts";
import type { UserEventRow } from "../domain/event.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { ProjectedTable } from "../d1/projector.ts";
import { PROFILE_OF_ROW, type Outbox } from "./outbox.ts";
import type { TextParts } from "./text-parts.ts";

export interface QuarantinedRow {
  id: string;
  at: number;
  table: ProjectedTable;
  rowId: string;
  error: string;
}

type StoredRow = { id: string; at: number; table_name: ProjectedTable; row_id: string; error: string };

type TakenRow = { table_name: ProjectedTable; row_id: string; row: string };

export class Quarantine {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  readonly #parts: TextParts;

  constructor(sql: SqlStorage, outbox: Outbox, parts: TextParts) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.#parts = parts;
  }

  /** Keeps a row; one that is here already is kept as it is now. */
  put(row: QuarantinedRow, json: string): void {
    this.#sql.exec(
      `INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (table_name, row_id)
         DO UPDATE SET at = excluded.at, error = excluded.error, row = excluded.row`,
      row.id,
      row.at,
      row.table,
      row.rowId,
      row.error,
      json,
    );
  }

  count(): number {
    return this.#sql.exec<{ rows: number }>(`SELECT count(*) AS rows FROM quarantine`).one().rows;
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ListPage<QuarantinedRow> {
    const rows = this.#sql.exec<StoredRow>(
      `SELECT id, at, table_name, row_id, error FROM quarantine WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ error }) => error.length);
    return {
      items: items.map(({ id, at, table_name, row_id, error }) => ({
        id,
        at,
        table: table_name,
        rowId: row_id,
        error,
      })),
      more,
    };
  }

  /** Lets D1 be asked again: an event's row as it is, of anything else what it is now. @returns whether there was one */
  retry(id: string): boolean {
    const taken = this.#take(id);
    if (taken === null) return false;
    const { table_name: table, row_id: rowId, row } = taken;
    if (table === "user_events" || table === "user_event_parts") this.#outbox.takeBack(rowId, row);
    else this.#outbox.markChanged(table, rowId);
    return true;
  }

  /** Gives a row up. @returns whether there was one */
  drop(id: string): boolean {
    const taken = this.#take(id);
    if (taken === null) return false;
    if (taken.table_name === "user_events") this.#parts.remove("quarantined_event", [taken.row_id]);
    return true;
  }

  #take(id: string): TakenRow | null {
    return (
      [...this.#sql.exec<TakenRow>(`DELETE FROM quarantine WHERE id = ? RETURNING table_name, row_id, row`, id)][0] ??
      null
    );
  }

  /** An event that is in neither the outbox nor D1 any more; it was accepted, so it stays readable. */
  readEvent(eventId: string): UserEventRow | null {
    const found = [
      ...this.#sql.exec<{ row: string }>(
        `SELECT row FROM quarantine WHERE table_name = 'user_events' AND row_id = ?`,
        eventId,
      ),
    ][0];
    return found === undefined
      ? null
      : this.#parts.wholeEvent("quarantined_event", JSON.parse(found.row) as UserEventRow);
  }

  /** Ids of the newest events of some people that are here, before an id if one is given. */
  newestOf(profileIds: readonly string[], before: string | null, limit: number): string[] {
    return this.#sql
      .exec<{ row_id: string }>(
        `SELECT row_id FROM quarantine
         WHERE table_name = 'user_events' AND row_id < coalesce(?, 'g')
           AND ${PROFILE_OF_ROW} IN (SELECT value FROM json_each(?)) ORDER BY row_id DESC LIMIT ?`,
        before,
        JSON.stringify(profileIds),
        limit,
      )
      .toArray()
      .map(({ row_id }) => row_id);
  }

  /**
   * Takes people out: their profiles' rows go, and what stays of their events and messages waits for D1 again. Rows of
   * their runs hold ids only.
   *
   * @returns ids of the events that had parts
   */
  erase(profileIds: readonly string[]): string[] {
    const ids = JSON.stringify(profileIds);
    this.#sql.exec(
      `DELETE FROM quarantine WHERE table_name = 'profiles' AND row_id IN (SELECT value FROM json_each(?))`,
      ids,
    );
    // They were blanked in their own table, and wait for D1 as they are now.
    this.#sql.exec(
      `DELETE FROM quarantine WHERE table_name = 'deliveries' AND (
         ${PROFILE_OF_ROW} IN (SELECT value FROM json_each(?1)) OR row_id IN (
           SELECT id FROM deliveries WHERE enrollment_id IN (
             SELECT id FROM enrollments INDEXED BY enrollments_by_profile
             WHERE profile_id IN (SELECT value FROM json_each(?1)))))`,
      ids,
    );
    // What is no JSON tells whose it is only by holding the id somewhere; nothing of it can stay.
    this.#sql.exec(
      `DELETE FROM quarantine WHERE table_name = 'user_events' AND NOT json_valid(row)
         AND EXISTS (SELECT 1 FROM json_each(?) WHERE instr(row, value) > 0)`,
      ids,
    );
    const events = this.#sql
      .exec<{ row_id: string }>(
        `SELECT row_id FROM quarantine
         WHERE table_name = 'user_events' AND ${PROFILE_OF_ROW} IN (SELECT value FROM json_each(?))`,
        ids,
      )
      .toArray()
      .map(({ row_id }) => row_id);
    const inParts = [...this.#parts.among("quarantined_event", events).keys()];
    this.#parts.remove("quarantined_event", inParts);
    for (const eventId of events) {
      const { row } = this.#sql
        .exec<{ row: string }>(
          `DELETE FROM quarantine WHERE table_name = 'user_events' AND row_id = ? RETURNING row`,
          eventId,
        )
        .one();
      this.#outbox.takeBack(eventId, JSON.stringify(withoutPerson(JSON.parse(row) as UserEventRow)));
    }
    return inParts;
  }
}
