// Gathers events and sends them in batches, one after another, in the order they came. The law: every event that was
// taken is settled exactly once, by its own result or its own error, and what waits is bounded.
import { ApiPromise } from "./api-promise.ts";
import {
  checkBatchAnswer,
  MAX_BATCH_BYTES,
  MAX_BATCH_ITEMS,
  type BatchAnswer,
  type BatchEvent,
  type BatchItemError,
  type BatchResult,
} from "./batch.ts";
import { refused, WaypostError } from "./errors.ts";
import { BATCH_PATH } from "./events.ts";
import { isPage, onExit } from "./exit.ts";
import { checkOptions } from "./options.ts";
import { newIdempotencyKey, toJson, type Answer, type Send } from "./transport.ts";
import type { Accepted, TrackParams } from "./wire.ts";

const DEFAULT_MAX_ITEMS = 100;
const DEFAULT_MAX_DELAY_MS = 1_000;
const DEFAULT_MAX_PENDING = 10_000;
const DEFAULT_MAX_PENDING_BYTES = 16 * 1024 * 1024;
/** Nobody waits for a buffer, so it tries longer than a call does: about 40 s. */
const DEFAULT_MAX_RETRIES = 8;
/** What a browser takes of bodies that outlive their page is 64 KiB in all; some room is left for others. */
const MAX_KEEPALIVE_BYTES = 60 * 1024;
/** So that in a page a batch on its way leaves room for the one that is sent when the page is left. */
const MAX_PAGE_BATCH_BYTES = MAX_KEEPALIVE_BYTES / 2;
const ENVELOPE_BYTES = '{"events":[]}'.length;

export interface BufferOptions {
  /** Events that are sent at once when so many have gathered, 1–500; default 100. */
  maxItems?: number | undefined;
  /** Longest time an event is held back, in ms; default 1,000. */
  maxDelayMs?: number | undefined;
  /** Most events that are not settled yet; beyond it `track` refuses. Default 10,000. */
  maxPending?: number | undefined;
  /** Most bytes of them, as JSON text; default 16 MiB. */
  maxPendingBytes?: number | undefined;
  /** How often a batch is sent again; default 8. */
  maxRetries?: number | undefined;
  /** Told of each event that was not taken; then `track`'s promise need not be awaited. What it throws is ignored. */
  onError?: ((error: WaypostError, event: BatchEvent) => void) | undefined;
}

/** The buffer did not take an event: it is full (`buffer_full`: wait or drop) or closed (`buffer_closed`). */
export class BufferError extends WaypostError {
  static {
    this.prototype.name = "BufferError";
  }
}

/** An event that waits, as the JSON text that is sent for it. */
interface Waiting {
  text: string;
  bytes: number;
  resolve: (answer: Answer<Accepted>) => void;
  reject: (error: WaypostError) => void;
}

export class EventBuffer {
  readonly #send: Send;
  readonly #maxItems: number;
  readonly #maxDelayMs: number;
  readonly #maxPending: number;
  readonly #maxPendingBytes: number;
  readonly #maxRetries: number;
  readonly #onError: BufferOptions["onError"];
  readonly #isPage = isPage();
  readonly #queue: Waiting[] = [];
  /** Every event that was taken and has no result yet, on its way or not. */
  readonly #unsettled = new Set<Promise<void>>();
  #unsettledBytes = 0;
  #keepaliveBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDraining = false;
  #isClosed = false;
  #stopListening: (() => void) | undefined;

  constructor(send: Send, options: BufferOptions = {}) {
    this.#send = send;
    this.#maxItems = Math.min(options.maxItems ?? DEFAULT_MAX_ITEMS, MAX_BATCH_ITEMS);
    this.#maxDelayMs = options.maxDelayMs ?? DEFAULT_MAX_DELAY_MS;
    this.#maxPending = options.maxPending ?? DEFAULT_MAX_PENDING;
    this.#maxPendingBytes = options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES;
    this.#maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;
    this.#onError = options.onError;
  }

  /** Events that have no result yet. */
  get pending(): number {
    return this.#unsettled.size;
  }

