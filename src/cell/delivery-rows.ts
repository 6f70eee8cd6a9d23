// Messages as they are told: to the read model, to who asks for one, to a person's export. Reads only; what changes
// them is elsewhere. A message is the person's whose run it was when the run asked for it.
import type { DeliveryAttempt, DeliveryChannel, DeliveryRow, DeliveryStatus } from "../domain/delivery.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";

/** A message with its attempts, oldest first. */
export interface ToldDelivery {
  row: DeliveryRow;
  attemptLog: DeliveryAttempt[];
}

type StoredRow = {
  id: string;
  channel: DeliveryChannel;
  status: DeliveryStatus;
  reason: string | null;
  attempts: number;
  next_attempt_at: number | null;
  profile_id: string;
  enrollment_id: string;
  journey_id: string;
  journey_key: string;
  step_id: string;
  target: string | null;
  provider_id: string | null;
  created_at: number;
  settled_at: number | null;
  rev: number;
};

type StoredAttempt = {
  delivery_id: string;
  at: number;
  outcome: DeliveryAttempt["outcome"];
  code: string | null;
  message: string | null;
  duration_ms: number | null;
  target: string | null;
};

const COLUMNS = `d.id, d.channel, d.status, d.reason, d.attempts, d.next_attempt_at, d.profile_id, d.enrollment_id,
  d.journey_id, j.key AS journey_key, d.step_id, d.target, d.provider_id, d.created_at, d.settled_at, d.rev`;

/** Of a message and of an attempt besides its text, about. */
const ITEM_BYTES = 600;
const ATTEMPT_BYTES = 150;

export class DeliveryRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: string): ToldDelivery | null {
    return this.#told([id])[0] ?? null;
  }

  /** Messages of some people, newest first; `before` is the last id of the page before. */
  listOf(profileIds: readonly string[], limit: number, before: string | null): ListPage<ToldDelivery> {
    const ids = this.#sql
      .exec<{ id: string }>(
        `SELECT id FROM deliveries INDEXED BY deliveries_by_profile
         WHERE profile_id IN (SELECT value FROM json_each(?)) AND id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
        JSON.stringify(profileIds),
        before,
        limit + 1,
      )
      .toArray()
      .map(({ id }) => id);
    return takePage(this.#told(ids), limit, ({ attemptLog }) =>
      attemptLog.reduce((bytes, { message }) => bytes + ATTEMPT_BYTES + (message?.length ?? 0), ITEM_BYTES),
    );
  }

  /** D1 rows of messages, read one by one. */
  *rowsFor(ids: readonly string[]): Generator<{ id: string; rev: number; row: DeliveryRow }> {
    for (const stored of this.#read(ids)) yield { id: stored.id, rev: stored.rev, row: rowOf(stored) };
  }

  /** The present revision of each of these messages that exists. */
  revsOf(ids: readonly string[]): Map<string, number> {
    const cursor = this.#sql.exec<{ id: string; rev: number }>(
      `SELECT d.id, d.rev FROM json_each(?) i JOIN deliveries d ON d.id = i.value`,
      JSON.stringify(ids),
    );
    return new Map(Array.from(cursor, ({ id, rev }) => [id, rev]));
  }

  /** In the order of their ids as given. */
  #told(ids: readonly string[]): ToldDelivery[] {
    const logs = Map.groupBy(
      this.#sql.exec<StoredAttempt>(
        `SELECT a.* FROM json_each(?) i CROSS JOIN delivery_attempts a ON a.delivery_id = i.value
         ORDER BY a.delivery_id, a.attempt`,
        JSON.stringify(ids),
      ),
      (attempt) => attempt.delivery_id,
    );
    const rows = new Map(Array.from(this.#read(ids), (stored) => [stored.id, rowOf(stored)]));
    return ids.flatMap((id) => {
      const row = rows.get(id);
      return row === undefined ? [] : [{ row, attemptLog: (logs.get(id) ?? []).map(attemptOf) }];
    });
  }

  #read(ids: readonly string[]): Iterable<StoredRow> {
    return this.#sql.exec<StoredRow>(
      `SELECT ${COLUMNS} FROM json_each(?) i
         JOIN deliveries d ON d.id = i.value JOIN journeys j ON j.id = d.journey_id`,
      JSON.stringify(ids),
    );
  }
}

function rowOf({ id, next_attempt_at, created_at, settled_at, ...same }: StoredRow): DeliveryRow {
  const instant = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    delivery_id: id,
    ...same,
    next_attempt_at: instant(next_attempt_at),
    created_at: new Date(created_at).toISOString(),
    settled_at: instant(settled_at),
  };
}

function attemptOf({ at, outcome, code, message, duration_ms, target }: StoredAttempt): DeliveryAttempt {
  return { at, outcome, code, message, durationMs: duration_ms, target };
}
