import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MAX_SIMULATED_EVENTS,
  MAX_SIMULATED_MESSAGE_BYTES,
  MAX_SIMULATED_RUNS,
  MAX_SIMULATED_STEPS,
  simulate,
  TRIGGER_EVENT,
  type Script,
} from "../../src/domain/simulate.ts";
import { aJourneyDocument, definitionOf } from "./journey-document.ts";
import { journeyDocuments, scripts } from "./random-journey.ts";
import { DAY_MS, HOUR_MS, MONDAY_NOON } from "./run-builders.ts";

function aScript(document: Record<string, unknown>, over: Partial<Script> = {}): Script {
  return {
    journey: {
      id: "journey-1",
      key: "order-follow-up",
      version: 3,
      definition: definitionOf(aJourneyDocument(document)),
    },
    profile: { id: "profile-1", identities: { email: "ada@example.com" }, properties: {} },
    start: MONDAY_NOON,
    events: [order(0)],
    until: null,
    seed: "",
    timezone: null,
    deliveries: "sent",
    ...over,
  };
}

function order(hours: number, data = {}): Script["events"][number] {
  return { at: MONDAY_NOON + hours * HOUR_MS, event: "order.created", data: { total: 50, ...data } };
}

const HELLO = { id: "hello", type: "email", template: "hello" };
const REST = { id: "rest", type: "delay", for: "P1D" };

/** `hh kind step`, hours counted from the start. */
function lines({ timeline }: { timeline: readonly { at: string; kind: string; stepId: string | null }[] }): string[] {
  return timeline.map(({ at, kind, stepId }) => `${(Date.parse(at) - MONDAY_NOON) / HOUR_MS} ${kind} ${stepId}`);
}

