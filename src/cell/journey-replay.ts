// Lets stored events of the past into a journey, slice by slice, each slice one transaction. Whoever replays reads the
// events and hands them in; what has let one in is a row, so that an event starts a journey once, however often and by
// however many it is replayed. The events and their receipts stay as they are (docs/decisions/0012).
import type { WaypostError } from "../domain/errors.ts";
import type { UserEventRow } from "../domain/event.ts";
import { explainFilter } from "../domain/explain.ts";
import { uuidV7Ms } from "../domain/ids.ts";
import type { Json } from "../domain/json.ts";
import { takePage } from "../domain/list-page.ts";
import { decide, type EntryScope, type ListeningJourney, type Verdict } from "../domain/matching.ts";
import { profileScope } from "../domain/profile-scope.ts";
import { unpackReceipt } from "../domain/receipt.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { uuidV7Floor } from "../d1/uuid-v7-range.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { EventApplier } from "./event-applier.ts";
import type { Journey, JourneyStore } from "./journey-store.ts";
import type { Outbox } from "./outbox.ts";
import type { PersonResolver, ResolvedPerson } from "./person-resolver.ts";
import type { ProfileStore } from "./profile-store.ts";
import { rehearsedOfAll, rehearseEntry, standingAfter } from "./rehearsed-entries.ts";
import {
  replayedEventOf,
  type BegunReplay,
  type ReplayAnswer,
  type ReplayedEvent,
  type ReplaySpan,
  type ReplayStep,
  type TakenEvents,
  type WaitingEvent,
} from "./replay-steps.ts";
import type { RunawayGuard } from "./runaway-guard.ts";
import { standingOf } from "./standing.ts";

/** Rows of the outbox that one replay looks through at most; more wait only while D1 is away. */
const MAX_WAITING_EVENTS = 1_000;

type Take = Extract<ReplayStep, { kind: "take" }>;

export class JourneyReplay {
  readonly #sql: SqlStorage;
  readonly #journeys: JourneyStore;
  readonly #profiles: ProfileStore;
  readonly #people: PersonResolver;
  readonly #enrollments: EnrollmentStore;
  readonly #guard: RunawayGuard;
  readonly #applier: EventApplier;
  readonly #outbox: Outbox;

  constructor(parts: {
    sql: SqlStorage;
    journeys: JourneyStore;
    profiles: ProfileStore;
    people: PersonResolver;
    enrollments: EnrollmentStore;
    guard: RunawayGuard;
    applier: EventApplier;
    outbox: Outbox;
  }) {
    this.#sql = parts.sql;
    this.#journeys = parts.journeys;
    this.#profiles = parts.profiles;
    this.#people = parts.people;
    this.#enrollments = parts.enrollments;
    this.#guard = parts.guard;
    this.#applier = parts.applier;
    this.#outbox = parts.outbox;
  }

  /** Takes one step. Runs inside a transaction. */
  step(step: ReplayStep, clock: number): Result<ReplayAnswer, WaypostError> {
    const journey = this.#journeys.find(step.key);
    if (journey === null) return err({ code: "not_found" });
    if (step.kind === "redriven") {
      this.#guard.redriven(journey.id, step.beforeMs);
      return ok({ kind: "noted" });
    }
    if (journey.status === "archived") return err({ code: "journey_archived" });
    if (journey.status !== "active" || journey.publishedVersion === null) return err({ code: "journey_not_active" });
    const { entry } = this.#journeys.version(journey.id, journey.publishedVersion).definition;
    if (!("event" in entry)) return err(STARTED_BY_TRIGGER);
    const now = this.#applier.receiptTime(clock);
    return step.kind === "begin"
      ? ok(this.#begin(journey, entry.event, step, now))
      : ok(this.#take(journey, entry, step, now));
  }

  #begin(
    journey: Journey,
    event: string,
    { span: asked, after }: Extract<ReplayStep, { kind: "begin" }>,
    now: number,
  ): BegunReplay {
    if (asked === "skipped") this.#guard.release(journey.id, now);
    // What was received in this very millisecond is of the past too.
    const span =
      asked === "skipped" ? { fromMs: this.#guard.skippedSince(journey.id) ?? now + 1, toMs: now + 1 } : asked;
    const waiting = takePage(
      this.#waiting(journey.id, event, span, after),
      MAX_WAITING_EVENTS,
      ({ dataJson }) => dataJson?.length ?? 0,
    );
    return { kind: "begun", journeyId: journey.id, event, span, waiting };
  }

  *#waiting(journeyId: string, event: string, span: ReplaySpan, after: string | null): Generator<WaitingEvent> {
    const end = uuidV7Floor(span.toMs);
    // Shorter than any id of that instant, and before all of them; a place is found by the instant alone.
    const from = after ?? uuidV7Floor(Math.max(0, span.fromMs - 1));
    for (const { id, json } of this.#outbox.eventsAfter(from)) {
      if (id >= end) return;
      const row = JSON.parse(json) as UserEventRow;
      if (row.event !== event || uuidV7Ms(id) < span.fromMs) continue;
      const whole = row.data_parts === undefined ? row : this.#outbox.readEvent(id);
      const recorded = unpackReceipt(row.receipt).journeys.find((decided) => decided.journeyId === journeyId);
      if (whole !== null) yield { ...replayedEventOf(whole), recorded: recorded?.reason ?? null };
    }
  }

  #take(journey: Journey, entry: { event: string }, step: Take, now: number): TakenEvents {
    const listening = this.#journeys.listeningTo(entry.event).find(({ id }) => id === journey.id);
    if (listening === undefined) throw new Error("an active journey is not in the index of its event");
    const taken: TakenEvents = {
      kind: "taken",
      enrolled: 0,
      alreadyDecided: 0,
      skipped: {},
      rehearsed: step.rehearsed,
    };
    let entered = 0;
    for (const event of step.events) {
      const enteredBy = this.#enteredBy(journey.id, event.id);
      if (enteredBy !== null) {
        // A slice whose answer was lost is sent again: what it did is what it says.
        if (enteredBy === step.replayId) taken.enrolled += 1;
        else taken.alreadyDecided += 1;
        continue;
      }
      const person = this.#personOf(event.profileId);
      const verdict = this.#decide(listening, event, person, step, now);
      if (verdict === "unknown_redacted" || verdict.outcome === "skipped") {
        const reason = verdict === "unknown_redacted" ? verdict : verdict.reason;
        taken.skipped[reason] = (taken.skipped[reason] ?? 0) + 1;
        if (reason === "runaway_stopped" && step.mode === "admit") this.#guard.stop(journey.id, now);
        continue;
      }
      taken.enrolled += 1;
      if (person === null) throw new Error("an event about nobody was let in");
      if (step.mode === "rehearse") rehearseEntry(step.rehearsed, person.profile.id, verdict.entryKey);
      else {
        entered += 1;
        this.#enter(entry.event, event, verdict, person, step.replayId, now);
      }
    }
    if (entered > 0) this.#journeys.addEntries(journey.id, entered);
    if (entered > 0 && step.mode === "redrive") this.#guard.countFrom(journey.id, now);
    return taken;
  }

