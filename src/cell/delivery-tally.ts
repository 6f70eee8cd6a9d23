// What is known of the work on messages without reading it: when the first of each state is due, how many are in the
// queue, whose room is taken. Every event, claim and report asks, and there may be a thousand messages to count. Read
// from the table when it is first asked for, and told of each change from then on: it must never say anything else than
// the table does.
import type { DeliveryTask, WorkState } from "./delivery-work.ts";

/** States in which a message has an instant. */
export type TimedState = Exclude<WorkState, "parked">;

/** Where a message stands, as far as others are concerned. */
export type Place = Pick<DeliveryTask, "state" | "dueAt" | "host">;

export class DeliveryTally {
  readonly #sql: SqlStorage;
  /** Of a state; `null` = no message is in it. */
  readonly #firsts = new Map<TimedState, number | null>();
  #queued: number | undefined;
  /** Messages that are handed out, by host. */
  #claimed: Map<string, number> | undefined;
  /** Hosts that no message waits for. */
  readonly #awaitedByNone = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** When the first message of a state is due, Unix milliseconds; `null` = none is in it. */
  firstOf(state: TimedState): number | null {
    const known = this.#firsts.get(state);
    if (known !== undefined) return known;
    const [first] = this.#sql.exec<{ due_at: number }>(
      `SELECT due_at FROM delivery_work WHERE state = ? AND due_at IS NOT NULL ORDER BY due_at LIMIT 1`,
      state,
    );
    const at = first?.due_at ?? null;
    this.#firsts.set(state, at);
    return at;
  }

  /** Messages in the queue. */
  queued(): number {
    return (this.#queued ??= this.#sql
      .exec<{ messages: number }>(`SELECT count(*) AS messages FROM delivery_work WHERE state = 'queued'`)
      .one().messages);
  }

  /** Messages of a host that are handed out. */
  claimedAt(host: string): number {
    return this.#claimedHosts().get(host) ?? 0;
  }

  /** Whether a message may be waiting for a host; `false` is certain. */
  mayBeAwaited(host: string): boolean {
    return !this.#awaitedByNone.has(host);
  }

  /** Notes that no message waits for a host: the table was asked. */
  awaitedByNone(host: string): void {
    this.#awaitedByNone.add(host);
  }

  /**
   * Takes down where a message stands from now on.
   *
   * @param before  where it stood; `null` = it is new
   * @param after   `null` = there is nothing left to do about it
   */
  moved(before: Place | null, after: Place | null): void {
    if (before !== null) this.#left(before);
    if (after !== null) this.#came(after);
  }

  /** Everything is read again when it is asked for next. */
  forget(): void {
    this.#firsts.clear();
    this.#queued = undefined;
    this.#claimed = undefined;
    this.#awaitedByNone.clear();
  }

  #left({ state, dueAt, host }: Place): void {
    if (state === "parked") return;
    if (this.#firsts.get(state) === dueAt) this.#firsts.delete(state);
    if (state === "queued" && this.#queued !== undefined) this.#queued -= 1;
    if (state === "claimed" && host !== null) this.#countClaimed(host, -1);
  }

  #came({ state, dueAt, host }: Place): void {
    if (state === "parked") {
      if (host !== null) this.#awaitedByNone.delete(host);
      return;
    }
    const first = this.#firsts.get(state);
    if (first !== undefined && dueAt !== null && (first === null || dueAt < first)) this.#firsts.set(state, dueAt);
    if (state === "queued" && this.#queued !== undefined) this.#queued += 1;
    if (state === "claimed" && host !== null) this.#countClaimed(host, 1);
  }

  /** Counts only what has been counted before. */
  #countClaimed(host: string, by: number): void {
    const messages = (this.#claimed?.get(host) ?? 0) + by;
    // A host that nobody sends to takes up no memory.
    if (messages === 0) this.#claimed?.delete(host);
    else this.#claimed?.set(host, messages);
  }

  #claimedHosts(): Map<string, number> {
    return (this.#claimed ??= new Map(
      Array.from(
        this.#sql.exec<{ host: string | null; messages: number }>(
          `SELECT host, count(*) AS messages FROM delivery_work WHERE state = 'claimed' GROUP BY host`,
        ),
        ({ host, messages }) => [host ?? "", messages],
      ),
    ));
  }
}
