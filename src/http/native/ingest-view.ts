// What becomes of an item that a page sends, in the words of the published contract: identified ingest, version 1.
// A page's client checks these answers strictly, so an outcome has these fields and no others.
import * as v from "valibot";
import type { AcceptOutcome } from "../../cell/command.ts";
import type { RequestIssue, WaypostError } from "../../domain/errors.ts";
import { count, id } from "../answer-fields.ts";
import type { HttpContext } from "../context.ts";
import { ENVELOPES, ERROR_HEADERS } from "../error-answers.ts";
import { renderError } from "../errors.ts";
import type { Answer } from "../operation.ts";

const once = { duplicate: v.literal(false), retryable: v.literal(false) };

const accepted = v.object({ status: v.literal("accepted"), eventId: id, ...once });

const duplicate = v.object({
  status: v.literal("duplicate"),
  reason: v.literal("duplicate_occurrence"),
  /** The event that the first item with this messageId became. */
  eventId: id,
  duplicate: v.literal(true),
  retryable: v.literal(false),
});

const dropped = v.object({
  status: v.literal("dropped"),
  // The contract also has `identity_suppressed`: suppression is about being written to here, and keeps no event out.
  reason: v.picklist(["profile_not_found", "analytics_consent_revoked"]),
  ...once,
});

const rejected = v.object({
  status: v.literal("rejected"),
  reason: v.picklist(["identity_conflict", "invalid_input"]),
  ...once,
});

const failed = v.object({
  status: v.literal("failed"),
  // The contract also has `journey_enrollment_failed`. Event and enrollments are one transaction here: one cannot
  // fail without the other.
  reason: v.literal("event_write_failed"),
  duplicate: v.literal(false),
  retryable: v.literal(true),
});

const outcome = v.variant("status", [accepted, duplicate, dropped, rejected, failed]);

export type IngestOutcome = v.InferOutput<typeof outcome>;

/** As it was sent; `null` when there was none, or it is no text. */
const messageId = v.nullable(v.string());

/** What became of one item. */
export interface IngestResult {
  messageId: string | null;
  outcome: IngestOutcome;
  /** Why it is `rejected` as `invalid_input`. */
  issues: RequestIssue[];
}

const of = { accepted: count, duplicate: count, dropped: count, rejected: count, failed: count };

export const batchAnswer = v.object({
  success: v.literal(true),
  results: v.array(v.intersect([v.object({ index: count, messageId }), outcome])),
  summary: v.object(of),
});

export const singleAnswer = v.intersect([v.object({ messageId }), v.variant("status", [accepted, duplicate, dropped])]);

/** Of a batch, in order. */
export function batchBody(results: readonly IngestResult[]): v.InferOutput<typeof batchAnswer> {
  const summary = { accepted: 0, duplicate: 0, dropped: 0, rejected: 0, failed: 0 };
  for (const result of results) summary[result.outcome.status] += 1;
  return {
    success: true,
    results: results.map((result, index) => ({ index, messageId: result.messageId, ...result.outcome })),
    summary,
  };
}

export const CONSENT_REVOKED: IngestOutcome = {
  status: "dropped",
  reason: "analytics_consent_revoked",
  duplicate: false,
  retryable: false,
};

export const INVALID_INPUT: IngestOutcome = {
  status: "rejected",
  reason: "invalid_input",
  duplicate: false,
  retryable: false,
};

const IDENTITY_CONFLICT: IngestOutcome = {
  status: "rejected",
  reason: "identity_conflict",
  duplicate: false,
  retryable: false,
};

export const WRITE_FAILED: IngestOutcome = {
  status: "failed",
  reason: "event_write_failed",
  duplicate: false,
  retryable: true,
};

const TOO_LARGE: RequestIssue = { path: "traits", message: "The profile would hold more than 512 KiB of properties." };

/** What the cell's answer about an item is in the contract's words. */
export function outcomeOf(answer: AcceptOutcome): { outcome: IngestOutcome; issues: RequestIssue[] } {
  switch (answer.kind) {
    case "accepted": {
      const { eventId } = answer;
      return {
        outcome: answer.replayed
          ? { status: "duplicate", reason: "duplicate_occurrence", eventId, duplicate: true, retryable: false }
          : { status: "accepted", eventId, duplicate: false, retryable: false },
        issues: [],
      };
    }
    case "profile_not_found":
      return {
        outcome: { status: "dropped", reason: "profile_not_found", duplicate: false, retryable: false },
        issues: [],
      };
    case "identity_conflict":
      return { outcome: IDENTITY_CONFLICT, issues: [] };
    case "profile_too_large":
      return { outcome: INVALID_INPUT, issues: [TOO_LARGE] };
    case "outbox_full":
      return { outcome: WRITE_FAILED, issues: [] };
    case "conflict":
      throw new Error("a messageId's key was answered with a conflict");
  }
}

/** Errors that are an outcome of the one item too, where there is but one. */
const OUTCOMES_OF_ERRORS: Partial<Record<WaypostError["code"], IngestOutcome>> = {
  invalid_request: INVALID_INPUT,
  identity_conflict: IDENTITY_CONFLICT,
  unavailable: WRITE_FAILED,
};

/** Answers errors of the calls that take one item: Waypost's envelope, and the outcome's fields where it is one. */
export function singleErrors(sentMessageId: string | null): (error: WaypostError, c: HttpContext) => Response {
  return (error, c) => {
    const { status, headers, body } = renderError(error);
    const asOutcome = OUTCOMES_OF_ERRORS[error.code];
    const fields = asOutcome === undefined ? {} : { messageId: sentMessageId, ...asOutcome };
    return c.json({ ...fields, ...body }, status, headers);
  };
}

const withOutcome = (code: "invalid_request" | "identity_conflict" | "unavailable", is: v.GenericSchema): Answer => {
  const headers = ERROR_HEADERS[code];
  return {
    description: `\`${code}\`, with the outcome's fields.`,
    body: v.intersect([ENVELOPES[code], v.object({ messageId }), is]),
    ...(headers === undefined ? {} : { headers }),
  };
};

/** How the answers that {@link singleErrors} gives are described. */
export const SINGLE_ERROR_ANSWERS = {
  400: withOutcome("invalid_request", rejected),
  409: withOutcome("identity_conflict", rejected),
  503: withOutcome("unavailable", failed),
} as const;
