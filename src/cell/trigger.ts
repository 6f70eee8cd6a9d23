// Starts a run of a journey because somebody asks for it by the journey's key. As an event is accepted, so is this: key,
// person, the event `$trigger` with its receipt and the run, all or nothing. What is refused burns no key and leaves
// nothing behind, the person's update included.
import type { EnrollmentStatus } from "../domain/enrollment.ts";
import { uuidV7Ms } from "../domain/ids.ts";
import { compileJourney } from "../domain/journey.ts";
import type { ListeningJourney } from "../domain/matching.ts";
import { err, ok } from "../domain/result.ts";
import type { CellParts } from "./cell-parts.ts";
import { NOT_FOUND, type CellResult } from "./cell-result.ts";
import type { AcceptCommand, AcceptOutcome } from "./command.ts";
import type { Journey } from "./journey-store.ts";
import type { StoredOutcome } from "./key-ledger.ts";
import { attempt } from "./try-out.ts";

/** How a run stands when its trigger is answered. The ledger keeps the place in this list: only ever append. */
export const TRIGGER_STATUSES = ["running", "completed", "failed", "exited"] as const;
export type TriggerStatus = (typeof TRIGGER_STATUSES)[number];

/** Nobody can cancel a run before its trigger is answered; it would be one that ended from outside. */
const STATUS_OF: Record<EnrollmentStatus, TriggerStatus> = {
  active: "running",
  completed: "completed",
  failed: "failed",
  exited: "exited",
  cancelled: "exited",
};

export interface TriggerCommand {
  journeyKey: string;
  /** The event that it makes, with the claims of the trigger's own key. */
  event: AcceptCommand;
}

export interface Triggered {
  kind: "triggered";
  replayed: boolean;
  runId: string;
  /** As it was answered first, whatever has become of the run since. */
  status: TriggerStatus;
}

export type TriggerOutcome = Triggered | Exclude<AcceptOutcome, { kind: "accepted" }>;

/**
 * Starts a run. Runs inside a transaction, in which only a `triggered` that is no replay writes, and a refusal that
 * stops a journey which takes people too fast.
 *
 * @returns besides outcomes: `not_found`, `journey_archived`, `journey_not_active`, `not_eligible` with the reason
 */
export function triggerJourney(
  storage: DurableObjectStorage,
  parts: CellParts,
  { journeyKey, event }: TriggerCommand,
): CellResult<TriggerOutcome> {
  const [newestClaim] = event.claims;
  if (newestClaim === undefined) throw new Error("a trigger has an idempotency key");
  // Before anything is asked about the journey: what was answered stays the answer, whatever it has become since.
  const key = parts.ledger.find(event.claims);
  if (key.kind === "conflict") return ok({ kind: "conflict" });
  if (key.kind === "replay") return ok(replayOf(key.outcome));

  const journey = parts.journeys.find(journeyKey);
  if (journey === null) return NOT_FOUND;
  if (journey.status === "archived") return err({ code: "journey_archived" });
  if (journey.status !== "active" || journey.publishedVersion === null) return err({ code: "journey_not_active" });
  if (parts.outbox.full) return ok({ kind: "outbox_full" });

  const eventId = parts.newEventId();
  const offered = offeredBy(parts, journey, journey.publishedVersion);
  const applied = attempt(
    storage,
    parts,
    () => parts.applier.applyTrigger(eventId, event, offered),
    ({ kind }) => kind === "applied",
  );
  if (applied.kind === "kept_out") {
    // Outside of what was taken back: a journey that only triggers start must be held by its limit too.
    if (applied.reason === "runaway_stopped") parts.guard.stop(journey.id, uuidV7Ms(eventId));
    const message = "The person may not enter this journey as things are; details.reason says why.";
    return err({ code: "not_eligible", reason: applied.reason, message });
  }
  if (applied.kind !== "applied") return ok(applied);

  const runId = applied.receipt.journeys[0]?.enrollmentId ?? null;
  const run = runId === null ? null : parts.enrollments.find(runId);
  if (run === null) throw new Error("a trigger that was let in has begun no run");
  const triggered: Triggered = { kind: "triggered", replayed: false, runId: run.id, status: STATUS_OF[run.status] };
  parts.ledger.record(newestClaim, outcomeOf(triggered, { eventId, profileId: applied.profileId }));
  return ok(triggered);
}

/** The journey as a trigger finds it: its entry filter is passed over. */
function offeredBy({ journeys }: CellParts, { id, key }: Journey, version: number): ListeningJourney {
  const { definition } = journeys.version(id, version);
  return { id, key, version, ...compileJourney({ ...definition, entry: { api: true } }) };
}

/**
 * What the ledger keeps of a trigger. It was let in by the one journey that was asked, so the difference of its two
 * counts is free to hold how the run stood: 0 for the usual `running`.
 */
function outcomeOf(
  { runId, status }: Triggered,
  { eventId, profileId }: Pick<StoredOutcome, "eventId" | "profileId">,
): StoredOutcome {
  return { eventId, profileId, matched: 1 + TRIGGER_STATUSES.indexOf(status), enrolled: 1, runId };
}

function replayOf({ matched, enrolled, runId }: StoredOutcome): Triggered {
  const status = TRIGGER_STATUSES[matched - enrolled];
  if (runId === null || status === undefined) throw new Error("a trigger's key holds no run");
  return { kind: "triggered", replayed: true, runId, status };
}
