// Rows that D1 refuses for good, taken out of the outbox so that one bad row never holds up the rest.
// Kept whole until someone decides.
import type { UserEventRow } from "../domain/event.ts";
import type { ProjectedTable } from "../d1/projector.ts";

export interface QuarantinedRow {
  id: string;
  at: number;
  table: ProjectedTable;
  rowId: string;
  error: string;
}

export class Quarantine {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
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

  /** An event that is in neither the outbox nor D1 any more; it was accepted, so it stays readable. */
  readEvent(eventId: string): UserEventRow | null {
    const found = [
      ...this.#sql.exec<{ row: string }>(
        `SELECT row FROM quarantine WHERE table_name = 'user_events' AND row_id = ?`,
        eventId,
      ),
    ][0];
    return found === undefined ? null : (JSON.parse(found.row) as UserEventRow);
  }
}
