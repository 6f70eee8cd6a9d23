// Messages that runs asked for. A row is made in the transaction that moves its run, once per delivery key; sending
// it and telling the run how it went come later. What a request holds was made of redacted data only.
import type { DeliveryOutcome, RunEffect } from "../domain/run.ts";
import type { DeliveryRequest } from "../domain/steps/step-runtime.ts";

export type DeliveryStatus = "pending" | DeliveryOutcome["status"];

export interface Delivery {
  id: string;
  enrollmentId: string;
  deliveryKey: string;
  journeyId: string;
  /** Of the journey, that the run was on when it asked. */
  version: number;
  stepId: string;
  channel: DeliveryRequest["channel"];
  status: DeliveryStatus;
  reason: string | null;
  createdAt: number;
  settledAt: number | null;
  /** `null` = the person was erased. */
  request: DeliveryRequest | null;
}

type StoredDelivery = {
  id: string;
  enrollment_id: string;
  delivery_key: string;
  journey_id: string;
  version: number;
  step_id: string;
  channel: DeliveryRequest["channel"];
  status: DeliveryStatus;
  reason: string | null;
  created_at: number;
  settled_at: number | null;
  request: string;
};

/** Which run asks. */
export interface AskingRun {
  id: string;
  journeyId: string;
  version: number;
}

export class DeliveryStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Files a message as pending; one that its run has asked for already stays as it is. */
  put(id: string, run: AskingRun, asked: Extract<RunEffect, { kind: "deliver" }>, now: number): void {
    this.#sql.exec(
      `INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', NULL, ?, NULL, ?)
       ON CONFLICT (enrollment_id, delivery_key) DO NOTHING`,
      id,
      run.id,
      asked.deliveryKey,
      run.journeyId,
      run.version,
      asked.stepId,
      asked.request.channel,
      now,
      JSON.stringify(asked.request),
    );
  }

  find(id: string): Delivery | null {
    const row = [...this.#sql.exec<StoredDelivery>(`SELECT * FROM deliveries WHERE id = ?`, id)][0];
    if (row === undefined) return null;
    return {
      id: row.id,
      enrollmentId: row.enrollment_id,
      deliveryKey: row.delivery_key,
      journeyId: row.journey_id,
      version: row.version,
      stepId: row.step_id,
      channel: row.channel,
      status: row.status,
      reason: row.reason,
      createdAt: row.created_at,
      settledAt: row.settled_at,
      request: JSON.parse(row.request) as DeliveryRequest | null,
    };
  }

  /** Writes down how a pending message went; one that is settled stays as it is. */
  settle(id: string, outcome: DeliveryOutcome, now: number): void {
    const reason = outcome.status === "skipped" ? outcome.reason : outcome.status === "failed" ? outcome.code : null;
    this.#sql.exec(
      `UPDATE deliveries SET status = ?, reason = ?, settled_at = ? WHERE id = ? AND status = 'pending'`,
      outcome.status,
      reason,
      now,
      id,
    );
  }

  /** Takes people out of their messages: what is in them goes, and what was still to be sent is not sent. */
  erase(profileIds: readonly string[], now: number): void {
    this.#sql.exec(
      `UPDATE deliveries SET request = 'null', reason = CASE status WHEN 'pending' THEN 'profile_erased' ELSE reason END,
         settled_at = coalesce(settled_at, ?2), status = CASE status WHEN 'pending' THEN 'skipped' ELSE status END
       WHERE enrollment_id IN (
         SELECT id FROM enrollments INDEXED BY enrollments_by_profile
         WHERE profile_id IN (SELECT value FROM json_each(?1)))`,
      JSON.stringify(profileIds),
      now,
    );
  }

  /** Whether a message of a run is still to be sent, and may read the event that started it. */
  hasPending(enrollmentId: string): boolean {
    const pending = this.#sql.exec(
      `SELECT 1 FROM deliveries WHERE enrollment_id = ? AND status = 'pending' LIMIT 1`,
      enrollmentId,
    );
    return [...pending].length > 0;
  }
}
