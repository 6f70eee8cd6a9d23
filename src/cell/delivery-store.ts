// Messages that runs asked for: the record of each, for ever. A row is made in the transaction that moves its run, once
// per delivery key. What a request holds was made of redacted data only, and nothing that was rendered is ever kept.
// What is still to be done about them is in delivery-work.ts.
import type { DeliveryStatus } from "../domain/delivery.ts";
import type { DeliveryOutcome, RunEffect } from "../domain/run.ts";
import type { DeliveryRequest } from "../domain/steps/step-runtime.ts";
import { DeliveryAttempts } from "./delivery-attempts.ts";
import { DeliveryWork } from "./delivery-work.ts";
import { KeptMessages, type KeptMessage } from "./kept-messages.ts";
import type { Outbox } from "./outbox.ts";
import type { TextParts } from "./text-parts.ts";

export interface Delivery {
  id: string;
  enrollmentId: string;
  deliveryKey: string;
  journeyId: string;
  /** Of the journey, that the run was on when it asked. */
  version: number;
  stepId: string;
  status: DeliveryStatus;
  reason: string | null;
  createdAt: number;
  /** `null` = the person was erased. */
  request: DeliveryRequest | null;
  /** Attempts whose end is known. */
  attempts: number;
  /** Who or what it goes to, or went. */
  target: string | null;
  /** Of the template as it was when its run asked; `null` = there was none. */
  snapshotId: string | null;
  /** Of a message that is pending again: it is made of this, and does not hold its run's event. */
  isMadeOfKept: boolean;
}

type StoredDelivery = {
  id: string;
  enrollment_id: string;
  delivery_key: string;
  journey_id: string;
  version: number;
  step_id: string;
  status: DeliveryStatus;
  reason: string | null;
  created_at: number;
  request: string;
  attempts: number;
  target: string | null;
  snapshot_id: string | null;
  kept: string | null;
};

const COLUMNS = `id, enrollment_id, delivery_key, journey_id, version, step_id, status, reason, created_at, request,
  attempts, target, snapshot_id, CASE WHEN kept IS NULL THEN NULL ELSE '' END AS kept`;

/** Which run asks. */
export interface AskingRun {
  id: string;
  journeyId: string;
  version: number;
}

/** What is written down when a message is settled besides how it went. */
export interface SettlementFacts {
  /** The last attempt whose end is known. */
  attempts?: number;
  providerId?: string | null;
  kept?: KeptMessage;
}

export interface DeliveryCounts {
  made: number;
  sent: number;
  skipped: number;
  failed: number;
}

export class DeliveryStore {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  readonly work: DeliveryWork;
  readonly log: DeliveryAttempts;
  readonly kept: KeptMessages;