  /**
   * Takes an event, as it is at this moment, and settles when its own result is there.
   *
   * @throws BufferError when there is no room, or the buffer is closed
   * @throws ApiError when this event was refused, ConnectionError when its batch could not be sent
   */
  track(body: TrackParams, options: { idempotencyKey?: string | undefined } = {}): ApiPromise<Accepted> {
    const event: BatchEvent = { ...body };
    try {
      checkOptions(options);
      event.idempotencyKey = options.idempotencyKey ?? newIdempotencyKey();
      const text = toJson(event);
      const bytes = new TextEncoder().encode(text).byteLength;
      this.#checkRoom(bytes);
      return new ApiPromise(this.#enqueue(text, bytes));
    } catch (error) {
      const refusal = Promise.reject(error);
      this.#report(refusal, () => event);
      return new ApiPromise(refusal);
    }
  }

  /** Sends what waits, and resolves when everything taken so far has its result. Never rejects. */
  async flush(): Promise<void> {
    void this.#drain();
    await Promise.all(this.#unsettled);
  }

  /** Takes no more events, and flushes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  /** @throws BufferError, PayloadTooLargeError */
  #checkRoom(bytes: number): void {
    if (this.#isClosed) throw new BufferError("buffer_closed", "The buffer was closed, and takes no more events.");
    const maxBytes = MAX_BATCH_BYTES - ENVELOPE_BYTES;
    if (bytes > maxBytes) throw itemError(413, { error: "payload_too_large", message: "The event fits no batch." });
    if (this.#unsettled.size >= this.#maxPending || this.#unsettledBytes + bytes > this.#maxPendingBytes) {
      throw new BufferError("buffer_full", "The buffer is full: events come faster than they can be sent.");
    }
  }

  #enqueue(text: string, bytes: number): Promise<Answer<Accepted>> {
    const answer = new Promise<Answer<Accepted>>((resolve, reject) => {
      this.#queue.push({ text, bytes, resolve, reject });
    });
    this.#unsettledBytes += bytes;
    this.#stopListening ??= onExit(() => this.#leave());
    const settled = (): void => {
      this.#unsettled.delete(settlement);
      this.#unsettledBytes -= bytes;
      if (this.#unsettled.size > 0) return;
      // Nothing keeps an idle buffer alive, or the program because of it.
      this.#stopListening?.();
      this.#stopListening = undefined;
    };
    const settlement = answer.then(settled, settled);
    this.#unsettled.add(settlement);
    // Another promise than the one that the bookkeeping above waits for: nobody has caught this one yet.
    const result = answer.then((settledAnswer) => settledAnswer);
    this.#report(result, () => JSON.parse(text) as BatchEvent);
    if (this.#queue.length >= this.#maxItems) void this.#drain();
    else this.#armTimer();
    return result;
  }

  /** Without an `onError`, an event that nobody waits for fails as loudly as any promise does. */
  #report(answer: Promise<unknown>, event: () => BatchEvent): void {
    const onError = this.#onError;
    if (onError === undefined) return;
    // May be an async function all the same, and its promise is nobody's then.
    const told = answer.catch(async (error: WaypostError) => await (onError(error, event()) as unknown));
    // Thrown on, it would end a Node program. Not shown: it may quote the event.
    told.catch(() => console.error("waypost: the buffer's onError failed; what it threw was ignored."));
  }

  #armTimer(): void {
    if (this.#timer !== undefined) return;
    const timer: unknown = setTimeout(() => void this.#drain(), this.#maxDelayMs);
    this.#timer = timer as ReturnType<typeof setTimeout>;
    // In Node a program that has nothing else to do ends at once, and what waits is sent then.
    if (hasUnref(timer)) timer.unref();
  }

  /** Sends batches until nothing waits; what comes meanwhile goes with the next one. Never rejects. */
  async #drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.#queue.length > 0) {
      await this.#sendBatch(this.#takeBatch(this.#isPage ? MAX_PAGE_BATCH_BYTES : MAX_BATCH_BYTES));
    }
    this.#isDraining = false;
  }

  /** Takes as many events as fit, and one at least. */
  #takeBatch(maxBytes: number): Waiting[] {
    let bytes = ENVELOPE_BYTES;
    let count = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.bytes + 1;
      if (count > 0 && (count >= this.#maxItems || bytes > maxBytes)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    const body = `{"events":[${batch.map(({ text }) => text).join(",")}]}`;
    const bytes = batch.reduce((sum, waiting) => sum + waiting.bytes + 1, ENVELOPE_BYTES);
    const keepalive = this.#isPage && this.#keepaliveBytes + bytes <= MAX_KEEPALIVE_BYTES;
    if (keepalive) this.#keepaliveBytes += bytes;
    try {
      const call = { method: "POST", path: BATCH_PATH, body } as const;
      const answer = await this.#send<BatchAnswer>(call, { maxRetries: this.#maxRetries, keepalive });
      const { results } = checkBatchAnswer(answer, batch.length).data;
      for (const [index, waiting] of batch.entries()) settle(waiting, results[index] as BatchResult, answer);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error as WaypostError);
    } finally {
      if (keepalive) this.#keepaliveBytes -= bytes;
    }
  }

  /** Sends at once, beside what is on its way, as much as may outlive a page; the rest as ever. */
  #leave(): void {
    for (let [next] = this.#queue; this.#isPage && next !== undefined; [next] = this.#queue) {
      const room = MAX_KEEPALIVE_BYTES - this.#keepaliveBytes;
      if (ENVELOPE_BYTES + next.bytes + 1 > room) break;
      void this.#sendBatch(this.#takeBatch(room));
    }
    void this.#drain();
  }
}

function settle({ resolve, reject }: Waiting, result: BatchResult, answer: Answer<BatchAnswer>): void {
  if ("error" in result) {
    // The status that the single call would have had.
    reject(itemError(result.status === "conflict" ? 409 : 400, result.error, answer.requestId));
  } else {
    const { index: _, status, ...data } = result;
    resolve({ ...answer, data, idempotentReplayed: status === "replayed" });
  }
}

function itemError(status: number, error: BatchItemError, requestId: string | null = null): WaypostError {
  const { error: code, message, details = null } = error;
  return refused({ status, code, message: `${status} ${code}: ${message}`, details, requestId, retryAfterMs: null });
}

function hasUnref(timer: unknown): timer is { unref: () => void } {
  return typeof timer === "object" && timer !== null && "unref" in timer;
}
