// What a door answered with success and could not take, kept for a week so that nothing is dropped unseen.
// Bounded: a client that sends nothing else must not fill the object.
import type { EventSource } from "../domain/event.ts";
import { uuidV7, uuidV7Ms } from "../domain/ids.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { IdentityKind } from "../domain/profile.ts";
import { splitText } from "../domain/text-parts.ts";
import type { PartsOwner, TextParts } from "./text-parts.ts";

const KEPT_MS = 7 * 86_400_000;
const MAX_REJECTED_BYTES = 200_000_000;
/** A payload that is too large for its row is in parts of this owner, and the row has none. */
const PARTS: PartsOwner = "rejected_event";
/** What a row takes up besides its texts, about. */
const ROW_BYTES = 100;
/** The parts are looked for only where the row has no payload. */
const PAYLOAD_BYTES = `coalesce(
  octet_length(payload),
  (SELECT sum(octet_length(text)) FROM text_parts WHERE owner = '${PARTS}' AND owner_id = rejected_events.id),
  0
)`;
const BYTES = `${ROW_BYTES} + octet_length(message) + ${PAYLOAD_BYTES}`;
/** How much of a full store stays: room is made seldom, and then for many. */
const KEPT_SHARE = 0.9;

export interface RejectedEvent {
  source: EventSource;
  /** One of the door's codes, e.g. `no_user_anon_id`. */
  reason: string;
  message: string;
  /** JSON text of what was sent, less its keys; `null` when it cannot be written as text again. */
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
  readonly #parts: TextParts;
  #bytes = 0;

  constructor(sql: SqlStorage, parts: TextParts) {
    this.#sql = sql;
    this.#parts = parts;
    this.reload();
  }

  /** Keeps one; past the bound the oldest go. @param id  a UUIDv7 made now */
  put(id: string, event: RejectedEvent): void {
    const { source, reason, message, payloadJson } = event;
    const parts = payloadJson === null ? [] : splitText(payloadJson);
    const payload = parts.length === 0 ? payloadJson : null;
    this.#sql.exec(`INSERT INTO rejected_events VALUES (?, ?, ?, ?, ?)`, id, source, reason, message, payload);
    this.#parts.put(PARTS, id, parts);
    this.#bytes += ROW_BYTES + message.length + (payloadJson?.length ?? 0);
    if (this.#bytes > MAX_REJECTED_BYTES) this.#keepNewest(MAX_REJECTED_BYTES * KEPT_SHARE);
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ListPage<KeptRejectedEvent> {
    const rows = this.#sql.exec<StoredRejectedEvent & { bytes: number }>(
      `SELECT *, ${PAYLOAD_BYTES} AS bytes FROM rejected_events
       WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ bytes }) => bytes);
    return { items: items.map((row) => this.#keptOf(row)), more };
  }

  /** Drops what is past its week. */
  forget(now: number): void {
    this.#remove(`id < ?`, uuidV7(now - KEPT_MS, 0, new Uint8Array(8)));
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
    for (const row of this.#sql.exec<StoredRejectedEvent>(`SELECT * FROM rejected_events`)) {
      const { id, message, payloadJson } = this.#keptOf(row);
      const text = `${message} ${payloadJson ?? ""}`.toLowerCase();
      if (wanted.some((value) => text.includes(value))) found.push(id);
    }
    if (found.length > 0) this.#remove(`id IN (SELECT value FROM json_each(?))`, JSON.stringify(found));
  }

  /** Sums what is there: on start, and after a transaction that was rolled back. */
  reload(): void {
    this.#bytes = this.#sql
      .exec<{ bytes: number }>(`SELECT coalesce(sum(${BYTES}), 0) AS bytes FROM rejected_events`)
      .one().bytes;
  }

  #keepNewest(bytes: number): void {
    this.#remove(
      `id <= (
         SELECT id FROM (
           SELECT id, sum(${BYTES}) OVER (ORDER BY id DESC) AS bytes FROM rejected_events
         ) WHERE bytes > ? ORDER BY id DESC LIMIT 1
       )`,
      bytes,
    );
  }

  /** Takes out the events of which a condition holds, and their parts. */
  #remove(condition: string, value: string | number): void {
    const removed = this.#sql.exec<{ id: string; in_parts: number }>(
      `DELETE FROM rejected_events WHERE ${condition} RETURNING id, payload IS NULL AS in_parts`,
      value,
    );
    const inParts = Array.from(removed).flatMap(({ id, in_parts }) => (in_parts === 1 ? [id] : []));
    if (inParts.length > 0) this.#parts.remove(PARTS, inParts);
    this.reload();
  }

  #keptOf({ id, source, reason, message, payload }: StoredRejectedEvent): KeptRejectedEvent {
    const payloadJson = payload ?? this.#parts.read(PARTS, id);
    return { id, at: uuidV7Ms(id), source, reason, message, payloadJson };
  }
}
