// Takes out of old messages what they were made of, once events of their age are forgotten too: a failed message keeps
// its event's data, a webhook the body that its step wrote. What tells how a message went stays.
import { uuidV7Floor } from "../d1/uuid-v7-range.ts";
import type { KeptMessages } from "./kept-messages.ts";

export class ForgottenMessages {
  readonly #sql: SqlStorage;
  readonly #kept: KeptMessages;

  constructor(sql: SqlStorage, kept: KeptMessages) {
    this.#sql = sql;
    this.#kept = kept;
  }

  /**
   * Goes on in the order of making where it stopped the last time; a message that is still to be sent holds it up, and
   * is looked at again. Runs inside a transaction.
   *
   * @param instant  what was made before it is forgotten, Unix milliseconds
   * @returns whether there may be more than it looked at
   */
  forgetBefore(instant: number, limit: number): boolean {
    const { forgotten_to: after } = this.#sql.exec<{ forgotten_to: string }>(`SELECT forgotten_to FROM sending`).one();
    const old = this.#sql
      .exec<{ id: string; status: string }>(
        `SELECT id, status FROM deliveries WHERE id > ? AND id < ? ORDER BY id LIMIT ?`,
        after,
        uuidV7Floor(instant),
        limit,
      )
      .toArray();
    const firstPending = old.findIndex(({ status }) => status === "pending");
    const ids = (firstPending === -1 ? old : old.slice(0, firstPending)).map(({ id }) => id);
    const last = ids.at(-1);
    if (last === undefined) return false;
    this.#kept.forget(ids);
    this.#sql.exec(
      `UPDATE deliveries SET kept = NULL, request = CASE channel WHEN 'webhook' THEN 'null' ELSE request END
       WHERE id > ? AND id <= ? AND (kept IS NOT NULL OR channel = 'webhook')`,
      after,
      last,
    );
    this.#sql.exec(`UPDATE sending SET forgotten_to = ?`, last);
    return old.length === limit && firstPending === -1;
  }
}