  /** The replay that has let an event into a journey, if one has. */
  #enteredBy(journeyId: string, eventId: string): string | null {
    const row = this.#sql
      .exec<{ replay_id: string }>(
        `SELECT replay_id FROM replayed_entries WHERE journey_id = ? AND event_id = ?`,
        journeyId,
        eventId,
      )
      .toArray()[0];
    return row?.replay_id ?? null;
  }

  #decide(
    listening: ListeningJourney,
    event: ReplayedEvent,
    person: ResolvedPerson | null,
    { mode, rehearsed }: Take,
    now: number,
  ): Verdict | "unknown_redacted" {
    const scope = scopeOf(event, person);
    const filter = this.#filterFor(listening, event, scope);
    if (filter === "unknown") return "unknown_redacted";
    const standing = person === null ? null : standingOf(person, this.#enrollments);
    return decide({ ...listening, filter }, scope, {
      now,
      standing:
        person === null || standing === null
          ? null
          : (journey, entryKey) =>
              standingAfter(rehearsed, standing(journey, entryKey), { profileId: person.profile.id, entryKey, now }),
      isRunaway: (journey) => mode !== "redrive" && this.#guard.isRunaway(journey, now, rehearsedOfAll(rehearsed)),
    });
  }

  /** The filter to decide an event by; where something was taken out of it, only what it comes to all the same. */
  #filterFor(
    { id, version, filter }: ListeningJourney,
    { dataJson, redactedPaths }: ReplayedEvent,
    scope: EntryScope,
  ): ListeningJourney["filter"] | "unknown" {
    if (filter === null || dataJson === null || redactedPaths.length === 0) return filter;
    const { entry } = this.#journeys.version(id, version).definition;
    if (!("event" in entry) || entry.filter === undefined) return filter;
    const { holds, failed } = explainFilter(entry.filter, scope, redactedPaths);
    return holds === null ? "unknown" : () => failed;
  }

  #enter(
    name: string,
    event: ReplayedEvent,
    verdict: Verdict,
    person: ResolvedPerson,
    replayId: string,
    now: number,
  ): void {
    const data = (): Json => JSON.parse(event.dataJson ?? "{}") as Json;
    const runPerson = this.#applier.personOf(person.profile);
    const { entry, holdsEvent } = this.#applier.enter(verdict, runPerson, { id: event.id, data }, now);
    if (holdsEvent) this.#enrollments.entryEvents.share(event.id, name, event.dataJson);
    this.#sql.exec(
      `INSERT INTO replayed_entries VALUES (?, ?, ?, ?)`,
      verdict.journey.id,
      event.id,
      entry.enrollmentId,
      replayId,
    );
  }

  /** Who answers for the person of an event now; `null` = nobody is there. */
  #personOf(profileId: string | null): ResolvedPerson | null {
    const profile = profileId === null ? null : this.#profiles.findLive(profileId);
    return profile === null ? null : this.#people.personOf(profile);
  }
}

const STARTED_BY_TRIGGER: WaypostError = {
  code: "invalid_request",
  issues: [{ path: "key", message: "Must be a journey that an event starts: this one starts by trigger alone." }],
};

/** What filters and keys see: data as it is kept, the person as they are now. Parsed when a clause asks. */
function scopeOf({ dataJson }: ReplayedEvent, person: ResolvedPerson | null): EntryScope {
  let event: Json | undefined;
  const kept = (): Json => (event ??= JSON.parse(dataJson ?? "{}") as Json);
  return {
    event: kept,
    keptEvent: kept,
    profile: () => {
      if (person === null) return undefined;
      const { emails, externalId } = person.profile.identities;
      return profileScope(person.properties(), { email: emails[0] ?? null, externalId });
    },
  };
}
