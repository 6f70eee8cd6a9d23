// Builders for runs in tests: a plan from steps, a situation, and a stage that keeps one run between inputs the way
// a store does, by packing and unpacking it.
import { advance } from "../../src/domain/advance.ts";
import type { TimelineEntry } from "../../src/domain/enrollment.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { compileRun, type RunPlan } from "../../src/domain/run-plan.ts";
import {
  newRun,
  packRun,
  timerOf,
  unpackRun,
  type Advanced,
  type DeliveryOutcome,
  type Run,
  type RunEffect,
  type RunInput,
  type RunSituation,
} from "../../src/domain/run.ts";
import { aJourneyDocument, definitionOf } from "./journey-document.ts";

export const MONDAY_NOON = Date.parse("2026-03-02T12:00:00.000Z");
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export function aPlan(steps: unknown[], over: Record<string, unknown> = {}, version = 1): RunPlan {
  return compileRun(definitionOf(aJourneyDocument({ steps, ...over })), { journeyId: "journey-1", version });
}

export function aSituation(over: Partial<RunSituation> = {}): RunSituation {
  return {
    now: MONDAY_NOON,
    profileId: "profile-1",
    identities: { email: "ada@example.com", externalId: null },
    properties: () => ({}),
    entryData: () => ({}),
    timezone: null,
    seed: "",
    held: false,
    ...over,
  };
}

/** One run with all it was told and all it asked for. */
export class Stage {
  run: Run;
  readonly plan: RunPlan;
  readonly timeline: TimelineEntry[] = [];
  readonly effects: RunEffect[] = [];
  #situation: Partial<RunSituation>;

  constructor(plan: RunPlan, situation: Partial<RunSituation> = {}) {
    this.plan = plan;
    this.#situation = situation;
    this.run = newRun(situation.now ?? MONDAY_NOON);
  }

  set(over: Partial<RunSituation>): this {
    this.#situation = { ...this.#situation, ...over };
    return this;
  }

  /** Feeds an input, at an instant if one is given. */
  feed(input: RunInput, now = this.#situation.now ?? MONDAY_NOON): Advanced {
    this.set({ now });
    const advanced = advance(this.plan, this.run, input, aSituation(this.#situation));
    this.run = unpackRun(packRun(advanced.run), advanced.run);
    this.timeline.push(...advanced.timeline);
    this.effects.push(...advanced.effects);
    return advanced;
  }

  start(): this {
    this.feed({ kind: "start" });
    return this;
  }

  /** Lets the run's timer fire when it is due. */
  fire(): this {
    const timer = timerOf(this.run);
    if (timer === null) throw new Error("the run has no timer");
    this.feed({ kind: "timer", generation: timer.generation }, timer.at);
    return this;
  }

  event(name: string, data: JsonObject = {}, now?: number): this {
    this.feed({ kind: "event", name, data: () => data }, now);
    return this;
  }

  settled(deliveryKey: string, outcome: DeliveryOutcome, now?: number): this {
    this.feed({ kind: "delivery_settled", deliveryKey, outcome }, now);
    return this;
  }

  /** `entered rest`, `waiting rest`, … */
  get lines(): string[] {
    return this.timeline.map(({ kind, stepId }) => `${kind} ${stepId}`);
  }

  /** The details of all lines of a kind. */
  details(kind: TimelineEntry["kind"]): TimelineEntry["detail"][] {
    return this.timeline.filter((entry) => entry.kind === kind).map(({ detail }) => detail);
  }

  asked<K extends RunEffect["kind"]>(kind: K): Extract<RunEffect, { kind: K }>[] {
    return this.effects.filter((effect): effect is Extract<RunEffect, { kind: K }> => effect.kind === kind);
  }
}

/** A run that was started on these steps. */
export function started(steps: unknown[], situation: Partial<RunSituation> = {}, over: Record<string, unknown> = {}) {
  return new Stage(aPlan(steps, over), situation).start();
}
