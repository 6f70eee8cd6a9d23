// Questions about journeys: what an event would do, why it would, and what a test against the past needs to know.
// Decided by the code that decides events. Asking writes nothing; what a rehearsal has to write is taken back.
import { refusalOf, type Refusals } from "../domain/consent.ts";
import type { WaypostError } from "../domain/errors.ts";
import type { Receipt, ReceiptEntry } from "../domain/event.ts";
import { explainFilter, type ExplainedClause } from "../domain/explain.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import { compileJourney, type JourneyDefinition } from "../domain/journey.ts";
import type { EntryLimit, Standing } from "../domain/eligibility.ts";
import { takePage } from "../domain/list-page.ts";
import { decide, type EntryScope, type ListeningJourney } from "../domain/matching.ts";
import { profileScope } from "../domain/profile-scope.ts";
import type { Profile, ProfileIdentities, SentIdentities } from "../domain/profile.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { similarNames } from "../domain/similar-names.ts";
import type { AcceptCommand } from "./command.ts";
import { NEVER_ENROLLED } from "./enrollment-histories.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { EventApplier, Rehearsed } from "./event-applier.ts";
import type { Journey, JourneyStatus, JourneyStore } from "./journey-store.ts";
import type { PersonResolver } from "./person-resolver.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { RunawayGuard } from "./runaway-guard.ts";
import { standingOf } from "./standing.ts";

const MAX_SIMILAR_EVENTS = 10;
/** As many as may be active on one event name. */
const MAX_INACTIVE = 200;

export type DryRun =
  | {
      kind: "rehearsed";
      profileId: string | null;
      receipt: Receipt;
      inactive: { key: string; status: JourneyStatus }[];
      similarEvents: string[];
    }
  | Exclude<Rehearsed, { kind: "rehearsed" }>;

/** Whom a question is about: somebody by their id, somebody made up who was never here, or nobody. */
export type AskedPerson =
  | { kind: "profile"; id: string }
  | { kind: "sample"; identities: SentIdentities; propertiesJson: string }
  | { kind: "nobody" };

export interface ExplainQuestion {
  key: string;
  /** `null` = the published version, else the newest. */
  version: number | null;
  person: AskedPerson;
  event: {
    name: string;
    /** JSON text of the data as it is kept; `null` = it has none. */
    dataJson: string | null;
    /** What was taken out of the data. */
    redactedPaths: string[];
  };
}

export interface Explanation {
  journeyId: string;
  version: number;
  outcome: "enrolled" | "skipped" | "not_listening" | "unknown_redacted";
  reason: ReceiptEntry["reason"] | null;
  detail: ReceiptEntry["detail"];
  /** JSON text of {@link ExplainedClause}s: values keep what they were sent as. */
  clausesJson: string;
}

/** One version as a test against the past, or a simulation, needs it. */
export interface AskedVersion {
  journeyId: string;
  key: string;
  version: number;
  definition: JourneyDefinition;
  /** The runaway limit of journeys that name none of their own. */
  workspaceLimit: EntryLimit | null;
  /** The workspace's, an IANA name; `null` = it has none. */
  timezone: string | null;
}

/** Who answers for an id now; `null` = nobody is there. */
export interface AnsweringPerson {
  askedId: string;
  profile: (Pick<Profile, "id" | "identities" | "propertiesJson"> & { refusals: Refusals }) | null;
}

type Decided = Pick<Explanation, "outcome" | "reason" | "detail"> & { clauses: ExplainedClause[] };
type Someone = { standing: (journey: ListeningJourney, entryKey: string | null) => Standing; scope: JsonObject };

export class Asking {
  readonly #applier: EventApplier;
  readonly #journeys: JourneyStore;
  readonly #profiles: ProfileStore;
  readonly #people: PersonResolver;
  readonly #enrollments: EnrollmentStore;
  readonly #guard: RunawayGuard;
  readonly #workspaceLimit: () => EntryLimit | null;
  readonly #timezone: () => string | null;

  constructor(parts: {
    applier: EventApplier;
    journeys: JourneyStore;
    profiles: ProfileStore;
    people: PersonResolver;
    enrollments: EnrollmentStore;
    guard: RunawayGuard;
    workspaceLimit: () => EntryLimit | null;
    timezone: () => string | null;
  }) {
    this.#applier = parts.applier;
    this.#journeys = parts.journeys;
    this.#profiles = parts.profiles;
    this.#people = parts.people;
    this.#enrollments = parts.enrollments;
    this.#guard = parts.guard;
    this.#workspaceLimit = parts.workspaceLimit;
    this.#timezone = parts.timezone;
  }

