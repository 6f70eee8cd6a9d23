// The one transaction: key, person, journeys, receipt and outbox of an event, all or nothing.
// Synchronous from end to end: nothing can come in between, so there is no lock and no half-done state.
// KeyLedger and EventApplier meet only here; a big workspace will keep them in different cells.
import { personalClaim } from "../crypto/claim.ts";
import { uuidV7Ms } from "../domain/ids.ts";
import type { AcceptCommand, AcceptOutcome } from "./command.ts";
import type { ErasureStore } from "./erasure-store.ts";
import type { EventApplier } from "./event-applier.ts";
import type { KeyLedger, KeyState } from "./key-ledger.ts";
import { LedgerSlice } from "./ledger-slice.ts";
import type { Outbox } from "./outbox.ts";

/** The ledger itself, or as a slice sees it. */
type Keys = Pick<KeyLedger, "find" | "record">;

export interface AcceptParts {
  ledger: Keys;
  erasures: ErasureStore;
  applier: EventApplier;
  outbox: Outbox;
  /** Gives event ids that never go back. */
  newEventId: () => string;
}

/** Accepts events in order. Runs inside a transaction. */
export function acceptAll(
  parts: AcceptParts & { ledger: KeyLedger },
  commands: readonly AcceptCommand[],
): AcceptOutcome[] {
  const [only] = commands;
  if (only !== undefined && commands.length === 1) return [accept(parts, only)];
  const ledger = new LedgerSlice(
    parts.ledger,
    commands.flatMap(({ claims, keyedOn }) => (keyedOn === "request" ? claims : [])),
  );
  parts.outbox.gather();
  const sliceParts = { ...parts, ledger };
  const outcomes = commands.map((command) => accept(sliceParts, command));
  ledger.write();
  parts.outbox.writeGathered();
  return outcomes;
}

/**
 * Accepts one event. Runs inside a transaction; an outcome other than a fresh `accepted` has written nothing.
 */
function accept(parts: AcceptParts, command: AcceptCommand): AcceptOutcome {
  const [newestClaim] = command.claims;
  if (newestClaim !== undefined) {
    const key = command.keyedOn === "person" ? findPersonal(parts, command) : parts.ledger.find(command.claims);
    if (key.kind === "conflict") return { kind: "conflict" };
    // Answered as accepted, under an id that nothing has: nobody is to tell from it who was erased.
    if (key.kind === "erased") return dropped(parts.newEventId());
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

function dropped(eventId: string): AcceptOutcome {
  return { kind: "accepted", replayed: true, eventId, profileId: null, matched: 0, enrolled: 0, receiptJson: null };
}

/** Looks a key up that is formed on the person, under each profile that person has been. */
function findPersonal(parts: AcceptParts, command: AcceptCommand): KeyState | { kind: "erased" } {
  const family = parts.applier.familyOf(command);
  const key = findUnder(parts.ledger, command, family);
  return key.kind === "fresh" ? findErased(parts, command, family) : key;
}

function findUnder(ledger: Keys, command: AcceptCommand, profileIds: readonly string[]): KeyState {
  for (const profileId of profileIds) {
    const key = ledger.find(command.claims.map((claim) => personalClaim(claim, profileId)));
    if (key.kind !== "fresh") return key;
  }
  return { kind: "fresh" };
}

/** The same for people who were erased: a key of theirs is known still, and what they did before is dropped. */
function findErased(
  { ledger, erasures }: AcceptParts,
  command: AcceptCommand,
  family: readonly string[],
): KeyState | { kind: "erased" } {
  const { identityDigests = [], claimedAt = null } = command.erasedPerson ?? {};
  // Whoever was here before the erasure and goes by one of these identities still is somebody else.
  const erased = erasures
    .erasedUnder(identityDigests)
    .filter(({ erasedAt }) => family.every((profileId) => uuidV7Ms(profileId) >= erasedAt));
  for (const { profileIds } of erased) {
    const key = findUnder(ledger, command, profileIds);
    if (key.kind !== "fresh") return key;
  }
  const isOld = claimedAt !== null && erased.some(({ erasedAt }) => Date.parse(claimedAt) < erasedAt);
  return { kind: isOld ? "erased" : "fresh" };
}
