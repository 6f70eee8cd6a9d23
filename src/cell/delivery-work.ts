// What is left to do about messages: one row a message that is not settled. Where it stands, and when somebody has to
// look at it next. Room at a host is counted from the rows themselves, so nothing has to be put right after a crash;
// delivery-tally.ts remembers it, and hears of every change from here. Every call runs inside a transaction, but for
// those that only read.
import { DeliveryTally, type Place, type TimedState } from "./delivery-tally.ts";

/** How long a message in the queue, or with whoever sends it, is left alone before it is taken for lost. */
export const LEASE_MS = 30_000;
/** Messages in the queue at a time: with more, a slow consumer would find each of them there several times. */
const MAX_QUEUED = 1_000;
/** As many have to have left the queue before more are put in: each time costs a run of the alarm. */
const REFILL_BELOW = MAX_QUEUED / 2;

/** What e-mails are counted under; no host has a colon without a port. */
export const EMAIL_HOST = "mailto:";
/** Of a workspace, at a time. */
const EMAILS_AT_ONCE = 20;
/** At one host, at a time. */
const WEBHOOKS_AT_ONCE = 4;

export type WorkState = "waiting" | "queued" | "claimed" | "parked";

export interface DeliveryTask {
  deliveryId: string;
  state: WorkState;
  /** Unix milliseconds: when it is to go into the queue, or when its lease is over; `null` = it waits for its host. */
  dueAt: number | null;
  /** Whose room it takes up or waits for; `null` = nobody's yet. */
  host: string | null;
  /** Attempts so far, the one at hand included. */
  attempt: number;
  /** Attempts that failed, since it was made or somebody asked for it again. */
  failures: number;
}

type StoredTask = {
  delivery_id: string;
  state: WorkState;
  due_at: number | null;
  host: string | null;
  attempt: number;
  failures: number;
};

