// Events: record one or many, read one, list.
import { ApiPromise } from "./api-promise.ts";
import { checkBatchAnswer, type BatchAnswer, type BatchEvent, type BatchParams } from "./batch.ts";
import { UsageError } from "./errors.ts";
import { ListPromise, type Page } from "./list.ts";
import { checkOptions, type RequestOptions } from "./options.ts";
import { newIdempotencyKey, toJson, type Answer, type Call, type Send } from "./transport.ts";
import type { Accepted, ListedEvent, Receipt, StoredEvent, TrackParams } from "./wire.ts";

const PATH = "/api/v1/events";
export const BATCH_PATH = `${PATH}/batch`;

/** Filters of a list; `from` (inclusive) and `to` (exclusive) are ISO 8601 instants of receipt. */
export interface ListEventsParams {
  event?: string | undefined;
  /** Covers the profiles merged into it. */
  profileId?: string | undefined;
  referenceId?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** Items a page, 1–200; default 50. */
  limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  cursor?: string | undefined;
}

export interface TrackOptions extends RequestOptions {
  /** Adds the receipt to the answer. */
  include?: "receipt" | undefined;
}

export class Events {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * Records one event, once, however often the call is made under its idempotency key.
   *
   * @throws ApiError, e.g. ConflictError when the key stands for another request
   */
  track(body: TrackParams, options: TrackOptions & { include: "receipt" }): ApiPromise<Accepted & { receipt: Receipt }>;
  track(body: TrackParams, options?: TrackOptions): ApiPromise<Accepted>;
  track(body: TrackParams, options: TrackOptions = {}): ApiPromise<Accepted> {
    return new ApiPromise(
      this.#call(options, () => ({
        method: "POST",
        path: PATH,
        query: { include: options.include },
        body: toJson(body),
        isKeyed: true,
      })),
    );
  }

  /** Records 1–500 events, at most 5 MiB; each has its own result, and one that is refused spoils no other. */
  batch(params: BatchParams, options: RequestOptions = {}): ApiPromise<BatchAnswer> {
    return new ApiPromise(this.#batch(params, options));
  }

  /** Reads an event with its receipt, as soon as it was accepted. @throws NotFoundError */
  retrieve(eventId: string, options: RequestOptions = {}): ApiPromise<StoredEvent> {
    return new ApiPromise(
      this.#call(options, () => {
        // An empty or a dotted id would be the path of the list.
        if (!/^[\w-]+$/.test(eventId)) throw new UsageError("invalid_event_id", "An event's id is needed.");
        return { method: "GET", path: `${PATH}/${eventId}` };
      }),
    );
  }

  /** Lists events, newest first; an event is listed within about a second of being accepted. */
  list(params: ListEventsParams = {}, options: RequestOptions = {}): ListPromise<ListedEvent> {
    const pageAt = (query: ListEventsParams) =>
      this.#call<Page<ListedEvent>>(options, () => {
        checkOptions(query);
        return { method: "GET", path: PATH, query: { ...query } };
      });
    return new ListPromise(pageAt(params), (cursor) => pageAt({ ...params, cursor }));
  }

  async #batch(params: BatchParams, options: RequestOptions): Promise<Answer<BatchAnswer>> {
    let count = 0;
    const answer = await this.#call<BatchAnswer>(options, () => {
      const events = (params as BatchParams | undefined)?.events;
      if (!Array.isArray(events)) throw new UsageError("invalid_body", "A batch needs a list of events.");
      count = events.length;
      // What is no event is told by its own result.
      const keyed = (event: BatchEvent | null) => ({
        ...event,
        idempotencyKey: event?.idempotencyKey ?? newIdempotencyKey(),
      });
      return { method: "POST", path: BATCH_PATH, body: toJson({ events: events.map(keyed) }) };
    });
    return checkBatchAnswer(answer, count);
  }

  /** Whatever fails, also while the call is put together, is told by the promise. */
  async #call<T>(options: RequestOptions, call: () => Call): Promise<Answer<T>> {
    checkOptions(options);
    return await this.#send<T>(call(), options);
  }
}
