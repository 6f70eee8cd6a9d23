// How a vendor's events reach the cell: in order, in slices of one transaction each, under the vendor's rate; and
// how what cannot be taken of a call that succeeds is kept.
import { callCell } from "../../cell/cell-client.ts";
import type { AcceptCommand, AcceptOutcome } from "../../cell/command.ts";
import { MAX_REJECTED_PAYLOAD_BYTES, type RejectedEvent } from "../../cell/rejected-events.ts";
import { REJECTED_EVENTS_HEADER } from "../answer-fields.ts";
import { askCell, workspaceOf } from "../cell-access.ts";
import type { HttpContext } from "../context.ts";
import { Failure, outboxFull } from "../errors.ts";

/** Of one transaction: the cell answers nobody else meanwhile. */
const SLICE_EVENTS = 100;
const SLICE_CHARACTERS = 2_000_000;

/** What became of a vendor's event; everything else fails the whole call, which the client then repeats. */
export type VendorOutcome = Exclude<AcceptOutcome, { kind: "conflict" | "outbox_full" }>;

/** A command with nothing in it but what a door says. */
export function vendorCommand(
  said: Pick<AcceptCommand, "source" | "event" | "identities"> & Partial<AcceptCommand>,
): AcceptCommand {
  return {
    people: "resolve",
    profileId: null,
    claims: [],
    keyedOn: "request",
    propertiesJson: null,
    listEditsJson: null,
    dataJson: null,
    unredactedJson: null,
    referenceId: null,
    occurredAt: null,
    redactedDataPaths: [],
    startsJourneys: true,
    wantsReceipt: false,
    warnings: [],
    ...said,
  };
}

/**
 * Accepts events in order. Counts as one request at the rate that the context holds.
 *
 * @returns one outcome each
 * @throws Failure `unauthorized`, `rate_limited` or `unavailable`: events before the one that failed may be accepted
 */
export async function acceptAll(c: HttpContext, commands: readonly AcceptCommand[]): Promise<VendorOutcome[]> {
  const caller = c.get("caller");
  const outcomes: VendorOutcome[] = [];
  let rule = c.get("rateRule") ?? null;
  for (const slice of slicesOf(commands)) {
    const counted = rule;
    const answer = await callCell(c.env, workspaceOf(c), (cell) => cell.acceptAtRate(caller, slice, counted));
    c.set("callerChecked", true);
    if (answer.kind === "unauthorized") throw new Failure({ code: "unauthorized" });
    if (answer.kind === "rate_limited") {
      throw new Failure({ code: "rate_limited", retryAfterSeconds: answer.retryAfterSeconds });
    }
    if (answer.rate !== null) c.set("rate", answer.rate);
    rule = null;
    outcomes.push(...answer.outcomes.map(takenOrFail));
  }
  return outcomes;
}

/** Keeps what was not taken of a call that is answered with success, and says in a header how many. */
export async function keepRejected(c: HttpContext, events: readonly RejectedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const kept = events.map((event) => ({ ...event, payloadJson: withinBound(event.payloadJson) }));
  await askCell(c, (cell, caller) => cell.keepRejected(caller, kept));
  c.header(REJECTED_EVENTS_HEADER, String(events.length));
}

function takenOrFail(outcome: AcceptOutcome): VendorOutcome {
  // A vendor's key is derived from what it names: it cannot stand for another request.
  if (outcome.kind === "conflict") throw new Error("a derived key was answered with a conflict");
  if (outcome.kind === "outbox_full") throw new Failure(outboxFull());
  return outcome;
}

/** Cuts commands, in order, into what one transaction takes. */
export function slicesOf(commands: readonly AcceptCommand[]): AcceptCommand[][] {
  const slices: AcceptCommand[][] = [];
  let slice: AcceptCommand[] = [];
  let characters = 0;
  for (const command of commands) {
    const size = charactersOf(command);
    if (slice.length > 0 && (slice.length === SLICE_EVENTS || characters + size > SLICE_CHARACTERS)) {
      slices.push(slice);
      slice = [];
      characters = 0;
    }
    slice.push(command);
    characters += size;
  }
  return slice.length === 0 ? slices : [...slices, slice];
}

function charactersOf({ dataJson, propertiesJson, listEditsJson }: AcceptCommand): number {
  return [dataJson, propertiesJson, listEditsJson].reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

function withinBound(payloadJson: string | null): string | null {
  if (payloadJson === null) return null;
  return new TextEncoder().encode(payloadJson).byteLength > MAX_REJECTED_PAYLOAD_BYTES ? null : payloadJson;
}
