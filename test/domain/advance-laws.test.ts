import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advance } from "../../src/domain/advance.ts";
import type { TimelineEntry } from "../../src/domain/enrollment.ts";
import { checkDefinition, type JourneyDefinition } from "../../src/domain/journey.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { migrateRun } from "../../src/domain/migrate-run.ts";
import { patchProperties } from "../../src/domain/properties.ts";
import { compileRun, listensTo, type RunPlan } from "../../src/domain/run-plan.ts";
import {
  newRun,
  packRun,
  timerOf,
  unpackRun,
  type Advanced,
  type DeliveryOutcome,
  type Run,
  type RunSituation,
  type RunTimer,
} from "../../src/domain/run.ts";
import { definitionOf } from "./journey-document.ts";
import { eventData, journeyDocuments, profileProperties } from "./random-journey.ts";
import { aSituation, HOUR_MS, MONDAY_NOON } from "./run-builders.ts";

/** Stands in every payload and every property; nothing of it may come into a timeline. */
const SECRET = "s3cr3t-value";

type Command =
  | { do: "wait"; hours: number }
  | { do: "fire"; late: number; stale: boolean }
  | { do: "event"; name: string; data: JsonObject }
  | { do: "settle"; which: number; outcome: DeliveryOutcome }
  | { do: "hold"; held: boolean }
  | { do: "migrate"; stepId: string | null }
  | { do: "end"; status: "exited" | "cancelled" };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("fire"), late: fc.constantFrom(0, 0, 1, HOUR_MS), stale: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("event"),
      name: fc.constantFrom("order.created", "payment.succeeded", "order.refunded", "page.viewed"),
      data: eventData,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait"), hours: fc.integer({ min: -1, max: 30 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("settle"),
      which: fc.nat({ max: 5 }),
      outcome: fc.constantFrom<DeliveryOutcome>(
        { status: "sent" },
        { status: "skipped", reason: "suppressed" },
        { status: "failed", code: "exhausted" },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("hold"), held: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("migrate"), stepId: fc.constantFrom(null, "s0", "s1", "s9") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("end"), status: fc.constantFrom("exited", "cancelled") }) },
) as fc.Arbitrary<Command>;

const story = fc.record({
  documents: fc.tuple(journeyDocuments, journeyDocuments),
  entry: eventData,
  properties: profileProperties,
  commands: fc.array(command, { maxLength: 25 }),
});
type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

function plansOf({ documents }: Story): [RunPlan, RunPlan] {
  const plan = (document: unknown, version: number): RunPlan => {
    const definition: JourneyDefinition = definitionOf(document);
    return compileRun(definition, { journeyId: "journey-1", version });
  };
  return [plan(documents[0], 1), plan(documents[1], 2)];
}

/** A run beside what a cell would keep for it. */
class Keeper {
  plan: RunPlan;
  run: Run = newRun(MONDAY_NOON);
  now = MONDAY_NOON;
  held = false;
  properties: JsonObject;
  timer: RunTimer | null = null;
  heard: string[] = [];
  endings = 0;
  conversions = 0;
  readonly deliveries: string[] = [];
  readonly timeline: TimelineEntry[] = [];
  readonly done: Advanced[] = [];
  /** The same inputs, each given to a copy of the run that was stored and read. */
  readonly doneAgain: Advanced[] = [];
  readonly #plans: [RunPlan, RunPlan];
  readonly #entry: JsonObject;

  constructor(told: Story) {
    this.#plans = plansOf(told);
    [this.plan] = this.#plans;
    this.properties = { ...told.properties, note: SECRET };
    this.#entry = { ...told.entry, note: SECRET };
    this.#take((run, situation) => advance(this.plan, run, { kind: "start" }, situation));
    for (const each of told.commands) this.#obey(each);
  }

  #obey(next: Command): void {
    switch (next.do) {
      case "wait":
        this.now += next.hours * HOUR_MS;
        break;
      case "hold":
        this.held = next.held;
        break;
      case "fire": {
        const generation = this.run.generation - (next.stale ? 1 : 0);
        if (this.timer !== null) this.now = Math.max(this.now, this.timer.at + next.late);
        this.#take((run, situation) => advance(this.plan, run, { kind: "timer", generation }, situation));
        break;
      }
      case "event": {
        const data = (): JsonObject => ({ ...next.data, note: SECRET });
        this.#take((run, situation) => advance(this.plan, run, { kind: "event", name: next.name, data }, situation));
        break;
      }
      case "settle": {
        const deliveryKey = this.deliveries[next.which] ?? "s0:99";
        const { outcome } = next;
        this.#take((run, situation) =>
          advance(this.plan, run, { kind: "delivery_settled", deliveryKey, outcome }, situation),
        );
        break;
      }
      case "end": {
        const { status } = next;
        this.#take((run, situation) => advance(this.plan, run, { kind: "end", status, reason: "outside" }, situation));
        break;
      }
      case "migrate": {
        const [from, to] = [this.plan, this.#plans[1]];
        const moved = migrateRun({ from, to, stepId: next.stepId }, this.run, this.#situation());
        if (!moved.ok) break;
        this.plan = to;
        this.#keep(moved.value.advanced);
        break;
      }
    }
  }

