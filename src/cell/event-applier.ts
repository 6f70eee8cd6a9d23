// What an event does to people and journeys: resolves the profile, patches its properties, reaches the runs that wait
// for it, decides the journeys that listen, enrolls, and puts the event with its receipt into the outbox. Knows no
// idempotency keys; applying one event id again gives the first answer while the event waits in the outbox.
import type { Receipt, ReceiptEntry, SkipReason, UserEventRow, Warning } from "../domain/event.ts";
import { uuidV7Ms } from "../domain/ids.ts";
import type { Json } from "../domain/json.ts";
import { decide, type EntryScope, type ListeningJourney, type Verdict } from "../domain/matching.ts";
import { profileScope } from "../domain/profile-scope.ts";
import type { Profile } from "../domain/profile.ts";
import { packReceipt, unpackReceipt } from "../domain/receipt.ts";
import type { AcceptCommand, AcceptOutcome } from "./command.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { JourneyCounts } from "./journey-counts.ts";
import type { JourneyStore } from "./journey-store.ts";
import type { Outbox } from "./outbox.ts";
import type { ResolvedPerson, PersonResolver } from "./person-resolver.ts";
import type { RunawayGuard } from "./runaway-guard.ts";
import type { RunDriver } from "./run-driver.ts";
import type { RunPerson } from "./run-person.ts";
import { keyDigestOf, standingOf } from "./standing.ts";

export type Applied =
  | { kind: "applied"; profileId: string | null; matched: number; enrolled: number; receipt: Receipt }
  | Exclude<AcceptOutcome, { kind: "accepted" | "conflict" | "outbox_full" }>;

/** What an event would do; `profileId` is `null` when it would make a new profile, or is about nobody. */
export type Rehearsed =
  | { kind: "rehearsed"; profileId: string | null; receipt: Receipt }
  | Exclude<Applied, { kind: "applied" }>;

/** What a verdict came to. */
export interface Entered {
  entry: ReceiptEntry;
  /** Whether the event has to be kept for the run that it started. */
  holdsEvent: boolean;
}

/** The event that starts a run. */
export interface EntryEvent {
  id: string;
  /** Its data, redacted. */
  data: () => Json | undefined;
}

interface Met {
  kind: "met";
  person: ResolvedPerson | null;
  /** The same person, as runs have changed them. */
  runPerson: RunPerson | null;
  scope: EntryScope;
  warnings: Warning[];
}

export class EventApplier {
  readonly #people: PersonResolver;
  readonly #journeys: JourneyStore;
  readonly #enrollments: EnrollmentStore;
  readonly #driver: RunDriver;
  readonly #guard: RunawayGuard;
  readonly #counts: JourneyCounts;
  readonly #outbox: Outbox;
  readonly #newId: () => string;
  #lastEventId: string;

  constructor(parts: {
    people: PersonResolver;
    journeys: JourneyStore;
    enrollments: EnrollmentStore;
    driver: RunDriver;
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
    this.#driver = parts.driver;
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
    const met = this.#meet(command, { now, eventId });
    if (met.kind !== "met") return met;
    return this.#record(eventId, command, met, this.#decide(this.#listening(command), met, now));
  }

  /**
   * Applies the event of a trigger: it is offered to one journey and to no other. What is not `applied` may have moved
   * runs and changed the person: runs inside a transaction that is then taken back.
   */
  applyTrigger(
    eventId: string,
    command: AcceptCommand,
    journey: ListeningJourney,
  ): Applied | { kind: "kept_out"; reason: SkipReason } {
    const now = uuidV7Ms(eventId);
    const met = this.#meet(command, { now, eventId });
    if (met.kind !== "met") return met;
    const verdicts = this.#decide([journey], met, now);
    const refusal = verdicts.find(({ outcome }) => outcome === "skipped");
    if (refusal?.outcome === "skipped") return { kind: "kept_out", reason: refusal.reason };
    return this.#record(eventId, command, met, verdicts);
  }

  /**
   * Decides an event as {@link apply} does, and lets nobody in. Resolving the person and moving their runs writes what
   * it would write: runs inside a transaction that is taken back.
   */
  rehearse(command: AcceptCommand, clock: number): Rehearsed {
    const known = this.familyOf(command);
    const now = this.receiptTime(clock);
    const met = this.#meet(command, { now, eventId: null });
    if (met.kind !== "met") return met;
    const { person, warnings } = met;
    const journeys = this.#decide(this.#listening(command), met, now).map((verdict) => entryOf(verdict, null));
    const profileId = person !== null && known.includes(person.profile.id) ? person.profile.id : null;
    return { kind: "rehearsed", profileId, receipt: { journeys, warnings: [...command.warnings, ...warnings] } };
  }

  /** When an event would be received by which the clock shows this: its time never goes back, whatever the clock does. */
  receiptTime(clock: number): number {
    return this.#lastEventId === "" ? clock : Math.max(clock, uuidV7Ms(this.#lastEventId));
  }

  /** A profile as the runs that {@link enter} begins read and change it. */
  personOf(profile: Profile): RunPerson {
    return this.#driver.personOf(profile);
  }

  /** Finds whom an event is about, and moves the runs of theirs that were due before it or wait for it. */
  #meet(
    command: AcceptCommand,
    at: { now: number; eventId: string | null },
  ): Met | Exclude<Applied, { kind: "applied" }> {
    const { event, startsJourneys } = command;
    // What was due before the event comes before it, and before what the event changes of the person.
    if (startsJourneys) this.#driver.fireOverdue(() => this.familyOf(command), at.now);
    const resolved = this.#people.resolve(command, at);
    if (resolved.kind !== "resolved") return resolved;
    const { person, warnings } = resolved;
    const runPerson = person === null ? null : this.#driver.personOf(person.profile);
    const scope = scopeOf(command, runPerson);
    // Runs that wait come before those that begin: a run does not hear the event that starts it.
    if (startsJourneys && runPerson !== null) this.#driver.hear(runPerson, event, () => scope.event(), at.now);
    return { kind: "met", person, runPerson, scope, warnings };
  }

