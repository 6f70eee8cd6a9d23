// What an event does to people and journeys: resolves the profile, patches its properties, decides the journeys
// that listen, enrolls, and puts the event with its receipt into the outbox. Knows no idempotency keys;
// applying one event id again gives the first answer while the event waits in the outbox.
import type { Receipt, ReceiptEntry, UserEventRow } from "../domain/event.ts";
import { uuidV7Ms } from "../domain/ids.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import { decide, type EntryScope, type Verdict } from "../domain/matching.ts";
import type { Profile } from "../domain/profile.ts";
import { packReceipt, unpackReceipt } from "../domain/receipt.ts";
import type { AcceptCommand, AcceptOutcome } from "./command.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { JourneyCounts } from "./journey-counts.ts";
import type { JourneyStore } from "./journey-store.ts";
import type { Outbox } from "./outbox.ts";
import type { ResolvedPerson, PersonResolver } from "./person-resolver.ts";
import type { RunawayGuard } from "./runaway-guard.ts";
import { keyDigestOf, standingOf } from "./standing.ts";

export type Applied =
  | { kind: "applied"; profileId: string | null; matched: number; enrolled: number; receipt: Receipt }
  | Exclude<AcceptOutcome, { kind: "accepted" | "conflict" | "outbox_full" }>;

/** What an event would do; `profileId` is `null` when it would make a new profile, or is about nobody. */
export type Rehearsed =
  | { kind: "rehearsed"; profileId: string | null; receipt: Receipt }
  | Exclude<Applied, { kind: "applied" }>;

export class EventApplier {
  readonly #people: PersonResolver;
  readonly #journeys: JourneyStore;
  readonly #enrollments: EnrollmentStore;
  readonly #guard: RunawayGuard;
  readonly #counts: JourneyCounts;
  readonly #outbox: Outbox;
  readonly #newId: () => string;
  #lastEventId: string;

  constructor(parts: {
    people: PersonResolver;
    journeys: JourneyStore;
    enrollments: EnrollmentStore;
    guard: RunawayGuard;
    counts: JourneyCounts;
    outbox: Outbox;
    newId: () => string;
    /** The newest event this cell has applied, or the empty string. */
    lastEventId: string;
  }) {
    this.#people = parts.people;
    this.#journeys = parts.journeys;
    this.#enrollments = parts.enrollments;
    this.#guard = parts.guard;
    this.#counts = parts.counts;
    this.#outbox = parts.outbox;
    this.#newId = parts.newId;
    this.#lastEventId = parts.lastEventId;
  }

  /** The profiles an event would go to as things are: the person's own and those merged into it, or that would be. */
  familyOf(command: AcceptCommand): string[] {
    return this.#people.familyOf(command);
  }

  /** Applies one event; its receipt time is the instant inside its id. Runs inside a transaction. */
  apply(eventId: string, command: AcceptCommand): Applied {
    // Ids only grow, so one that is not beyond the last may have been applied before.
    if (eventId <= this.#lastEventId) {
      const stored = this.#outbox.readEvent(eventId);
      if (stored !== null) return answerOf(stored);
    }
    const now = uuidV7Ms(eventId);
    const resolved = this.#people.resolve(command, { now, eventId });
    if (resolved.kind !== "resolved") return resolved;
    const { person, warnings } = resolved;

    const verdicts = this.#decide(command, person, now);
    const entries = verdicts.map((verdict) => this.enter(verdict, person, eventId, now));
    const enrolled = entries.filter(({ outcome }) => outcome === "enrolled").length;
    if (enrolled > 0) this.#enrollments.keepEntryEvent(eventId, command.event, command.dataJson, enrolled);

    const receipt: Receipt = { journeys: entries, warnings: [...command.warnings, ...warnings] };
    const profileId = person?.profile.id ?? null;
    this.#outbox.putEvent(rowOf(eventId, command, profileId, receipt, now));
    this.#counts.add(receipt);
    this.#lastEventId = eventId;
    return { kind: "applied", profileId, matched: entries.length, enrolled, receipt };
  }

  /**
   * Decides an event as {@link apply} does, and lets nobody in. Resolving the person writes what it would write: runs
   * inside a transaction that is taken back.
   */
  rehearse(command: AcceptCommand, clock: number): Rehearsed {
    const known = this.familyOf(command);
    const now = this.receiptTime(clock);
    const resolved = this.#people.resolve(command, { now, eventId: null });
    if (resolved.kind !== "resolved") return resolved;
    const { person, warnings } = resolved;
    const journeys = this.#decide(command, person, now).map((verdict) => entryOf(verdict, null));
    const profileId = person !== null && known.includes(person.profile.id) ? person.profile.id : null;
    return { kind: "rehearsed", profileId, receipt: { journeys, warnings: [...command.warnings, ...warnings] } };
  }

