// The one transaction: key, person, journeys, receipt and outbox of an event, all or nothing.
// Synchronous from end to end: nothing can come in between, so there is no lock and no half-done state.
// KeyLedger and EventApplier meet only here; a big workspace will keep them in different cells.
import { personalClaim } from "../crypto/claim.ts";
import type { AcceptCommand, AcceptOutcome } from "./command.ts";
import type { EventApplier } from "./event-applier.ts";
import type { KeyLedger, KeyState } from "./key-ledger.ts";
import type { Outbox } from "./outbox.ts";

export interface AcceptParts {
  ledger: KeyLedger;
  applier: EventApplier;
  outbox: Outbox;
  /** Gives event ids that never go back. */
  newEventId: () => string;
}

/**
 * Accepts one event. Runs inside a transaction; an outcome other than a fresh `accepted` has written nothing.
 */
export function accept(parts: AcceptParts, command: AcceptCommand): AcceptOutcome {
  const [newestClaim] = command.claims;
  if (newestClaim !== undefined) {
    const key = command.keyedOn === "person" ? findPersonal(parts, command) : parts.ledger.find(command.claims);
    if (key.kind === "conflict") return { kind: "conflict" };
    if (key.kind === "replay") {
      const { eventId, profileId, matched, enrolled } = key.outcome;
      return { kind: "accepted", replayed: true, eventId, profileId, matched, enrolled, receiptJson: null };
    }
  }
  // A replay is answered whatever the outbox holds; only new events have to wait.
  if (parts.outbox.full) return { kind: "outbox_full" };
  const eventId = parts.newEventId();
  const applied = parts.applier.apply(eventId, command);
  if (applied.kind !== "applied") return applied;
  const { profileId, matched, enrolled } = applied;
  if (newestClaim !== undefined) {
    const onPerson = command.keyedOn === "person" && profileId !== null;
    parts.ledger.record(onPerson ? personalClaim(newestClaim, profileId) : newestClaim, {
      eventId,
      profileId,
      matched,
      enrolled,
      runId: null,
    });
  }
  const receiptJson = command.wantsReceipt ? JSON.stringify(applied.receipt) : null;
  return { kind: "accepted", replayed: false, eventId, profileId, matched, enrolled, receiptJson };
}

/** Looks a key up that is formed on the person, under each profile that person has been. */
function findPersonal({ ledger, applier }: AcceptParts, command: AcceptCommand): KeyState {
  for (const profileId of applier.familyOf(command)) {
    const key = ledger.find(command.claims.map((claim) => personalClaim(claim, profileId)));
    if (key.kind !== "fresh") return key;
  }
  return { kind: "fresh" };
}
