// Takes the calls of one request: each is accepted, or kept among the rejected events with its reason. Either way
// the request succeeds, and says in a header how many were kept.
import type { AcceptCommand } from "../../../cell/command.ts";
import type { RejectedEvent } from "../../../cell/rejected-events.ts";
import type { Json } from "../../../domain/json.ts";
import { err, type Result } from "../../../domain/result.ts";
import { commandCharacters } from "../../accept-slices.ts";
import { REJECTED_EVENTS_HEADER } from "../../answer-fields.ts";
import { workspaceOf } from "../../cell-access.ts";
import type { HttpContext } from "../../context.ts";
import { acceptAll, keepRejected, type VendorOutcome } from "../vendor-accept.ts";
import {
  isShallow,
  MAX_BATCH_EVENTS,
  MAX_MERGED_CHARACTERS,
  readCall,
  type BatchDefaults,
  type CallType,
  type Rejection,
} from "./schema.ts";
import { translate, type Reception } from "./translate.ts";

/** Of calls past a batch's bound, how many are kept each for itself; the rest is kept together. */
const MAX_EXCESS_KEPT_SINGLY = 2_500;

const TOO_MANY: Rejection = {
  reason: "too_many_events",
  message: `A batch must have at most ${MAX_BATCH_EVENTS} events.`,
};
const PROFILE_TOO_LARGE: Rejection = {
  reason: "profile_too_large",
  message: "The traits would make the profile larger than it may be.",
};

const MERGED_TOO_LARGE: Rejection = {
  reason: "event_too_large",
  message: `With the batch's context its earlier events fill the ${MAX_MERGED_CHARACTERS} characters a batch may become.`,
};

/**
 * Takes calls in order.
 *
 * @param type  what the path says they are; `null` = each says so itself
 * @throws Failure as {@link acceptAll}
 */
export async function takeCalls(
  c: HttpContext,
  calls: readonly Json[],
  type: CallType | null,
  defaults: BatchDefaults,
): Promise<void> {
  const reception: Reception = {
    receivedAt: Date.now(),
    ip: c.req.header("cf-connecting-ip") ?? null,
    workspaceId: workspaceOf(c),
    ledgerSecrets: c.get("services").ledgerSecrets,
  };
  /** The calls that became commands. */
  const taken: Json[] = [];
  const rejected: RejectedEvent[] = [];
  /** One by one: each command has the batch's context in it, and all of them together are not to be held. */
  function* commands(): Generator<AcceptCommand> {
    let merged = 0;
    for (const sent of calls.slice(0, MAX_BATCH_EVENTS)) {
      const command = merged < MAX_MERGED_CHARACTERS ? commandOf(sent) : err(MERGED_TOO_LARGE);
      if (!command.ok) {
        rejected.push(rejectedEvent(sent, command.error));
        continue;
      }
      merged += commandCharacters(command.value);
      taken.push(sent);
      yield command.value;
    }
  }
  function commandOf(sent: Json): Result<AcceptCommand, Rejection> {
    const call = readCall(sent, type, defaults);
    return call.ok ? translate(call.value, reception) : call;
  }
  const outcomes = await acceptAll(c, commands());
  outcomes.forEach((outcome, at) => {
    const rejection = rejectionOf(outcome);
    if (rejection !== null) rejected.push(rejectedEvent(taken[at] ?? null, rejection));
  });
  const excess = calls.slice(MAX_BATCH_EVENTS);
  rejected.push(...excessOf(excess).map((sent) => rejectedEvent(sent, TOO_MANY)));
  await keepRejected(c, rejected);
  const together = excess.length - MAX_EXCESS_KEPT_SINGLY;
  if (together > 0) c.header(REJECTED_EVENTS_HEADER, String(rejected.length - 1 + together));
}

function rejectionOf(outcome: VendorOutcome): Rejection | null {
  switch (outcome.kind) {
    case "accepted":
      return null;
    case "profile_too_large":
      return PROFILE_TOO_LARGE;
    case "profile_not_found":
    case "identity_conflict":
      // Whoever is named is found or made, and a conflict is a warning.
      throw new Error(`an event of this door was answered with ${outcome.kind}`);
  }
}

/** A few rows for very many small values: what is past any honest client must not become that many rows. */
function excessOf(excess: readonly Json[]): Json[] {
  const together = excess.slice(MAX_EXCESS_KEPT_SINGLY);
  return [...excess.slice(0, MAX_EXCESS_KEPT_SINGLY), ...(together.length === 0 ? [] : [together])];
}

function rejectedEvent(sent: Json, { reason, message }: Rejection): RejectedEvent {
  return { source: "segment", reason, message, payloadJson: isShallow(sent) ? JSON.stringify(sent, withoutKey) : null };
}

/** A write key opens the door for whoever reads it: it is no part of what is kept, wherever in a call it stands. */
function withoutKey(name: string, value: unknown): unknown {
  return name === "writeKey" ? undefined : value;
}