  /** Says what an event would do. Runs inside a transaction that is taken back, see {@link EventApplier.rehearse}. */
  dryRun(command: AcceptCommand, clock: number): DryRun {
    const rehearsed = this.#applier.rehearse(command, clock);
    if (rehearsed.kind !== "rehearsed") return rehearsed;
    return {
      ...rehearsed,
      inactive: this.#journeys.inactiveOn(command.event, MAX_INACTIVE),
      similarEvents: similarNames(command.event, this.#journeys.listenedNames(), MAX_SIMILAR_EVENTS),
    };
  }

  /** Says what a version decides about an event and a person as they are now, whatever the journey's status. */
  explain(question: ExplainQuestion, clock: number): Result<Explanation, WaypostError> {
    const asked = this.version(question.key, question.version);
    if (!asked.ok) return asked;
    const someone = this.#someone(question.person);
    if (someone === "unknown") return err({ code: "not_found" });
    const { clauses, ...decided } = this.#decide(asked.value, question.event, someone, clock);
    const { journeyId, version } = asked.value;
    return ok({ journeyId, version, ...decided, clausesJson: JSON.stringify(clauses) });
  }

  /** @param version  `null` = the published one, else the newest */
  version(key: string, version: number | null): Result<AskedVersion, WaypostError> {
    const journey = this.#journeys.find(key);
    if (journey === null || (version !== null && version > journey.version)) return err({ code: "not_found" });
    const asked = version ?? journey.publishedVersion ?? journey.version;
    const { definition } = this.#journeys.version(journey.id, asked);
    const ofWorkspace = { workspaceLimit: this.#workspaceLimit(), timezone: this.#timezone() };
    return ok({ ...named(journey), version: asked, definition, ...ofWorkspace });
  }

  /** Who answers for these ids now: for as many from the first one as a page may hold, and at least for one. */
  people(ids: readonly string[]): AnsweringPerson[] {
    return takePage(this.#answering(ids), ids.length, ({ profile }) => profile?.propertiesJson.length ?? 0).items;
  }

  *#answering(ids: readonly string[]): Generator<AnsweringPerson> {
    for (const askedId of ids) {
      const live = this.#profiles.findLive(askedId);
      if (live === null) yield { askedId, profile: null };
      else {
        const { id, identities, propertiesJson } = live;
        const refusals = this.#people.personOf(live).refusals();
        yield { askedId, profile: { id, identities, propertiesJson, refusals } };
      }
    }
  }

  #decide(
    { journeyId, key, version, definition }: AskedVersion,
    event: ExplainQuestion["event"],
    someone: Someone | null,
    clock: number,
  ): Decided {
    const { entry } = definition;
    if (!("event" in entry) || entry.event !== event.name) {
      return { outcome: "not_listening", reason: null, detail: null, clauses: [] };
    }
    const data = JSON.parse(event.dataJson ?? "{}") as Json;
    const scope: EntryScope = { event: () => data, keptEvent: () => data, profile: () => someone?.scope };
    const redactedPaths = event.dataJson === null ? [] : event.redactedPaths;
    const explained = entry.filter === undefined ? null : explainFilter(entry.filter, scope, redactedPaths);
    const clauses = explained?.clauses ?? [];
    if (explained?.holds === null) return { outcome: "unknown_redacted", reason: null, detail: null, clauses };

    const journey: ListeningJourney = { id: journeyId, key, version, ...compileJourney(definition) };
    // What was taken out of the data misleads the filter itself; what is left of it may still have decided.
    if (redactedPaths.length > 0 && explained !== null) journey.filter = () => explained.failed;
    const now = this.#applier.receiptTime(clock);
    const verdict = decide(journey, scope, {
      now,
      standing: someone?.standing ?? null,
      isRunaway: (one) => this.#guard.isRunaway(one, now),
    });
    return verdict.outcome === "enrolled"
      ? { outcome: "enrolled", reason: "enrolled", detail: null, clauses }
      : { outcome: "skipped", reason: verdict.reason, detail: verdict.detail, clauses };
  }

  #someone(person: AskedPerson): Someone | "unknown" | null {
    switch (person.kind) {
      case "nobody":
        return null;
      case "sample":
        return neverHere(person, this.#people.refusalsOfNew(person.identities));
      case "profile": {
        const profile = this.#profiles.findLive(person.id);
        if (profile === null) return "unknown";
        const known = this.#people.personOf(profile);
        return {
          standing: standingOf(known, this.#enrollments),
          scope: profileScope(known.properties(), readable(profile.identities)),
        };
      }
    }
  }
}

function neverHere(
  { identities, propertiesJson }: Extract<AskedPerson, { kind: "sample" }>,
  refusals: Refusals,
): Someone {
  const { email = null, externalId = null } = identities;
  return {
    standing: () => ({
      has: (kind) => identities[kind] !== undefined,
      suppressed: (transactional) => refusalOf(refusals, transactional) !== null,
      history: () => NEVER_ENROLLED,
      startedAfter: () => 0,
    }),
    scope: profileScope(JSON.parse(propertiesJson) as JsonObject, { email, externalId }),
  };
}

function readable({ emails, externalId }: ProfileIdentities): { email: string | null; externalId: string | null } {
  return { email: emails[0] ?? null, externalId };
}

function named({ id, key }: Journey): { journeyId: string; key: string } {
  return { journeyId: id, key };
}