describe("simulate", () => {
  it("shows the whole way with its instants, what is sent included", () => {
    const { enrollments, deliveries } = simulate(aScript({ steps: [HELLO, REST, { ...HELLO, id: "again" }] }));
    expect(enrollments).toHaveLength(1);
    expect(lines(enrollments[0]!)).toEqual([
      "0 entered hello",
      "0 entered rest",
      "0 waiting rest",
      "0 sent hello",
      "24 resumed rest",
      "24 entered again",
      "24 ended again",
      "24 sent again",
    ]);
    expect(deliveries.map(({ at, stepId, request }) => [at, stepId, request.channel])).toEqual([
      ["2026-03-02T12:00:00.000Z", "hello", "email"],
      ["2026-03-03T12:00:00.000Z", "again", "email"],
    ]);
  });

  it("answers enrollments as the API shows them", () => {
    const [enrollment] = simulate(aScript({ steps: [REST] })).enrollments;
    expect(enrollment).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      journeyId: "journey-1",
      journeyKey: "order-follow-up",
      version: 3,
      profileId: "profile-1",
      status: "completed",
      reason: null,
      stepId: "rest",
      startedAt: "2026-03-02T12:00:00.000Z",
      endedAt: "2026-03-03T12:00:00.000Z",
      convertedAt: null,
    });
  });

  it("leaves deliveries pending when asked to", () => {
    const hook = { id: "hook", type: "webhook", url: "https://crm.example.com", onFailure: "fail" };
    const pending = simulate(aScript({ steps: [hook, HELLO] }, { deliveries: "pending" })).enrollments[0];
    expect(pending).toMatchObject({ status: "active", stepId: "hook" });
    const sent = simulate(aScript({ steps: [hook, HELLO] })).enrollments[0]!;
    expect(lines(sent)).toEqual([
      "0 entered hook",
      "0 waiting hook",
      "0 sent hook",
      "0 entered hello",
      "0 ended hello",
      "0 sent hello",
    ]);
  });

  it("stops at until, inclusive", () => {
    const until = (at: number) =>
      simulate(aScript({ steps: [REST] }, { until: MONDAY_NOON + at })).enrollments[0]?.status;
    expect(until(DAY_MS - 1)).toBe("active");
    expect(until(DAY_MS)).toBe("completed");
  });

  it("does not play events after until", () => {
    expect(simulate(aScript({}, { until: MONDAY_NOON, events: [order(1)] })).enrollments).toEqual([]);
  });

  it("decides by filter and eligibility, and says why", () => {
    const entry = { event: "order.created", filter: { $state: "/event/total", gte: 40 } };
    const script = aScript(
      { entry, steps: [REST] },
      { events: [order(0, { total: 9 }), order(1), order(2), order(48)] },
    );
    expect(simulate(script).decisions.map(({ outcome, reason, detail }) => [outcome, reason, detail])).toEqual([
      ["skipped", "filter_failed", { path: "/event/total", operator: "gte" }],
      ["enrolled", "enrolled", null],
      ["skipped", "already_active", null],
      ["skipped", "already_enrolled", null],
    ]);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["re-entry after a time", { reentry: { after: "PT2H" }, maxActive: 9 }, ["enrolled", "cooldown", "enrolled"]],
    ["a key", { key: "/event/id", maxActive: 1 }, ["enrolled", "already_active", "enrolled"]],
    [
      "a cap",
      { reentry: "always", maxActive: 9, cap: { enrollments: 1, per: "PT2H" } },
      ["enrolled", "capped", "enrolled"],
    ],
    [
      "an identity the person lacks",
      { requires: ["phone"] },
      ["identity_required", "identity_required", "identity_required"],
    ],
  ])("keeps to %s", (_what, eligibility, reasons) => {
    const events = [order(0, { id: 1 }), order(1, { id: 1 }), order(2, { id: 2 })];
    const script = aScript({ eligibility, steps: [{ ...REST, for: "P9D" }] }, { events });
    expect(simulate(script).decisions.map(({ reason }) => reason)).toEqual(reasons);
  });

  it("keeps to the journey's runaway limit, and lets nobody in after a stop", () => {
    const over = { eligibility: { reentry: "always", maxActive: 99 }, runaway: { enrollments: 2, per: "PT2H" } };
    const script = aScript(over, { events: [order(0), order(1), order(1), order(9)] });
    expect(simulate(script).decisions.map(({ reason }) => reason)).toEqual([
      "enrolled",
      "enrolled",
      "runaway_stopped",
      "runaway_stopped",
    ]);
  });

  it("lets a trigger start a journey that no event starts, past the entry filter", () => {
    const events = [{ at: MONDAY_NOON, event: TRIGGER_EVENT, data: { total: 1 } }];
    expect(simulate(aScript({ entry: { api: true } }, { events })).enrollments).toHaveLength(1);
    const filtered = { entry: { event: "order.created", filter: false } };
    expect(simulate(aScript(filtered, { events })).enrollments).toHaveLength(1);
    expect(simulate(aScript({ entry: { api: true } })).enrollments).toEqual([]);
  });

  it("shows later steps and later entries what a run changed of the person", () => {
    const steps = [
      { id: "set", type: "update_profile", set: { plan: "Pro" } },
      { id: "pick", type: "branch", if: { $state: "/profile/plan", eq: "Pro" }, then: "rest", else: "hello" },
      { ...REST, next: "end" },
      HELLO,
      { id: "end", type: "exit" },
    ];
    const entry = { event: "order.created", filter: { $state: "/profile/plan", exists: false } };
    const simulation = simulate(aScript({ entry, steps }, { events: [order(0), order(1)] }));
    expect(simulation.enrollments[0]?.stepId).toBe("end");
    expect(simulation.decisions[1]?.reason).toBe("filter_failed");
    expect(simulation.properties).toEqual({ plan: "Pro" });
  });

  it("takes an event to waiting runs before it starts new ones", () => {
    const wait = { id: "wait", type: "wait_for_event", event: "order.created", timeout: "P1D" };
    const document = { eligibility: { reentry: "always" }, steps: [wait] };
    const { enrollments } = simulate(aScript(document, { events: [order(0), order(1)], until: MONDAY_NOON + HOUR_MS }));
    expect(enrollments.map(({ status }) => status)).toEqual(["completed", "active"]);
  });

  it("lets timers pass at their own instants, whenever the next event comes", () => {
    const [enrollment] = simulate(aScript({ steps: [REST] }, { events: [order(0), order(99)] })).enrollments;
    expect(lines(enrollment!).at(-1)).toBe("24 ended rest");
  });

  it("lets timers pass before an event of the same instant", () => {
    const wait = { id: "wait", type: "wait_for_event", event: "paid", timeout: "PT1H", onTimeout: "late" };
    const steps = [wait, { id: "early", type: "exit" }, { id: "late", type: "exit" }];
    const paid = { at: MONDAY_NOON + HOUR_MS, event: "paid", data: {} };
    const document = { steps };
    expect(simulate(aScript(document, { events: [order(0), paid] })).enrollments[0]?.stepId).toBe("late");
  });

  it("plays events in the order of their instants, whatever order they stand in", () => {
    const paid = { at: MONDAY_NOON + HOUR_MS, event: "paid", data: {} };
    const document = { steps: [REST], exitOn: [{ event: "paid" }] };
    expect(simulate(aScript(document, { events: [paid, order(0)] })).enrollments[0]?.status).toBe("exited");
  });

  it("takes the ways of another seed at splits", () => {
    const split = {
      id: "split",
      type: "split",
      branches: [
        { weight: 1, next: "a" },
        { weight: 1, next: "b" },
      ],
    };
    const steps = [split, { id: "a", type: "exit" }, { id: "b", type: "exit" }];
    const way = (seed: string) => simulate(aScript({ steps }, { seed })).enrollments[0]?.stepId;
    const seeds = Array.from({ length: 20 }, (_, i) => `seed-${i}`);
    expect(new Set(seeds.map(way)).size).toBe(2);
    expect(way("seed-1")).toBe(way("seed-1"));
  });

  it("stops when it becomes too long, and says so", () => {
    const steps = [{ id: "loop", type: "delay", for: "PT1S", next: "loop" }];
    const document = { steps, exitOn: [{ event: "stop" }], eligibility: { reentry: "always", maxActive: 999 } };
    const events = Array.from({ length: 9 }, () => order(0));
    const simulation = simulate(aScript(document, { events }));
    expect(simulation.stoppedBy).toBe("step_limit");
    const entered = simulation.enrollments.flatMap(({ timeline }) => timeline.filter(({ kind }) => kind === "entered"));
    expect(entered).toHaveLength(MAX_SIMULATED_STEPS);
  });

  it("stops when what it would send is too much to show, and says so", () => {
    const hook = { id: "hook", type: "webhook", url: "https://crm.example.com", body: { $state: "/event" } };
    const loop = { id: "loop", type: "delay", for: "PT1S", next: "hook" };
    const script = aScript(
      { steps: [hook, loop], exitOn: [{ event: "stop" }] },
      { events: [order(0, { note: "n".repeat(100_000) })] },
    );
    const { deliveries, stoppedBy } = simulate(script);
    expect(stoppedBy).toBe("size_limit");
    expect(JSON.stringify(deliveries.map(({ request }) => request)).length).toBeLessThan(MAX_SIMULATED_MESSAGE_BYTES);
    expect(deliveries.length).toBe(Math.floor(MAX_SIMULATED_MESSAGE_BYTES / 100_200));
  });

  it("stops when there are too many runs, and says so", () => {
    const document = { eligibility: { reentry: "always", maxActive: 999 } };
    const events = Array.from({ length: MAX_SIMULATED_RUNS + 1 }, () => order(0));
    const simulation = simulate(aScript(document, { events }));
    expect(simulation.stoppedBy).toBe("run_limit");
    expect(simulation.enrollments).toHaveLength(MAX_SIMULATED_RUNS);
  });

  it.each<[string, Partial<Script>]>([
    ["too many events", { events: Array.from({ length: MAX_SIMULATED_EVENTS + 1 }, () => order(0)) }],
    ["an event before the start", { events: [order(-1)] }],
  ])("refuses %s", (_what, over) => {
    expect(() => simulate(aScript({}, over))).toThrow("simulat");
  });

  it("changes nothing it was given", () => {
    const script = aScript({ steps: [{ id: "set", type: "update_profile", set: { plan: "Pro" } }] });
    const before = JSON.stringify(script);
    simulate(script);
    expect(JSON.stringify(script)).toBe(before);
  });
});

