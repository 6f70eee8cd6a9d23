// The shapes of a batch: what `POST /api/v1/events/batch` takes and answers.
import type { Accepted, TrackParams } from "./wire.ts";

/** Most events of one batch. @see docs/api.md */
export const MAX_BATCH_ITEMS = 500;
/** Most bytes of one batch, as UTF-8 JSON text. */
export const MAX_BATCH_BYTES = 5 * 1024 * 1024;

/** An event of a batch; without a key of its own it gets one, which holds for the retries of that call. */
export type BatchEvent = TrackParams & { idempotencyKey?: string | undefined };

export interface BatchParams {
  events: readonly BatchEvent[];
}

/** Why an event of a batch was not taken: the envelope that the single call would have answered. */
export interface BatchItemError {
  error: string;
  message: string;
  details?: Record<string, unknown>;
}

/** What became of one event of a batch. */
export type BatchResult =
  | ({ index: number; status: "accepted" | "replayed" } & Accepted)
  | { index: number; status: "conflict" | "invalid"; error: BatchItemError };

export interface BatchAnswer {
  /** One for each event, in order. */
  results: BatchResult[];
  summary: { accepted: number; replayed: number; conflict: number; invalid: number };
}