  #situation(): RunSituation {
    return aSituation({
      now: this.now,
      held: this.held,
      properties: () => this.properties,
      entryData: () => this.#entry,
      timezone: "Europe/Berlin",
    });
  }

  #take(next: (run: Run, situation: RunSituation) => Advanced): void {
    const stored = unpackRun(packRun(this.run), JSON.parse(JSON.stringify(this.run)) as Run);
    const advanced = next(deepFrozen(this.run), this.#situation());
    this.done.push(advanced);
    this.doneAgain.push(next(stored, this.#situation()));
    this.#keep(advanced);
  }

  #keep({ run, timeline, effects }: Advanced): void {
    this.run = run;
    this.timeline.push(...timeline);
    for (const effect of effects) {
      if (effect.kind === "timer") this.timer = effect.timer;
      if (effect.kind === "listen") this.heard = effect.events;
      if (effect.kind === "ended") this.endings += 1;
      if (effect.kind === "converted") this.conversions += 1;
      if (effect.kind === "deliver") this.deliveries.push(effect.deliveryKey);
      if (effect.kind === "patch_profile")
        this.properties = patchProperties(this.properties, effect.patch) ?? this.properties;
    }
  }
}

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  Object.values(value).forEach(deepFrozen);
  return Object.freeze(value);
}

/** Plays random stories; an environment variable asks for more of them. */
function always(law: (keeper: Keeper) => void): void {
  const numRuns = Number(process.env.PROPERTY_RUNS ?? 300);
  fc.assert(
    fc.property(story, (told) => law(new Keeper(told))),
    { numRuns },
  );
}

describe("any run, whatever happens to it", () => {
  it("is made of journeys that pass the check", () => {
    fc.assert(
      fc.property(journeyDocuments, (document) => {
        expect(checkDefinition(document)).toMatchObject({ ok: true });
      }),
      { numRuns: 500 },
    );
  });

  it("does the same again, also from a stored copy", () => {
    always(({ done, doneAgain }) => {
      expect(doneAgain).toEqual(done);
    });
  });

  it("asks for nothing that JSON cannot hold", () => {
    always(({ done }) => {
      expect(JSON.parse(JSON.stringify(done))).toEqual(done);
    });
  });

  it("waits as long as it is active, and for nothing afterwards", () => {
    always(({ run }) => {
      expect(run.wait === null).toBe(run.status !== "active");
      expect(run.endedAt === null).toBe(run.status === "active");
    });
  });

  it("ends at most once, and says so in its timeline", () => {
    always(({ run, endings, timeline }) => {
      const lines = timeline.filter(({ kind }) => kind === "ended");
      expect(endings).toBe(run.status === "active" ? 0 : 1);
      expect(lines).toHaveLength(endings);
      if (lines[0] !== undefined) expect(lines[0].detail).toMatchObject({ status: run.status, reason: run.reason });
      const after = timeline.slice(timeline.findIndex(({ kind }) => kind === "ended") + 1);
      if (endings === 1) expect(after.every(({ kind }) => ["sent", "skipped", "failed"].includes(kind))).toBe(true);
    });
  });

  it("is completed only at a step that ends its journey", () => {
    always(({ run, plan }) => {
      if (run.status !== "completed") return;
      const step = plan.steps.get(run.stepId ?? "");
      expect(step?.type === "exit" || step?.next === null).toBe(true);
    });
  });

  it("is failed only with a line that says at which step and why", () => {
    always(({ run, timeline }) => {
      const told = timeline.some(({ kind, stepId }) => kind === "failed" && stepId === run.stepId);
      expect(run.status === "failed" && !told).toBe(false);
    });
  });

  it("leaves the timer and the names that a keeper of its effects has in step with it", () => {
    always(({ run, plan, timer, heard }) => {
      expect(timer).toEqual(timerOf(run));
      expect(heard).toEqual(listensTo(plan, run));
    });
  });

  it("asks for each delivery once", () => {
    always(({ deliveries }) => {
      expect(new Set(deliveries).size).toBe(deliveries.length);
    });
  });

  it("converts at most once", () => {
    always(({ run, conversions }) => {
      expect(conversions).toBe(run.convertedAt === null ? 0 : 1);
    });
  });

  it("has a timeline whose instants never go back", () => {
    always(({ timeline }) => {
      const instants = timeline.map(({ at }) => at);
      expect(instants).toEqual(instants.toSorted());
    });
  });

  it("keeps no value of an event or of the person in its timeline or in what is stored of it", () => {
    always(({ run, timeline }) => {
      const kept = JSON.stringify([timeline, packRun(run)]);
      expect(kept).not.toContain(SECRET);
      expect(kept).not.toMatch(/ada@example|bob@example|\bPro\b|New_York/);
    });
  });
});
