// What `waypost/client` exports. `Segmentflow` is another name of the same client, for code that moves here.
export { Waypost as default, Waypost, Waypost as Segmentflow } from "./waypost.ts";
export { WaypostCore } from "./core.ts";
export { ApiPromise } from "./api-promise.ts";
export { ListPromise, type Page } from "./list.ts";
export { BufferError, EventBuffer, type BufferOptions } from "./buffer.ts";
export {
  AbortError,
  ApiError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  ConnectionError,
  InternalServerError,
  NotFoundError,
  PayloadTooLargeError,
  PermissionDeniedError,
  RateLimitError,
  TimeoutError,
  UnprocessableEntityError,
  UsageError,
  WaypostError,
} from "./errors.ts";
export type { ClientOptions, Fetch, RequestOptions } from "./options.ts";
export type { Events, ListEventsParams, TrackOptions } from "./events.ts";
export type { Journeys } from "./journeys.ts";
export type { BatchAnswer, BatchEvent, BatchItemError, BatchParams, BatchResult } from "./batch.ts";
export type { Answer } from "./transport.ts";
export type {
  Accepted,
  Json,
  JsonObject,
  ListedEvent,
  Receipt,
  StoredEvent,
  TrackParams,
  TriggeredRun,
  TriggerParams,
} from "./wire.ts";
