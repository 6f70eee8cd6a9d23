// How a vendor's events reach the cell: in order, in slices of one transaction each, under the vendor's rate; and
// how what cannot be taken of a call that succeeds is kept.
import { callCell } from "../../cell/cell-client.ts";
import type { AcceptCommand, AcceptOutcome } from "../../cell/command.ts";
import type { RejectedEvent } from "../../cell/rejected-events.ts";
import { commandCharacters, MAX_SLICE_COMMANDS, slicesOf } from "../accept-slices.ts";
import { REJECTED_EVENTS_HEADER } from "../answer-fields.ts";
import { askCell, workspaceOf } from "../cell-access.ts";
import type { HttpContext } from "../context.ts";
import { Failure, outboxFull } from "../errors.ts";

/** Rejected events are only written down: far more of them are one transaction. */
const SLICE_REJECTED_EVENTS = 2_500;

/** Our keys, wherever they stand in a text. */
const KEYS = /wp_(sk|wk)_[0-9A-Za-z]+/g;

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
 * @param commands  made one by one where they are large together: no more than a slice of them is held at once
 * @returns one outcome each
 * @throws Failure `unauthorized`, `rate_limited` or `unavailable`: events before the one that failed may be accepted
 */
export async function acceptAll(c: HttpContext, commands: Iterable<AcceptCommand>): Promise<VendorOutcome[]> {
  const caller = c.get("caller");
  const outcomes: VendorOutcome[] = [];
  let rule = c.get("rateRule") ?? null;
  for (const slice of slicesOf(commands, MAX_SLICE_COMMANDS, commandCharacters)) {
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

/**
 * Keeps what was not taken of a call that is answered with success, and says in a header how many.
 *
 * @param events  made one by one where they are large together, as commands are
 */
export async function keepRejected(c: HttpContext, events: Iterable<RejectedEvent>): Promise<void> {
  let count = 0;
  for (const slice of slicesOf(events, SLICE_REJECTED_EVENTS, ({ payloadJson }) => payloadJson?.length ?? 0)) {
    const kept = slice.map((event) => ({ ...event, payloadJson: withoutKeys(event.payloadJson) }));
    await askCell(c, (cell, caller) => cell.keepRejected(caller, kept));
    count += kept.length;
  }
  if (count > 0) c.header(REJECTED_EVENTS_HEADER, String(count));
}

function takenOrFail(outcome: AcceptOutcome): VendorOutcome {
  // A vendor's key is derived from what it names: it cannot stand for another request.
  if (outcome.kind === "conflict") throw new Error("a derived key was answered with a conflict");
  if (outcome.kind === "outbox_full") throw new Failure(outboxFull());
  return outcome;
}

/** A key that somebody put into an event opens a door for whoever reads it: it is no part of what is kept. */
function withoutKeys(payloadJson: string | null): string | null {
  return payloadJson?.replace(KEYS, "wp_$1_removed") ?? null;
}
