// What a journey would do, in virtual time: the rules that decide live events and move real runs, over a script
// instead of a clock. Nothing is stored and nothing is sent. At one instant timers come before events, and an event
// reaches the runs that wait before it starts new ones, as in the cell.
import { advance } from "./advance.ts";
import type { EnrollmentStatus, TimelineEntry } from "./enrollment.ts";
import type { EnrollmentHistory, Standing } from "./eligibility.ts";
import { EntryWindow } from "./entry-window.ts";
import type { FailedClause, SkipReason } from "./event.ts";
import { MonotonicIds } from "./ids.ts";
import { compileJourney, type JourneyDefinition } from "./journey.ts";
import type { JsonObject } from "./json.ts";
import { decide, type EntrySituation, type ListeningJourney } from "./matching.ts";
import type { SentIdentities } from "./profile.ts";
import { profileScope, type ReadableIdentities } from "./profile-scope.ts";
import { patchProperties } from "./properties.ts";
import { compileRun, type RunPlan } from "./run-plan.ts";
import { newRun, timerOf, type Run, type RunInput, type RunSituation } from "./run.ts";
import { jsonSize } from "./state-values.ts";
import type { DeliveryRequest } from "./steps/step-runtime.ts";

export const MAX_SIMULATED_EVENTS = 1_000;
export const MAX_SIMULATED_RUNS = 100;
/** Of all runs together. */
export const MAX_SIMULATED_STEPS = 10_000;
/** Of what would be sent, as JSON text: each message may hold half a megabyte that the script holds once. */
export const MAX_SIMULATED_MESSAGE_BYTES = 8 * 1024 * 1024;

/** The event that the trigger makes; it starts the journey whatever its entry says, and keeps eligibility. */
export const TRIGGER_EVENT = "$trigger";

export interface Script {
  journey: { id: string; key: string; version: number; definition: JourneyDefinition };
  profile: { id: string; identities: SentIdentities; properties: JsonObject };
  /** In any order; at one instant they happen in the order they stand in. `at` is Unix milliseconds, from `start` on. */
  events: readonly { at: number; event: string; data: JsonObject }[];
  /** Unix milliseconds. */
  start: number;
  /** Unix milliseconds, inclusive; `null` = until nothing happens any more. */
  until: number | null;
  /** Leads to other ways at splits; empty = the ways that real runs of this profile take. */
  seed: string;
  /** The workspace's, an IANA name. */
  timezone: string | null;
  /** What becomes of deliveries, at the instant they are made: `sent`, or nothing. */
  deliveries: "sent" | "pending";
}

/** An enrollment, as the API shows one. */
export interface SimulatedEnrollment {
  id: string;
  journeyId: string;
  journeyKey: string;
  version: number;
  profileId: string;
  eventId: string;
  status: EnrollmentStatus;
  reason: string | null;
  stepId: string | null;
  startedAt: string;
  endedAt: string | null;
  convertedAt: string | null;
  timeline: TimelineEntry[];
}

export interface SimulatedDecision {
  at: string;
  eventId: string;
  outcome: "enrolled" | "skipped";
  reason: "enrolled" | SkipReason;
  detail: FailedClause | null;
  enrollmentId: string | null;
}

/** What would have been sent. */
export interface SimulatedDelivery {
  at: string;
  enrollmentId: string;
  stepId: string;
  deliveryKey: string;
  request: DeliveryRequest;
}

export interface Simulation {
  enrollments: SimulatedEnrollment[];
  decisions: SimulatedDecision[];
  deliveries: SimulatedDelivery[];
  /** The person's properties at the end. */
  properties: JsonObject;
  /** Why virtual time ended early; `null` = it did not. */
  stoppedBy: "step_limit" | "run_limit" | "size_limit" | null;
}

/**
 * Plays a script.
 *
 * @param script  the journey's definition as `checkDefinition` gave it, events within {@link MAX_SIMULATED_EVENTS}
 *                and not before the start; anything else throws
 */