  /** When an event would be received by which the clock shows this: its time never goes back, whatever the clock does. */
  receiptTime(clock: number): number {
    return this.#lastEventId === "" ? clock : Math.max(clock, uuidV7Ms(this.#lastEventId));
  }

  #decide(command: AcceptCommand, person: ResolvedPerson | null, now: number): Verdict[] {
    if (!command.startsJourneys) return [];
    const scope = scopeOf(command, person);
    const standing = person === null ? null : standingOf(person, this.#enrollments);
    const isRunaway = (journey: Verdict["journey"]): boolean => this.#guard.isRunaway(journey, now);
    return this.#journeys
      .listeningTo(command.event)
      .map((journey) => decide(journey, scope, { now, standing, isRunaway }));
  }

  /** Does what a verdict says, and turns it into its receipt entry; an enrollment waits at its journey's first step. */
  enter(verdict: Verdict, person: ResolvedPerson | null, eventId: string, now: number): ReceiptEntry {
    const { id: journeyId, version, firstStepId } = verdict.journey;
    if (verdict.outcome === "skipped" || person === null) {
      const entry = entryOf(verdict, null);
      if (entry.reason === "runaway_stopped") this.#guard.stop(journeyId, now);
      return entry;
    }
    const enrollmentId = this.#newId();
    this.#enrollments.insert({
      id: enrollmentId,
      journeyId,
      version,
      profileId: person.profile.id,
      eventId,
      status: "active",
      reason: null,
      stepId: firstStepId,
      startedAt: now,
      endedAt: null,
      convertedAt: null,
      timeline: [{ at: new Date(now).toISOString(), stepId: firstStepId, kind: "entered", detail: null }],
      rev: 1,
      keyDigest: verdict.entryKey === null ? null : keyDigestOf(journeyId, verdict.entryKey),
    });
    this.#guard.entered(journeyId, now);
    return entryOf(verdict, enrollmentId);
  }
}

function entryOf(verdict: Verdict, enrollmentId: string | null): ReceiptEntry {
  const { id: journeyId, key, version } = verdict.journey;
  return verdict.outcome === "skipped"
    ? {
        journeyId,
        key,
        version,
        outcome: "skipped",
        reason: verdict.reason,
        enrollmentId: null,
        detail: verdict.detail,
      }
    : { journeyId, key, version, outcome: "enrolled", reason: "enrolled", enrollmentId, detail: null };
}

function answerOf(stored: UserEventRow): Applied {
  const receipt = unpackReceipt(stored.receipt);
  return {
    kind: "applied",
    profileId: stored.profile_id,
    matched: receipt.journeys.length,
    enrolled: receipt.journeys.filter(({ outcome }) => outcome === "enrolled").length,
    receipt,
  };
}

/** What filters see: the payload before redaction, the person after the patch. Parsed when a clause asks. */
function scopeOf(command: AcceptCommand, person: ResolvedPerson | null): EntryScope {
  let event: Json | undefined;
  let keptEvent: Json | undefined;
  let profile: Json | undefined;
  return {
    event: () => (event ??= JSON.parse(command.unredactedJson ?? command.dataJson ?? "{}") as Json),
    keptEvent: () => (keptEvent ??= JSON.parse(command.dataJson ?? "{}") as Json),
    profile: () => (person === null ? undefined : (profile ??= profileScope(person.profile, person.properties()))),
  };
}

/** `/profile/email` and `/profile/externalId` are the identity, whatever a property of that name says. */
function profileScope(profile: Profile, properties: JsonObject): JsonObject {
  const { email: _email, externalId: _externalId, ...others } = properties;
  const { emails, externalId } = profile.identities;
  return {
    ...others,
    ...(emails[0] === undefined ? {} : { email: emails[0] }),
    ...(externalId === null ? {} : { externalId }),
  };
}

function rowOf(
  eventId: string,
  command: AcceptCommand,
  profileId: string | null,
  receipt: Receipt,
  now: number,
): UserEventRow {
  const receivedAt = new Date(now).toISOString();
  return {
    event_id: eventId,
    event: command.event,
    profile_id: profileId,
    data: command.dataJson,
    reference_id: command.referenceId,
    occurred_at: command.occurredAt ?? receivedAt,
    received_at: receivedAt,
    redacted_data_paths: command.redactedDataPaths.length === 0 ? null : JSON.stringify(command.redactedDataPaths),
    source: command.source,
    receipt: packReceipt(receipt),
  };
}