describe("any simulation", () => {
  // No fc.double: half of all doubles below 1 are next to nothing.
  const permille = fc.integer({ min: 0, max: 999 });
  const script = fc.tuple(journeyDocuments, scripts).map(([document, { properties, ...random }]): Script => {
    const over = { ...random, profile: { id: "p", identities: { email: "ada@example.com" }, properties } };
    return aScript(document, { ...over, timezone: "Europe/Berlin", deliveries: "sent" });
  });

  it("is the same every time", () => {
    fc.assert(
      fc.property(script, (any) => {
        expect(simulate(any)).toEqual(simulate(any));
      }),
      { numRuns: 200 },
    );
  });

  it("decides each entry event once, and enrolled are as many as were let in", () => {
    fc.assert(
      fc.property(script, (any) => {
        const { decisions, enrollments } = simulate(any);
        const entries = any.events.filter(({ event, at }) => event === "order.created" && at <= (any.until ?? 0));
        expect(decisions).toHaveLength(entries.length);
        expect(enrollments.map(({ id }) => id)).toEqual(
          decisions.map(({ enrollmentId }) => enrollmentId).filter(Boolean),
        );
        expect(new Set(enrollments.map(({ id }) => id)).size).toBe(enrollments.length);
      }),
      { numRuns: 300 },
    );
  });

  it("shows nothing outside its time, and instants that never go back", () => {
    fc.assert(
      fc.property(script, (any) => {
        for (const { timeline } of simulate(any).enrollments) {
          const instants = timeline.map(({ at }) => Date.parse(at));
          expect(instants).toEqual(instants.toSorted((a, b) => a - b));
          expect(Math.min(...instants)).toBeGreaterThanOrEqual(any.start);
          expect(Math.max(...instants)).toBeLessThanOrEqual(any.until ?? 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("played further begins with what it was before", () => {
    fc.assert(
      fc.property(script, permille, (any, part) => {
        const until = any.start + Math.floor(((any.until ?? 0) - any.start) * (part / 1_000));
        const [short, long] = [simulate({ ...any, until }), simulate(any)];
        short.enrollments.forEach((enrollment, i) => {
          const whole = long.enrollments[i]?.timeline ?? [];
          expect(whole.slice(0, enrollment.timeline.length)).toEqual(enrollment.timeline);
          expect(whole.slice(enrollment.timeline.length).every(({ at }) => Date.parse(at) > until)).toBe(true);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("makes as many deliveries as its timelines say were sent", () => {
    fc.assert(
      fc.property(script, (any) => {
        const { enrollments, deliveries } = simulate(any);
        const sent = enrollments.flatMap(({ id, timeline }) =>
          timeline.filter(({ kind }) => kind === "sent").map(({ detail }) => `${id} ${detail?.deliveryKey}`),
        );
        expect(sent.toSorted()).toEqual(
          deliveries.map(({ enrollmentId, deliveryKey }) => `${enrollmentId} ${deliveryKey}`).toSorted(),
        );
      }),
      { numRuns: 300 },
    );
  });
});