export function simulate(script: Script): Simulation {
  if (script.events.length > MAX_SIMULATED_EVENTS) throw new Error("a simulation has too many events");
  if (script.events.some(({ at }) => at < script.start)) throw new Error("a simulated event is before the start");
  const theatre = new Theatre(script);
  for (const event of script.events.toSorted((a, b) => a.at - b.at)) {
    if (script.until !== null && event.at > script.until) break;
    theatre.playTimers(event.at);
    theatre.playEvent(event);
  }
  theatre.playTimers(script.until ?? Number.POSITIVE_INFINITY);
  return theatre.outcome();
}

/** One run of the simulation. */
interface Actor {
  id: string;
  eventId: string;
  startedAt: number;
  entryKey: string | null;
  entryData: JsonObject;
  run: Run;
  timeline: TimelineEntry[];
}

class Theatre {
  readonly #script: Script;
  readonly #plan: RunPlan;
  readonly #journey: ListeningJourney;
  readonly #identities: ReadableIdentities;
  readonly #ids = new MonotonicIds();
  readonly #actors: Actor[] = [];
  readonly #decisions: SimulatedDecision[] = [];
  readonly #deliveries: SimulatedDelivery[] = [];
  readonly #entries: EntryWindow | null;
  #properties: JsonObject;
  #steps = 0;
  #messageBytes = 0;
  #isRunaway = false;
  #stoppedBy: Simulation["stoppedBy"] = null;

  constructor(script: Script) {
    const { id, key, version, definition } = script.journey;
    const { email = null, externalId = null } = script.profile.identities;
    this.#script = script;
    this.#plan = compileRun(definition, { journeyId: id, version });
    this.#journey = { id, key, version, ...compileJourney(definition) };
    this.#identities = { email, externalId };
    this.#properties = script.profile.properties;
    const { runaway } = this.#journey;
    this.#entries = runaway === null ? null : new EntryWindow(runaway.perMs);
  }