  #listening({ event, startsJourneys }: AcceptCommand): readonly ListeningJourney[] {
    return startsJourneys ? this.#journeys.listeningTo(event) : [];
  }

  #decide(journeys: readonly ListeningJourney[], { person, scope }: Met, now: number): Verdict[] {
    const standing = person === null ? null : standingOf(person, this.#enrollments);
    const isRunaway = (journey: ListeningJourney): boolean => this.#guard.isRunaway(journey, now);
    return journeys.map((journey) => decide(journey, scope, { now, standing, isRunaway }));
  }

  /** Does what was decided, and puts the event into the outbox. */
  #record(eventId: string, command: AcceptCommand, met: Met, verdicts: readonly Verdict[]): Applied {
    const { person, runPerson, scope, warnings } = met;
    const now = uuidV7Ms(eventId);
    const event: EntryEvent = { id: eventId, data: () => scope.keptEvent() };
    const entered = verdicts.map((verdict) => this.enter(verdict, runPerson, event, now));
    const holders = entered.filter(({ holdsEvent }) => holdsEvent).length;
    if (holders > 0) this.#enrollments.entryEvents.keep(eventId, command.event, command.dataJson, holders);

    const entries = entered.map(({ entry }) => entry);
    const enrolled = entries.filter(({ outcome }) => outcome === "enrolled").length;
    const receipt: Receipt = { journeys: entries, warnings: [...command.warnings, ...warnings] };
    const profileId = person?.profile.id ?? null;
    this.#outbox.putEvent(rowOf(eventId, command, profileId, receipt, now));
    this.#counts.add(command.source, receipt);
    this.#lastEventId = eventId;
    return { kind: "applied", profileId, matched: entries.length, enrolled, receipt };
  }

  /** Does what a verdict says, and turns it into its receipt entry. */
  enter(verdict: Verdict, person: RunPerson | null, event: EntryEvent, now: number): Entered {
    const { id: journeyId, version } = verdict.journey;
    if (verdict.outcome === "skipped" || person === null) {
      const entry = entryOf(verdict, null);
      if (entry.reason === "runaway_stopped") this.#guard.stop(journeyId, now);
      return { entry, holdsEvent: false };
    }
    const id = this.#newId();
    const keyDigest = verdict.entryKey === null ? null : keyDigestOf(journeyId, verdict.entryKey);
    const { id: profileId } = person;
    const enrollment = { id, journeyId, version, profileId, eventId: event.id, startedAt: now, keyDigest };
    const holdsEvent = this.#driver.begin(enrollment, person, event.data);
    this.#guard.entered(journeyId, now);
    return { entry: entryOf(verdict, id), holdsEvent };
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
function scopeOf(command: AcceptCommand, person: RunPerson | null): EntryScope {
  let event: Json | undefined;
  let keptEvent: Json | undefined;
  let profile: Json | undefined;
  return {
    event: () => (event ??= JSON.parse(command.unredactedJson ?? command.dataJson ?? "{}") as Json),
    keptEvent: () => (keptEvent ??= JSON.parse(command.dataJson ?? "{}") as Json),
    profile: () => (person === null ? undefined : (profile ??= profileScope(person.properties(), person.identities))),
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
