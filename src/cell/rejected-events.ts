// What a door answered with success and could not take, kept for a week so that nothing is dropped unseen.
// Bounded: a client that sends nothing else must not fill the object.
import type { EventSource } from "../domain/event.ts";
import { uuidV7, uuidV7Ms } from "../domain/ids.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { IdentityKind } from "../domain/profile.ts";

const KEPT_MS = 7 * 86_400_000;
const MAX_REJECTED_BYTES = 200_000_000;
/** A payload is kept whole up to here: the largest call that a door answers with success is no larger. */
export const MAX_REJECTED_PAYLOAD_BYTES = 512 * 1024;
/** What a row takes up besides its texts, about. */
const ROW_BYTES = 100;
const BYTES = `${ROW_BYTES} + octet_length(message) + ifnull(octet_length(payload), 0)`;
/** How much of a full store stays: room is made seldom, and then for many. */
const KEPT_SHARE = 0.9;

export interface RejectedEvent {
  source: EventSource;
  /** One of the door's codes, e.g. `no_user_anon_id`. */
  reason: string;
  message: string;
  /** JSON text of what was sent, less its secrets; `null` when it is too large to keep. */
  payloadJson: string | null;
}

export interface KeptRejectedEvent extends RejectedEvent {
  id: string;
  /** Unix milliseconds. */
  at: number;
}

type StoredRejectedEvent = { id: string; source: EventSource; reason: string; message: string; payload: string | null };

export class RejectedEvents {
  readonly #sql: SqlStorage;
  #bytes = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /** Keeps one; past the bound the oldest go. @param id  a UUIDv7 made now */
  put(id: string, event: RejectedEvent): void {
    const { source, reason, message, payloadJson } = event;
    this.#sql.exec(`INSERT INTO rejected_events VALUES (?, ?, ?, ?, ?)`, id, source, reason, message, payloadJson);
    this.#bytes += ROW_BYTES + message.length + (payloadJson?.length ?? 0);
    if (this.#bytes > MAX_REJECTED_BYTES) this.#keepNewest(MAX_REJECTED_BYTES * KEPT_SHARE);
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ListPage<KeptRejectedEvent> {
    const rows = this.#sql.exec<StoredRejectedEvent>(
      `SELECT * FROM rejected_events WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ payload }) => payload?.length ?? 0);
    return { items: items.map(keptOf), more };
  }

  /** Drops what is past its week. */
  forget(now: number): void {
    this.#sql.exec(`DELETE FROM rejected_events WHERE id < ?`, uuidV7(now - KEPT_MS, 0, new Uint8Array(8)));
    this.reload();
  }

  /**
   * Takes people out: events that hold one of these go, message and all. A value is looked for as JSON writes it, a
   * whole text of its own; an address also within another text. Letter case aside.
   */
  erase(identities: readonly { kind: IdentityKind; value: string }[]): void {
    const wanted = identities.map(({ kind, value }) => {
      const text = JSON.stringify(value).toLowerCase();
      return kind === "email" ? text.slice(1, -1) : text;
    });
    const found: string[] = [];
    for (const { id, message, payload } of this.#sql.exec<StoredRejectedEvent>(`SELECT * FROM rejected_events`)) {
      const text = `${message} ${payload ?? ""}`.toLowerCase();
      if (wanted.some((value) => text.includes(value))) found.push(id);
    }
    if (found.length === 0) return;
    this.#sql.exec(`DELETE FROM rejected_events WHERE id IN (SELECT value FROM json_each(?))`, JSON.stringify(found));
    this.reload();
  }

  /** Sums what is there: on start, and after a transaction that was rolled back. */
  reload(): void {
    this.#bytes = this.#sql
      .exec<{ bytes: number }>(`SELECT coalesce(sum(${BYTES}), 0) AS bytes FROM rejected_events`)
      .one().bytes;
  }

  #keepNewest(bytes: number): void {
    this.#sql.exec(
      `DELETE FROM rejected_events WHERE id <= (
         SELECT id FROM (
           SELECT id, sum(${BYTES}) OVER (ORDER BY id DESC) AS bytes FROM rejected_events
         ) WHERE bytes > ? ORDER BY id DESC LIMIT 1
       )`,
      bytes,
    );
    this.reload();
  }
}

function keptOf({ id, source, reason, message, payload }: StoredRejectedEvent): KeptRejectedEvent {
  return { id, at: uuidV7Ms(id), source, reason, message, payloadJson: payload };
}
