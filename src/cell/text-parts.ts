// Text that is too large for one row, kept in parts of a size that every table, parameter and batch on the way to
// D1 takes, however it has to be escaped. Written and removed in the transaction of the row it belongs to.
import type { UserEventRow } from "../domain/event.ts";

/**
 * Whose text it is: an outbox row's, a quarantined row's, an entry event's, whose last run takes it along, a rejected
 * event's, or a failed message's.
 */
export type PartsOwner = "event" | "quarantined_event" | "entry_event" | "rejected_event" | "delivery";

export interface TextPart {
  part: number;
  text: string;
}

export class TextParts {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * Keeps a text, in as many parts as it needs.
   *
   * @param parts  as splitText of the domain makes them
   */
  put(owner: PartsOwner, ownerId: string, parts: readonly string[]): void {
    parts.forEach((text, part) => {
      this.#sql.exec(`INSERT INTO text_parts VALUES (?, ?, ?, ?)`, owner, ownerId, part, text);
    });
  }

  /** The whole text, or `null` when there is none. */
  read(owner: PartsOwner, ownerId: string): string | null {
    const parts = [...this.each(owner, ownerId)];
    return parts.length === 0 ? null : parts.map(({ text }) => text).join("");
  }

  /** An event's stored row, with the data that was too large for it. */
  wholeEvent(owner: PartsOwner, { data_parts: parts = 0, ...row }: UserEventRow): UserEventRow {
    return parts === 0 ? row : { ...row, data: this.read(owner, row.event_id) };
  }

  /** The parts in order, read one by one. */
  each(owner: PartsOwner, ownerId: string): Iterable<TextPart> {
    return this.#sql.exec<{ part: number; text: string }>(
      `SELECT part, text FROM text_parts WHERE owner = ? AND owner_id = ? ORDER BY part`,
      owner,
      ownerId,
    );
  }

  /** Which of these have parts, and how many bytes. */
  among(owner: PartsOwner, ownerIds: readonly string[]): Map<string, number> {
    if (ownerIds.length === 0) return new Map();
    const found = this.#sql.exec<{ owner_id: string; bytes: number }>(
      `SELECT owner_id, sum(octet_length(text)) AS bytes FROM text_parts
       WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?)) GROUP BY owner_id`,
      owner,
      JSON.stringify(ownerIds),
    );
    return new Map(Array.from(found, ({ owner_id, bytes }) => [owner_id, bytes]));
  }

  /** Bytes of all parts of an owner. Reads row headers only. */
  bytesOf(owner: PartsOwner): number {
    return this.#sql
      .exec<{ bytes: number }>(
        `SELECT coalesce(sum(octet_length(text)), 0) AS bytes FROM text_parts WHERE owner = ?`,
        owner,
      )
      .one().bytes;
  }

  /** Hands texts over with the rows they belong to. */
  handOver(from: PartsOwner, to: PartsOwner, ownerIds: readonly string[]): void {
    this.#sql.exec(
      `UPDATE text_parts SET owner = ? WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?))`,
      to,
      from,
      JSON.stringify(ownerIds),
    );
  }

  remove(owner: PartsOwner, ownerIds: readonly string[]): void {
    this.#sql.exec(
      `DELETE FROM text_parts WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?))`,
      owner,
      JSON.stringify(ownerIds),
    );
  }
}
