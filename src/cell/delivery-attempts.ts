// Attempts to send messages and how each ended: one row an attempt, for ever. An attempt that nobody was heard of again
// is taken for lost; should it turn out that it was sent after all, it says so from then on.
import type { DeliveryAttempt } from "../domain/delivery.ts";

export class DeliveryAttempts {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Writes down how an attempt ended, or how it ended after all. */
  put(deliveryId: string, attempt: number, attempted: DeliveryAttempt): void {
    const { at, outcome, code, message, durationMs, target } = attempted;
    this.#sql.exec(
      `INSERT INTO delivery_attempts (delivery_id, attempt, at, outcome, code, message, duration_ms, target)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET outcome = excluded.outcome, code = excluded.code, message = excluded.message,
         duration_ms = excluded.duration_ms`,
      deliveryId,
      attempt,
      at,
      outcome,
      code,
      message,
      durationMs,
      target,
    );
  }

  /** How an attempt ended; `null` = it has not, as far as is known. */
  outcomeOf(deliveryId: string, attempt: number): DeliveryAttempt["outcome"] | null {
    const found = this.#sql.exec<{ outcome: DeliveryAttempt["outcome"] }>(
      `SELECT outcome FROM delivery_attempts WHERE delivery_id = ? AND attempt = ?`,
      deliveryId,
      attempt,
    );
    return [...found][0]?.outcome ?? null;
  }

  /** Takes out whom they were addressed to, and what receivers said: it may name the person. */
  erase(deliveryIds: readonly string[]): void {
    this.#sql.exec(
      `UPDATE delivery_attempts SET message = NULL, target = NULL WHERE delivery_id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(deliveryIds),
    );
  }
}