  /** Lets pass what is due until an instant, inclusive: by instant, then by which run began first. */
  playTimers(until: number): void {
    for (;;) {
      if (this.#stoppedBy !== null) return;
      let first: { actor: Actor; at: number; generation: number } | null = null;
      for (const actor of this.#actors) {
        const timer = timerOf(actor.run);
        if (timer !== null && timer.at <= until && timer.at < (first?.at ?? Number.POSITIVE_INFINITY)) {
          first = { actor, ...timer };
        }
      }
      if (first === null) return;
      this.#advance(first.actor, { kind: "timer", generation: first.generation }, first.at);
    }
  }

  playEvent({ at, event, data }: Script["events"][number]): void {
    if (this.#stoppedBy !== null) return;
    const eventId = this.#newId(at);
    for (const actor of this.#actors) this.#advance(actor, { kind: "event", name: event, data: () => data }, at);
    const { entry } = this.#script.journey.definition;
    const isTrigger = event === TRIGGER_EVENT;
    if (!isTrigger && !("event" in entry && entry.event === event)) return;

    const journey = isTrigger ? { ...this.#journey, filter: null } : this.#journey;
    const profile = (): JsonObject => profileScope(this.#properties, this.#identities);
    const verdict = decide(journey, { event: () => data, keptEvent: () => data, profile }, this.#situationOf(at));
    const decision = { at: iso(at), eventId, outcome: verdict.outcome };
    if (verdict.outcome === "skipped") {
      const { reason, detail } = verdict;
      if (reason === "runaway_stopped") this.#isRunaway = true;
      this.#decisions.push({ ...decision, reason, detail, enrollmentId: null });
    } else if (this.#actors.length >= MAX_SIMULATED_RUNS) {
      this.#stoppedBy = "run_limit";
    } else {
      const id = this.#newId(at);
      this.#decisions.push({ ...decision, reason: "enrolled", detail: null, enrollmentId: id });
      this.#begin({ id, eventId, startedAt: at, entryKey: verdict.entryKey, entryData: data });
    }
  }

  outcome(): Simulation {
    return {
      enrollments: this.#actors.map((actor) => this.#enrollmentOf(actor)),
      decisions: this.#decisions,
      deliveries: this.#deliveries,
      properties: this.#properties,
      stoppedBy: this.#stoppedBy,
    };
  }

  #begin(entry: Omit<Actor, "run" | "timeline">): void {
    const actor: Actor = { ...entry, run: newRun(entry.startedAt), timeline: [] };
    this.#actors.push(actor);
    this.#entries?.add(entry.startedAt);
    this.#advance(actor, { kind: "start" }, entry.startedAt);
  }

  #advance(actor: Actor, input: RunInput, now: number): void {
    const inputs = [input];
    for (const next of inputs) {
      const stepsBefore = actor.run.steps;
      const { run, timeline, effects } = advance(this.#plan, actor.run, next, this.#runSituation(actor, now));
      actor.run = run;
      for (const entry of timeline) actor.timeline.push(entry);
      for (const effect of effects) {
        if (effect.kind === "patch_profile") {
          this.#properties = patchProperties(this.#properties, effect.patch) ?? this.#properties;
        }
        if (effect.kind !== "deliver") continue;
        const { stepId, deliveryKey, request } = effect;
        this.#show({ at: iso(now), enrollmentId: actor.id, stepId, deliveryKey, request });
        if (this.#script.deliveries === "pending") continue;
        inputs.push({ kind: "delivery_settled", deliveryKey, outcome: { status: "sent" } });
      }
      this.#steps += run.steps - stepsBefore;
    }
    if (this.#steps >= MAX_SIMULATED_STEPS) this.#stoppedBy ??= "step_limit";
  }

  #show(delivery: SimulatedDelivery): void {
    this.#messageBytes += jsonSize(delivery.request);
    if (this.#messageBytes > MAX_SIMULATED_MESSAGE_BYTES) this.#stoppedBy = "size_limit";
    else this.#deliveries.push(delivery);
  }

  #runSituation({ entryData }: Actor, now: number): RunSituation {
    const { profile, seed, timezone } = this.#script;
    return {
      now,
      profileId: profile.id,
      identities: this.#identities,
      properties: () => this.#properties,
      entryData: () => entryData,
      timezone,
      seed,
      held: false,
    };
  }

  #situationOf(now: number): EntrySituation {
    const { runaway } = this.#journey;
    return {
      now,
      standing: (_journey, entryKey) => this.#standing(entryKey),
      isRunaway: () => {
        return this.#isRunaway || (runaway !== null && (this.#entries?.count(now) ?? 0) >= runaway.enrollments);
      },
    };
  }

  /** The person has no past: what counts is what the script has brought about. */
  #standing(entryKey: string | null): Standing {
    return {
      has: (kind) => this.#script.profile.identities[kind] !== undefined,
      suppressed: () => false,
      history: (): EnrollmentHistory => {
        const counted = this.#actors.filter((actor) => entryKey === null || actor.entryKey === entryKey);
        return {
          lastStartedAt: counted.at(-1)?.startedAt ?? null,
          active: counted.filter(({ run }) => run.status === "active").length,
        };
      },
      startedAfter: (instant, most) =>
        Math.min(most, this.#actors.filter(({ startedAt }) => startedAt > instant).length),
    };
  }

  #enrollmentOf({ id, eventId, startedAt, run, timeline }: Actor): SimulatedEnrollment {
    const { journey, profile } = this.#script;
    return {
      id,
      journeyId: journey.id,
      journeyKey: journey.key,
      version: journey.version,
      profileId: profile.id,
      eventId,
      status: run.status,
      reason: run.reason,
      stepId: run.stepId,
      startedAt: iso(startedAt),
      endedAt: run.endedAt === null ? null : iso(run.endedAt),
      convertedAt: run.convertedAt === null ? null : iso(run.convertedAt),
      timeline,
    };
  }

  /** Ids of nothing that exists: the same script has the same ones. */
  #newId(at: number): string {
    return this.#ids.next(at, new Uint8Array(8));
  }
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
