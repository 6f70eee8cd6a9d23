// The shapes of a batch: what `POST /api/v1/events/batch` takes and answers.
// The law: no event is told to be stored unless its own result says so.
import { ConnectionError } from "./errors.ts";
import { isObject, type Answer } from "./transport.ts";
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

/**
 * Holds an answer to the batch that was sent: one result for each event, in order, of a kind that is known.
 *
 * @throws ConnectionError `unexpected_answer`
 */
export function checkBatchAnswer(answer: Answer<BatchAnswer>, count: number): Answer<BatchAnswer> {
  const { results } = answer.data;
  if (Array.isArray(results) && results.length === count && results.every(isResult)) return answer;
  throw new ConnectionError("What answered is not a Waypost server.", "unexpected_answer");
}

function isResult(result: unknown, at: number): result is BatchResult {
  if (!isObject(result) || result["index"] !== at) return false;
  const { status, error } = result;
  if (status === "accepted" || status === "replayed")
    return typeof result["eventId"] === "string" && !("error" in result);
  return (
    (status === "conflict" || status === "invalid") &&
    isObject(error) &&
    typeof error["error"] === "string" &&
    typeof error["message"] === "string"
  );
}