  constructor(sql: SqlStorage, outbox: Outbox, parts: TextParts) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.work = new DeliveryWork(sql);
    this.log = new DeliveryAttempts(sql);
    this.kept = new KeptMessages(sql, parts);
  }

  /**
   * Files a message as pending; one that its run has asked for already stays as it is.
   *
   * @param snapshotId  of its template as it is now; `null` = it has none
   */
  put(
    id: string,
    run: AskingRun & { profileId: string },
    { deliveryKey, stepId, request }: Extract<RunEffect, { kind: "deliver" }>,
    snapshotId: string | null,
    now: number,
  ): void {
    const isEmail = request.channel === "email";
    const made = this.#sql
      .exec(
        `INSERT INTO deliveries (id, enrollment_id, delivery_key, journey_id, version, step_id, channel, status,
           created_at, request, profile_id, next_attempt_at, target, snapshot_id, capped)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8, ?9, ?10, ?8, ?11, ?12, ?13)
         ON CONFLICT (enrollment_id, delivery_key) DO NOTHING RETURNING 1`,
        id,
        run.id,
        deliveryKey,
        run.journeyId,
        run.version,
        stepId,
        request.channel,
        now,
        JSON.stringify(request),
        run.profileId,
        isEmail ? request.to : request.url,
        snapshotId,
        isEmail && !request.transactional ? 1 : 0,
      )
      .toArray();
    if (made.length === 0) return;
    this.work.put(id, now);
    this.#count("made", 1);
    this.#outbox.markChanged("deliveries", id);
  }

  find(id: string): Delivery | null {
    const row = [...this.#sql.exec<StoredDelivery>(`SELECT ${COLUMNS} FROM deliveries WHERE id = ?`, id)][0];
    if (row === undefined) return null;
    return {
      id: row.id,
      enrollmentId: row.enrollment_id,
      deliveryKey: row.delivery_key,
      journeyId: row.journey_id,
      version: row.version,
      stepId: row.step_id,
      status: row.status,
      reason: row.reason,
      createdAt: row.created_at,
      request: JSON.parse(row.request) as DeliveryRequest | null,
      attempts: row.attempts,
      target: row.target,
      snapshotId: row.snapshot_id,
      isMadeOfKept: row.status === "pending" && row.kept !== null,
    };
  }

  /**
   * Writes down how a pending message went; one that is settled stays as it is. Called by the driver of runs alone,
   * through which its run hears of it.
   */
  settle(id: string, outcome: DeliveryOutcome, facts: SettlementFacts, now: number): void {
    const { attempts = 0, providerId = null, kept = null } = facts;
    const reason = outcome.status === "failed" ? outcome.code : (outcome.reason ?? null);
    const settled = this.#sql
      .exec(
        `UPDATE deliveries SET status = ?, reason = ?, settled_at = ?, next_attempt_at = NULL, attempts = max(attempts, ?),
           provider_id = ?, kept = ?, rev = rev + 1 WHERE id = ? AND status = 'pending' RETURNING 1`,
        outcome.status,
        reason,
        now,
        attempts,
        providerId,
        this.kept.replace(id, kept),
        id,
      )
      .toArray();
    if (settled.length === 0) return;
    this.work.remove([id], now);
    this.#count(outcome.status, 1);
    this.#outbox.markChanged("deliveries", id);
  }

  /**
   * Says when a pending message is tried next, and why it waits.
   *
   * @param attempts  the last attempt whose end is known
   */
  wait({ id }: Delivery, until: number, reason: string | null, attempts: number): void {
    this.#sql.exec(
      `UPDATE deliveries SET next_attempt_at = ?, reason = ?, attempts = max(attempts, ?), rev = rev + 1 WHERE id = ?`,
      until,
      reason,
      attempts,
      id,
    );
    this.#outbox.markChanged("deliveries", id);
  }

  /** Says where a pending message goes, if that is another place than it was. */
  direct({ id, target, reason }: Delivery, to: string | null, because: string | null): void {
    if (target === to && reason === because) return;
    this.#sql.exec(`UPDATE deliveries SET target = ?, reason = ?, rev = rev + 1 WHERE id = ?`, to, because, id);
    this.#outbox.markChanged("deliveries", id);
  }

  /** Says of a settled message that another attempt of it came to an end. */
  attempted(id: string, attempts: number): void {
    this.#sql.exec(`UPDATE deliveries SET attempts = max(attempts, ?), rev = rev + 1 WHERE id = ?`, attempts, id);
    this.#outbox.markChanged("deliveries", id);
  }

  /**
   * Makes a message that failed pending again, with a schedule of its own; its attempts go on counting.
   *
   * @param snapshotId  of its template
   * @param kept        what it is made of; `null` = its run's event, which somebody holds for it
   */
  revive({ id, attempts }: Delivery, snapshotId: string | null, kept: KeptMessage | null, now: number): void {
    this.#sql.exec(
      `UPDATE deliveries SET status = 'pending', reason = NULL, settled_at = NULL, next_attempt_at = ?, snapshot_id = ?,
         kept = ?, rev = rev + 1 WHERE id = ?`,
      now,
      snapshotId,
      this.kept.replace(id, kept),
      id,
    );
    this.work.put(id, now, attempts);
    this.#count("failed", -1);
    this.#outbox.markChanged("deliveries", id);
  }

  /**
   * Takes people out of their messages: what is in them goes, and what was still to be sent is not sent. Of a run that
   * a merge had handed to them and that has gone back since, the message goes too, but its run has still to hear of it:
   * that message stays pending, and is settled when it is to be sent.
   *
   * @returns the addresses that their e-mails were to go to, lower-cased
   */
  erase(profileIds: readonly string[], now: number): string[] {
    const ids = JSON.stringify(profileIds);
    const erased = this.#sql
      .exec<{ id: string; status: DeliveryStatus; own: number; address: string | null }>(
        `SELECT id, status, CASE channel WHEN 'email' THEN request ->> 'to' END AS address, enrollment_id IN (SELECT id FROM enrollments INDEXED BY enrollments_by_profile
             WHERE profile_id IN (SELECT value FROM json_each(?1))) AS own
         FROM deliveries WHERE profile_id IN (SELECT value FROM json_each(?1)) OR enrollment_id IN (
           SELECT id FROM enrollments INDEXED BY enrollments_by_profile
           WHERE profile_id IN (SELECT value FROM json_each(?1)))`,
        ids,
      )
      .toArray();
    if (erased.length === 0) return [];
    const all = erased.map(({ id }) => id);
    this.#sql.exec(
      `UPDATE deliveries SET request = 'null', target = NULL, provider_id = NULL, kept = NULL, rev = rev + 1
       WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(all),
    );
    this.log.erase(all);
    this.kept.forget(all);
    for (const id of all) this.#outbox.markChanged("deliveries", id);
    const ended = erased.filter(({ status, own }) => status === "pending" && own === 1).map(({ id }) => id);
    this.#sql.exec(
      `UPDATE deliveries SET status = 'skipped', reason = 'profile_erased', settled_at = ?, next_attempt_at = NULL
       WHERE id IN (SELECT value FROM json_each(?))`,
      now,
      JSON.stringify(ended),
    );
    this.work.remove(ended, now);
    if (ended.length > 0) this.#count("skipped", ended.length);
    return erased.flatMap(({ address }) => (address === null ? [] : [address.toLowerCase()]));
  }

  /** How a message of a run stands; `null` = there is none. */
  statusOf(enrollmentId: string, deliveryKey: string): DeliveryStatus | null {
    const rows = this.#sql.exec<{ status: DeliveryStatus }>(
      `SELECT status FROM deliveries WHERE enrollment_id = ? AND delivery_key = ?`,
      enrollmentId,
      deliveryKey,
    );
    return [...rows][0]?.status ?? null;
  }

  /** Whether a message of a run is still to be sent that reads the event which started it. */
  hasPending(enrollmentId: string): boolean {
    const pending = this.#sql.exec(
      `SELECT 1 FROM deliveries WHERE enrollment_id = ? AND status = 'pending' AND kept IS NULL LIMIT 1`,
      enrollmentId,
    );
    return [...pending].length > 0;
  }

  /** How many messages there are, and how they were settled: counted as it happened. */
  counts(): DeliveryCounts {
    return this.#sql
      .exec<{ [K in keyof DeliveryCounts]: number }>(`SELECT made, sent, skipped, failed FROM delivery_counts`)
      .one();
  }

  #count(column: keyof DeliveryCounts, by: number): void {
    this.#sql.exec(`UPDATE delivery_counts SET ${column} = ${column} + ?`, by);
  }
}
