// Writes outbox rows into the read model: at least once, idempotent, in bounded batches. A row that D1 will
// never take is set apart as poison; D1 being away never makes a row poison.
import { Buffer } from "node:buffer";
import { isJsonObject } from "../domain/json.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { errorCode, isOutage } from "./d1-errors.ts";
import { UPSERT_DELIVERIES } from "./deliveries.ts";
import { UPSERT_ENROLLMENTS } from "./enrollments.ts";
import { DELETE_FORMER_PROPERTIES, INSERT_PRESENT_PROPERTIES } from "./profile-properties.ts";
import { UPSERT_PROFILES } from "./profiles.ts";
import { INSERT_USER_EVENT_PARTS } from "./user-event-parts.ts";
import { INSERT_USER_EVENTS } from "./user-events.ts";

/** D1 takes strings under 2 MB: source, D1's published limits. */
const MAX_PARAMETER_BYTES = 2_000_000;
/** Where a batch ends, with room to spare: one batch also has to be read, written and answered in 30 s. */
const MAX_BATCH_BYTES = 1_500_000;
const MAX_BATCH_ROWS = 500;
/** `[` and `]` around a batch. */
const BRACKETS_BYTES = 2;

const WRITE = {
  user_events: INSERT_USER_EVENTS,
  user_event_parts: INSERT_USER_EVENT_PARTS,
  profiles: UPSERT_PROFILES,
  enrollments: UPSERT_ENROLLMENTS,
  deliveries: UPSERT_DELIVERIES,
} as const;

/** What has to be written with a table's rows, in this order around them; each may be repeated. */
const FOLLOWING: Partial<Record<ProjectedTable, { before: string; after: string }>> = {
  profiles: { before: DELETE_FORMER_PROPERTIES, after: INSERT_PRESENT_PROPERTIES },
};

export type ProjectedTable = keyof typeof WRITE;

export interface ProjectedRow {
  /** The row's own id, for the outcome. */
  id: string;
  /** JSON text of the row object, as `JSON.stringify` makes it: its field names are the columns. */
  json: string;
}

export interface ProjectionOutcome {
  /** Ids that D1 is done with: written, there already in this state or a newer one, or of an erased profile. */
  written: string[];
  /** Rows that D1 refuses while it is healthy. The text names the kind of error, never a value. */
  poisoned: { row: ProjectedRow; error: string }[];
  /** Set when D1 is away: nothing further was tried, rows in neither list are still to be written. */
  outage: string | null;
}

function bytesOf(row: ProjectedRow): number {
  return Buffer.byteLength(row.json, "utf8");
}

/** Such a row fits into no parameter: D1 need not be asked. */
function isTooBig(row: ProjectedRow): boolean {
  return bytesOf(row) + BRACKETS_BYTES >= MAX_PARAMETER_BYTES;
}

function isJson(text: string): boolean {
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false;
  }
}

function batches(rows: ProjectedRow[]): ProjectedRow[][] {
  const all: ProjectedRow[][] = [];
  let batch: ProjectedRow[] = [];
  let batchBytes = BRACKETS_BYTES;
  for (const row of rows) {
    const rowBytes = bytesOf(row) + ",".length;
    if (batch.length > 0 && (batch.length === MAX_BATCH_ROWS || batchBytes + rowBytes > MAX_BATCH_BYTES)) {
      all.push(batch);
      batch = [];
      batchBytes = BRACKETS_BYTES;
    }
    batch.push(row);
    batchBytes += rowBytes;
  }
  if (batch.length > 0) all.push(batch);
  return all;
}

/**
 * Writes rows of one table of one workspace. Repeating it, in whole or in part, changes nothing: so a write
 * whose answer was lost is simply sent again.
 *
 * @param rows any number; batched by rows and by bytes
 * @returns what became of each row; never throws for what D1 does
 */
export async function project(
  db: D1Database,
  workspaceId: string,
  table: ProjectedTable,
  rows: ProjectedRow[],
): Promise<ProjectionOutcome> {
  const outcome: ProjectionOutcome = { written: [], poisoned: [], outage: null };
  const sound: ProjectedRow[] = [];
  for (const row of rows) {
    if (isTooBig(row)) outcome.poisoned.push({ row, error: "SQLITE_TOOBIG: the row is too big for D1" });
    else sound.push(row);
  }

  const write = async (batch: ProjectedRow[]): Promise<Result<void, unknown>> => {
    try {
      const json = `[${batch.map((row) => row.json).join(",")}]`;
      const following = FOLLOWING[table];
      if (following !== undefined) await db.prepare(following.before).bind(workspaceId, json).run();
      await db.prepare(WRITE[table]).bind(workspaceId, json).run();
      if (following !== undefined) await db.prepare(following.after).bind(workspaceId, json).run();
      return ok(undefined);
    } catch (error) {
      return err(error);
    }
  };

  const pending = batches(sound).toReversed();
  for (let batch = pending.pop(); batch !== undefined; batch = pending.pop()) {
    const attempt = await write(batch);
    if (attempt.ok) {
      for (const row of batch) outcome.written.push(row.id);
      continue;
    }
    // The same statements over no rows tell a fault of the rows from a fault of D1.
    if (isOutage(attempt.error) || !(await write([])).ok) {
      outcome.outage = `${errorCode(attempt.error)}: D1 is away or refuses all work`;
      return outcome;
    }
    const [row] = batch;
    if (batch.length === 1 && row !== undefined) {
      const error = isJson(row.json) ? errorCode(attempt.error) : "invalid_json";
      outcome.poisoned.push({ row, error: `${error}: D1 refuses this row` });
    } else {
      const middle = Math.ceil(batch.length / 2);
      pending.push(batch.slice(middle), batch.slice(0, middle));
    }
  }
  return outcome;
}
