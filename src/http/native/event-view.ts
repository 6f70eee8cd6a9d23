// How events are answered. The accepted answer is put together from the ledger's row each time, byte for byte
// the same; a new shape is a new version, and rows of the old one keep theirs.
import * as v from "valibot";
import { EVENT_SOURCES, SKIP_REASONS, WARNING_CODES, type UserEventRow } from "../../domain/event.ts";
import { unpackReceipt } from "../../domain/receipt.ts";
import { anyObject, count, id, instant } from "../answer-fields.ts";

/** The first clause that did not hold, or the place where something has to be; never a value. */
export const failedClause = v.object({
  path: v.nullable(v.string()),
  operator: v.string(),
  not: v.exactOptional(v.literal(true)),
});

export const receiptAnswer = v.object({
  journeys: v.array(
    v.object({
      journeyId: id,
      key: v.string(),
      version: v.number(),
      outcome: v.picklist(["enrolled", "skipped"]),
      reason: v.picklist(["enrolled", ...SKIP_REASONS]),
      enrollmentId: v.nullable(id),
      detail: v.nullable(failedClause),
    }),
  ),
  warnings: v.array(
    v.object({ code: v.picklist(WARNING_CODES), message: v.string(), mergedProfileId: v.exactOptional(id) }),
  ),
});

/** The five published fields; the receipt only where it was asked for. */
export const acceptedAnswer = v.object({
  eventId: id,
  profileId: v.nullable(id),
  matchedJourneys: count,
  enrolledJourneys: count,
  skippedJourneys: count,
  receipt: v.exactOptional(receiptAnswer),
});

const storedEvent = v.object({
  eventId: id,
  event: v.string(),
  profileId: v.nullable(id),
  data: v.nullable(anyObject),
  referenceId: v.nullable(v.string()),
  occurredAt: instant,
  receivedAt: instant,
  redactedDataPaths: v.array(v.string()),
  source: v.picklist(EVENT_SOURCES),
});

/** An event with its receipt. */
export const eventAnswer = v.object({ ...storedEvent.entries, receipt: receiptAnswer });

/** An event in a list: data over 16 KiB is left out, and said to be. */
export const listedEventAnswer = v.object({ ...storedEvent.entries, dataOmitted: v.exactOptional(v.literal(true)) });

/** The five published fields, in their published order. */
export function acceptedFields(outcome: {
  eventId: string;
  profileId: string | null;
  matched: number;
  enrolled: number;
}) {
  return {
    eventId: outcome.eventId,
    profileId: outcome.profileId,
    matchedJourneys: outcome.matched,
    enrolledJourneys: outcome.enrolled,
    skippedJourneys: outcome.matched - outcome.enrolled,
  };
}

/** JSON text of a stored event's receipt, byte for byte as it was when the event was accepted. */
export function receiptJsonOf(row: Pick<UserEventRow, "receipt">): string {
  return JSON.stringify(unpackReceipt(row.receipt));
}

/** JSON text of the accepted answer with its receipt. */
export function acceptedWithReceipt(fields: ReturnType<typeof acceptedFields>, receiptJson: string | null): string {
  return `${JSON.stringify(fields).slice(0, -1)},"receipt":${receiptJson ?? "null"}}`;
}

/** JSON text of a stored event, without its receipt. Stored texts are used as they are. */
export function eventJson(row: Omit<UserEventRow, "receipt">, extra = ""): string {
  const text = JSON.stringify;
  return (
    `{"eventId":${text(row.event_id)},"event":${text(row.event)},"profileId":${text(row.profile_id)},` +
    `"data":${row.data ?? "null"},"referenceId":${text(row.reference_id)},"occurredAt":${text(row.occurred_at)},` +
    `"receivedAt":${text(row.received_at)},"redactedDataPaths":${row.redacted_data_paths ?? "[]"},` +
    `"source":${text(row.source)}${extra}}`
  );
}