export class DeliveryWork {
  readonly #sql: SqlStorage;
  readonly #tally: DeliveryTally;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#tally = new DeliveryTally(sql);
  }

  find(deliveryId: string): DeliveryTask | null {
    const row = [...this.#sql.exec<StoredTask>(`SELECT * FROM delivery_work WHERE delivery_id = ?`, deliveryId)][0];
    return row === undefined ? null : taskOf(row);
  }

  /** When somebody has to look next, Unix milliseconds; `null` = not by the clock. Every event asks: a look-up at most. */
  nextAt(): number | null {
    const states: TimedState[] =
      this.#tally.queued() < REFILL_BELOW ? ["waiting", "queued", "claimed"] : ["queued", "claimed"];
    let next: number | null = null;
    for (const state of states) {
      const at = this.#tally.firstOf(state);
      if (at !== null && (next === null || at < next)) next = at;
    }
    return next;
  }

  /** Messages that were handed out and not heard of again, longest ago first. */
  lost(now: number, limit: number): DeliveryTask[] {
    return this.#due("claimed", now, limit);
  }

  /** Messages that are to go into the queue, those first that were in it and got lost; no more than it has room for. */
  toQueue(now: number, limit: number): DeliveryTask[] {
    const again = this.#due("queued", now, limit);
    const room = Math.min(limit - again.length, MAX_QUEUED - this.#tally.queued());
    return room <= 0 ? again : [...again, ...this.#due("waiting", now, room)];
  }

  /** Makes a message something to do. @param attempt  attempts it has had already */
  put(deliveryId: string, dueAt: number, attempt = 0): void {
    this.#sql.exec(
      `INSERT INTO delivery_work (delivery_id, state, due_at, host, attempt, failures, wanted_at)
       VALUES (?1, 'waiting', ?2, NULL, ?3, 0, ?2)`,
      deliveryId,
      dueAt,
      attempt,
    );
    this.#tally.moved(null, { state: "waiting", dueAt, host: null });
  }

  /** Says of messages that they are in the queue; one that has been claimed or settled meanwhile stays as it is. */
  queued(tasks: readonly DeliveryTask[], until: number): void {
    const stored = this.#sql.exec<{ delivery_id: string }>(
      `UPDATE delivery_work SET state = 'queued', due_at = ?1 FROM json_each(?2) AS task
       WHERE delivery_id = task.value ->> 'deliveryId' AND state = task.value ->> 'state'
         AND attempt = task.value ->> 'attempt' AND due_at = task.value ->> 'dueAt'
       RETURNING delivery_id`,
      until,
      JSON.stringify(tasks),
    );
    const changed = new Set(Array.from(stored, ({ delivery_id }) => delivery_id));
    for (const task of tasks) if (changed.has(task.deliveryId)) this.#moved(task, { state: "queued", dueAt: until });
  }

  hasRoom(host: string): boolean {
    return this.#tally.claimedAt(host) < roomOf(host);
  }

  /** Hands a message out: its next attempt begins. */
  claim(task: DeliveryTask, host: string, until: number): void {
    this.#sql.exec(
      `UPDATE delivery_work SET state = 'claimed', due_at = ?, host = ?, attempt = attempt + 1 WHERE delivery_id = ?`,
      until,
      host,
      task.deliveryId,
    );
    this.#moved(task, { state: "claimed", dueAt: until, host });
  }

  /** Puts a message aside until its host has room. */
  park(task: DeliveryTask, host: string): void {
    this.#sql.exec(
      `UPDATE delivery_work SET state = 'parked', due_at = NULL, host = ? WHERE delivery_id = ?`,
      host,
      task.deliveryId,
    );
    this.#moved(task, { state: "parked", dueAt: null, host });
  }

  /**
   * Lets a message wait; its room is somebody else's.
   *
   * @param failures  what is known of it from now on
   */
  postpone(task: DeliveryTask, until: number, failures: number, now: number): void {
    this.#sql.exec(
      `UPDATE delivery_work SET state = 'waiting', due_at = ?1, wanted_at = ?1, host = NULL, failures = ?2
       WHERE delivery_id = ?3`,
      until,
      failures,
      task.deliveryId,
    );
    this.#moved(task, { state: "waiting", dueAt: until, host: null });
    if (task.host !== null) this.#letGoOn(task.host, now);
  }

  /** Takes out what there is to do about messages; their room is somebody else's. */
  remove(deliveryIds: readonly string[], now: number): void {
    const removed = this.#sql
      .exec<StoredTask>(
        `DELETE FROM delivery_work WHERE delivery_id IN (SELECT value FROM json_each(?)) RETURNING *`,
        JSON.stringify(deliveryIds),
      )
      .toArray()
      .map(taskOf);
    for (const task of removed) this.#tally.moved(task, null);
    for (const { host } of removed) if (host !== null) this.#letGoOn(host, now);
  }

  /** How many messages are not settled, and since when (Unix milliseconds) the first one waits for a sender. Reads all. */
  pending(now: number): { messages: number; waitingSince: number | null } {
    const { messages, since } = this.#sql
      .exec<{ messages: number; since: number | null }>(
        `SELECT count(*) AS messages, min(wanted_at) FILTER (WHERE state IN ('waiting', 'queued')) AS since
         FROM delivery_work`,
      )
      .one();
    return { messages, waitingSince: since !== null && since < now ? since : null };
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#tally.forget();
  }

  /**
   * Lets the message go on that waits longest for a host. One a time: each takes the place of one that has left. With
   * nobody there at all there is nobody either whose leaving would let others go on, so a whole host's room goes on.
   */
  #letGoOn(host: string, now: number): void {
    if (!this.#tally.mayBeAwaited(host)) return;
    const room = this.#tally.claimedAt(host) === 0 ? roomOf(host) : 1;
    const released = this.#sql
      .exec(
        `UPDATE delivery_work SET state = 'waiting', due_at = ?1, wanted_at = ?1 WHERE delivery_id IN (
           SELECT delivery_id FROM delivery_work WHERE state = 'parked' AND host = ?2 ORDER BY delivery_id LIMIT ?3)
         RETURNING 1`,
        now,
        host,
        room,
      )
      .toArray();
    for (const _ of released)
      this.#tally.moved({ state: "parked", dueAt: null, host }, { state: "waiting", dueAt: now, host });
    if (released.length < room) this.#tally.awaitedByNone(host);
  }

  #moved(task: DeliveryTask, after: Pick<Place, "state" | "dueAt"> & Partial<Place>): void {
    this.#tally.moved(task, { host: task.host, ...after });
  }

  #due(state: WorkState, now: number, limit: number): DeliveryTask[] {
    return this.#sql
      .exec<StoredTask>(
        `SELECT * FROM delivery_work WHERE state = ? AND due_at <= ? ORDER BY due_at LIMIT ?`,
        state,
        now,
        limit,
      )
      .toArray()
      .map(taskOf);
  }
}

function roomOf(host: string): number {
  return host === EMAIL_HOST ? EMAILS_AT_ONCE : WEBHOOKS_AT_ONCE;
}

function taskOf(row: StoredTask): DeliveryTask {
  const { delivery_id: deliveryId, state, due_at: dueAt, host, attempt, failures } = row;
  return { deliveryId, state, dueAt, host, attempt, failures };
}
