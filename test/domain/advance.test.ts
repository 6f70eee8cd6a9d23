import { describe, expect, it } from "vitest";
import { advance, endRun } from "../../src/domain/advance.ts";
import { MAX_RUN_STEPS, MAX_STEPS_AT_ONCE, newRun, runReadyAt, type RunInput } from "../../src/domain/run.ts";
import { aPlan, aSituation, DAY_MS, HOUR_MS, MONDAY_NOON, Stage, started } from "./run-builders.ts";

const DAY_LONG = { id: "rest", type: "delay", for: "P1D" };
const PAID = { id: "paid", type: "wait_for_event", event: "payment.succeeded", timeout: "PT2H", onTimeout: "nudge" };
const NUDGE = { id: "nudge", type: "email", template: "nudge" };
const REFUND = { event: "order.refunded", filter: { $state: "/event/orderId", eq: { $entry: "/event/orderId" } } };
const ORDER = { entryData: () => ({ orderId: "o1" }) };

describe("starting a run", () => {
  it("does its first steps at once, until it waits", () => {
    const stage = started([{ id: "hello", type: "email", template: "hello" }, DAY_LONG]);
    expect(stage.lines).toEqual(["entered hello", "entered rest", "waiting rest"]);
    expect(stage.effects.map(({ kind }) => kind)).toEqual(["deliver", "timer"]);
    expect(stage.run).toMatchObject({ status: "active", stepId: "rest", steps: 2, generation: 1 });
  });

  it("twice is once", () => {
    const stage = started([DAY_LONG]);
    const { run } = stage;
    expect(stage.feed({ kind: "start" })).toEqual({ run, timeline: [], effects: [] });
  });

  it("leaves the run that was given as it was", () => {
    const run = Object.freeze(newRun(MONDAY_NOON));
    advance(aPlan([DAY_LONG]), run, { kind: "start" }, aSituation());
    expect(run).toEqual(newRun(MONDAY_NOON));
  });

  it("asks to listen for what may end it later, each name once", () => {
    const over = { exitOn: [REFUND, { event: "payment.succeeded" }], goal: { event: "order.paid", exit: true } };
    const stage = started([PAID, NUDGE], ORDER, over);
    expect(stage.asked("listen")).toEqual([
      { kind: "listen", events: ["order.refunded", "payment.succeeded", "order.paid"] },
    ]);
  });

  it("lets a run that came to a step before runs moved do it when its timer fires", () => {
    const stage = new Stage(aPlan([NUDGE, DAY_LONG]));
    stage.run = runReadyAt("nudge", MONDAY_NOON);
    stage.fire();
    expect(stage.lines).toEqual(["resumed nudge", "entered rest", "waiting rest"]);
    expect(stage.asked("deliver").map(({ deliveryKey }) => deliveryKey)).toEqual(["nudge:1"]);
  });
});

describe("a timer", () => {
  it("of an earlier wait does nothing", () => {
    const stage = started([DAY_LONG, { ...DAY_LONG, id: "again" }]).fire();
    const { run } = stage;
    expect(stage.feed({ kind: "timer", generation: 1 }, MONDAY_NOON + 9 * DAY_MS)).toEqual({
      run,
      timeline: [],
      effects: [],
    });
  });

  it("that fires twice moves the run once", () => {
    const stage = started([DAY_LONG, { ...DAY_LONG, id: "again" }]).fire();
    stage.feed({ kind: "timer", generation: 1 });
    expect(stage.lines.filter((line) => line === "entered again")).toHaveLength(1);
  });

  it("that fires early is asked for again", () => {
    const stage = started([DAY_LONG]);
    const { run } = stage;
    const timer = { at: MONDAY_NOON + DAY_MS, generation: 1 };
    expect(stage.feed({ kind: "timer", generation: 1 }, MONDAY_NOON + DAY_MS - 1)).toEqual({
      run,
      timeline: [],
      effects: [{ kind: "timer", timer }],
    });
  });

  it("that fires late lets the next wait begin when it fired", () => {
    const stage = started([DAY_LONG, { ...DAY_LONG, id: "again" }]);
    stage.feed({ kind: "timer", generation: 1 }, MONDAY_NOON + 3 * DAY_MS);
    expect(stage.run.wait).toMatchObject({ until: MONDAY_NOON + 4 * DAY_MS });
  });

  it("on a clock that went back leaves the timeline in order", () => {
    const stage = started([PAID, NUDGE]).event("payment.succeeded", {}, MONDAY_NOON - HOUR_MS);
    expect(new Set(stage.timeline.map(({ at }) => at))).toEqual(new Set(["2026-03-02T12:00:00.000Z"]));
  });
});

describe("the awaited event and the timeout", () => {
  const DUE = MONDAY_NOON + 2 * HOUR_MS;

  it("a millisecond before the end of the wait: the event", () => {
    const stage = started([PAID, NUDGE, { id: "end", type: "exit" }]).event("payment.succeeded", {}, DUE - 1);
    expect(stage.details("resumed")).toEqual([{ by: "event" }]);
  });

  it.each([
    ["the event is handled first", ["event", "timer"]],
    ["the timer is handled first", ["timer", "event"]],
  ])("at the same instant: the timeout, also when %s", (_what, order) => {
    const stage = started([PAID, NUDGE, { id: "end", type: "exit" }]);
    for (const what of order) {
      if (what === "timer") stage.feed({ kind: "timer", generation: 1 }, DUE);
      else stage.event("payment.succeeded", {}, DUE);
    }
    expect(stage.details("resumed")).toEqual([{ by: "timeout" }]);
    expect(stage.lines).toEqual([
      "entered paid",
      "waiting paid",
      "resumed paid",
      "entered nudge",
      "entered end",
      "ended end",
    ]);
  });

  it("an event long after the end of a wait whose timer is late is offered to the step after it", () => {
    const again = { ...PAID, id: "again", onTimeout: "end" };
    const stage = started([{ ...PAID, onTimeout: "again" }, again, { id: "end", type: "exit" }]);
    stage.event("payment.succeeded", {}, DUE + HOUR_MS);
    expect(stage.details("resumed")).toEqual([{ by: "timeout" }, { by: "event" }]);
    expect(stage.run).toMatchObject({ status: "completed", stepId: "end" });
  });

  it("an event that no filter lets through still lets a late timer fire", () => {
    const stage = started([DAY_LONG, PAID, NUDGE]).event("whatever", {}, MONDAY_NOON + 2 * DAY_MS);
    expect(stage.lines).toEqual(["entered rest", "waiting rest", "resumed rest", "entered paid", "waiting paid"]);
  });
});

describe("exitOn", () => {
  it.each([
    ["o1", "exited"],
    ["o2", "active"],
  ])("compares with the event that started the run: %s", (orderId, status) => {
    const stage = started([DAY_LONG], ORDER, { exitOn: [REFUND] }).event("order.refunded", { orderId });
    expect(stage.run.status).toBe(status);
  });

  it("says by which event the run ended, and leaves nothing behind", () => {
    const stage = started([DAY_LONG], ORDER, { exitOn: [REFUND] }).event("order.refunded", { orderId: "o1" });
    expect(stage.timeline.at(-1)).toMatchObject({
      kind: "ended",
      stepId: "rest",
      detail: { status: "exited", reason: "exit_on", event: "order.refunded" },
    });
    expect(stage.effects.slice(-3)).toEqual([
      { kind: "timer", timer: null },
      { kind: "listen", events: [] },
      { kind: "ended", status: "exited", reason: "exit_on" },
    ]);
  });

  it("comes before the wait for the same event", () => {
    const stage = started([PAID, NUDGE], {}, { exitOn: [{ event: "payment.succeeded" }] }).event("payment.succeeded");
    expect(stage.run.reason).toBe("exit_on");
    expect(stage.details("resumed")).toEqual([]);
  });

  it("reads what was sent before redaction, and keeps nothing of it", () => {
    const rule = { event: "card.lost", filter: { $state: "/event/card", eq: "4111" } };
    const stage = started([DAY_LONG], {}, { exitOn: [rule] }).event("card.lost", { card: "4111" });
    expect(stage.run.status).toBe("exited");
    expect(JSON.stringify([stage.run, stage.timeline, stage.effects])).not.toContain("4111");
  });
});

describe("a goal", () => {
  const GOAL = { event: "order.paid", filter: { $state: "/event/total", gte: 10 } };

  it.each([undefined, true])("ends the run with exit %s", (exit) => {
    const goal = exit === undefined ? GOAL : { ...GOAL, exit };
    const stage = started([DAY_LONG], {}, { goal }).event("order.paid", { total: 10 }, MONDAY_NOON + 5);
    expect(stage.run).toMatchObject({ status: "exited", reason: "goal", convertedAt: MONDAY_NOON + 5 });
    expect(stage.lines.slice(-2)).toEqual(["converted rest", "ended rest"]);
    expect(stage.asked("converted")).toEqual([{ kind: "converted", at: MONDAY_NOON + 5 }]);
  });

  it("without exit counts once, and is not listened for again", () => {
    const stage = started([DAY_LONG], {}, { goal: { ...GOAL, exit: false } });
    stage.event("order.paid", { total: 10 }, MONDAY_NOON + 5).event("order.paid", { total: 10 }, MONDAY_NOON + 6);
    expect(stage.run).toMatchObject({ status: "active", convertedAt: MONDAY_NOON + 5 });
    expect(stage.asked("converted")).toHaveLength(1);
    expect(stage.asked("listen").at(-1)).toEqual({ kind: "listen", events: [] });
  });

  it("is not reached by an event that its filter refuses", () => {
    const stage = started([DAY_LONG], {}, { goal: GOAL }).event("order.paid", { total: 9 });
    expect(stage.run).toMatchObject({ status: "active", convertedAt: null });
  });

  it("comes before exitOn and the wait for the same event, which then have their say", () => {
    const goal = { event: "payment.succeeded", exit: false };
    const waiting = started([PAID, NUDGE], {}, { goal }).event("payment.succeeded");
    expect(waiting.lines.slice(-5)).toEqual([
      "waiting paid",
      "converted paid",
      "resumed paid",
      "entered nudge",
      "ended nudge",
    ]);
    const exiting = started([PAID, NUDGE], {}, { goal, exitOn: [{ event: "payment.succeeded" }] });
    expect(exiting.event("payment.succeeded").run).toMatchObject({ reason: "exit_on", convertedAt: MONDAY_NOON });
  });
});

describe("a journey that is paused", () => {
  it("lets a timer wait", () => {
    const stage = started([DAY_LONG, NUDGE]).set({ held: true });
    const { run } = stage;
    expect(stage.fire().run).toEqual(run);
    expect(stage.asked("timer").at(-1)?.timer).toEqual({ at: MONDAY_NOON + DAY_MS, generation: 1 });
    stage.set({ held: false }).fire();
    expect(stage.run.status).toBe("completed");
  });

  it("takes the awaited event, and does what follows when it goes on", () => {
    const stage = started([PAID, NUDGE])
      .set({ held: true })
      .event("payment.succeeded", {}, MONDAY_NOON + HOUR_MS);
    expect(stage.lines).toEqual(["entered paid", "waiting paid", "resumed paid", "entered nudge"]);
    expect(stage.asked("deliver")).toEqual([]);
    stage.set({ held: false }).fire();
    expect(stage.lines.slice(-2)).toEqual(["resumed nudge", "ended nudge"]);
    expect(stage.asked("deliver").map(({ deliveryKey }) => deliveryKey)).toEqual(["nudge:2"]);
  });

  it("takes an event after the end of its wait as too late", () => {
    const stage = started([PAID, NUDGE])
      .set({ held: true })
      .event("payment.succeeded", {}, MONDAY_NOON + DAY_MS);
    stage.set({ held: false });
    stage.feed({ kind: "timer", generation: 1 });
    expect(stage.details("resumed")).toEqual([{ by: "timeout" }]);
  });

  it("lets what ends a run end it", () => {
    const stage = started([DAY_LONG], ORDER, { exitOn: [REFUND] }).set({ held: true });
    expect(stage.event("order.refunded", { orderId: "o1" }, MONDAY_NOON + 9 * DAY_MS).run.status).toBe("exited");
  });
});

describe("a settled delivery", () => {
  const HOOK = { id: "hook", type: "webhook", url: "https://crm.example.com", onFailure: "fail" };

  it.each([
    [{ status: "sent" }, { deliveryKey: "nudge:1" }],
    [
      { status: "skipped", reason: "suppressed" },
      { deliveryKey: "nudge:1", reason: "suppressed" },
    ],
    [
      { status: "failed", code: "exhausted" },
      { deliveryKey: "nudge:1", code: "exhausted" },
    ],
  ] as const)("is a line of the timeline and moves no run that went on: %j", (outcome, detail) => {
    const stage = started([NUDGE, DAY_LONG]).settled("nudge:1", outcome, MONDAY_NOON + 5);
    expect(stage.timeline.at(-1)).toEqual({
      at: "2026-03-02T12:00:00.005Z",
      stepId: "nudge",
      kind: outcome.status,
      detail,
    });
    expect(stage.run).toMatchObject({ status: "active", stepId: "rest", generation: 1 });
    expect(stage.effects.map(({ kind }) => kind)).toEqual(["deliver", "timer"]);
  });

  it("that is another's leaves a run that waits for its own", () => {
    const stage = started([HOOK, DAY_LONG]).settled("hook:9", { status: "failed", code: "exhausted" });
    expect(stage.run).toMatchObject({ status: "active", stepId: "hook" });
  });

  it("settled again, after somebody sent it once more, moves nothing again", () => {
    const stage = started([HOOK, DAY_LONG]).settled("hook:1", { status: "sent" }).settled("hook:1", { status: "sent" });
    expect(stage.lines.filter((line) => line === "entered rest")).toHaveLength(1);
  });

  it("a run that waits for one has no timer, and hears what ends it", () => {
    const stage = started([HOOK, DAY_LONG], ORDER, { exitOn: [REFUND] });
    expect(stage.asked("timer")).toEqual([]);
    expect(stage.event("order.refunded", { orderId: "o1" }).run.status).toBe("exited");
    stage.settled("hook:1", { status: "sent" });
    expect(stage.run.status).toBe("exited");
    expect(stage.lines.at(-1)).toBe("sent hook");
  });
});

describe("ending a run from outside", () => {
  it.each([
    ["exited", "archived", ["ended rest"]],
    ["cancelled", "profile_erased", ["ended rest"]],
    ["failed", "definition_unreadable", ["failed rest", "ended rest"]],
  ] as const)("makes it %s", (status, reason, lines) => {
    const stage = started([DAY_LONG]);
    stage.feed({ kind: "end", status, reason }, MONDAY_NOON + 5);
    expect(stage.run).toMatchObject({ status, reason, wait: null, endedAt: MONDAY_NOON + 5, stepId: "rest" });
    expect(stage.lines.slice(2)).toEqual(lines);
    expect(stage.details("ended")).toEqual([{ status, reason }]);
    expect(stage.effects.slice(1)).toEqual([
      { kind: "timer", timer: null },
      { kind: "listen", events: [] },
      { kind: "ended", status, reason },
    ]);
  });

  const LATE: RunInput[] = [
    { kind: "start" },
    { kind: "timer", generation: 1 },
    { kind: "event", name: "payment.succeeded", data: () => ({}) },
    { kind: "caught_up", status: "sent" },
    { kind: "end", status: "cancelled", reason: "cancelled" },
  ];
  it.each(LATE)("is final: $kind changes nothing", (input) => {
    const stage = started([PAID, NUDGE], {}, { exitOn: [{ event: "payment.succeeded" }] });
    stage.feed({ kind: "end", status: "exited", reason: "archived" });
    const { run } = stage;
    expect(stage.feed(input, MONDAY_NOON + 9 * DAY_MS)).toEqual({ run, timeline: [], effects: [] });
  });

  it("needs no plan", () => {
    const { run } = started([DAY_LONG]);
    expect(endRun(run, { status: "failed", reason: "definition_unreadable" }, 0).run).toMatchObject({
      status: "failed",
      endedAt: MONDAY_NOON,
    });
  });
});

describe("a run that cannot go on", () => {
  it("fails when its step is not there", () => {
    const stage = started([DAY_LONG]);
    stage.run = { ...stage.run, stepId: "gone" };
    stage.fire();
    expect(stage.run).toMatchObject({ status: "failed", reason: "step_missing" });
    expect(stage.lines.slice(-2)).toEqual(["failed gone", "ended gone"]);
  });

  it("fails rather than go round without a wait", () => {
    const plan = aPlan([NUDGE, DAY_LONG]);
    const steps = new Map(plan.steps);
    steps.set("nudge", { ...steps.get("nudge")!, next: "nudge" });
    const stage = new Stage({ ...plan, steps }).start();
    expect(stage.run).toMatchObject({ status: "failed", reason: "step_limit", steps: MAX_STEPS_AT_ONCE });
  });

  it("fails after as many steps as its timeline has room for", () => {
    const stage = started([{ ...DAY_LONG, next: "rest" }], {}, { exitOn: [{ event: "stop" }] });
    for (let i = 1; i < MAX_RUN_STEPS; i++) stage.fire();
    expect(stage.run).toMatchObject({ status: "active", steps: MAX_RUN_STEPS });
    stage.fire();
    expect(stage.run).toMatchObject({ status: "failed", reason: "step_limit", steps: MAX_RUN_STEPS });
  });

  it("has a timeline that fits into one row, however long its ids are", () => {
    const id = "i".repeat(64);
    const pick = "p".repeat(64);
    const state = `/event/${"x".repeat(300)}`;
    const stage = started(
      [
        { id, type: "wait_for_event", event: "e".repeat(255), timeout: "PT1H" },
        { id: pick, type: "branch", if: { $state: state, exists: true }, then: "never", else: id },
        { id: "never", type: "exit" },
      ],
      {},
      { exitOn: [{ event: "stop" }] },
    );
    while (stage.run.status === "active") stage.fire();
    expect(stage.run.steps).toBe(MAX_RUN_STEPS);
    expect(JSON.stringify(stage.timeline).length).toBeLessThan(1_500_000);
  });

  it("has a timeline that fits into one row, whatever characters stand in its paths", () => {
    const ids = Array.from({ length: 199 }, (_, i) => String(i).padStart(64, "i"));
    // Each character is six bytes of JSON text.
    const condition = { $state: `/event/${"\u0001".repeat(300)}`, startsWith: "a" };
    const picks = ids.slice(1).map((id, i) => {
      const to = ids[(i + 2) % ids.length];
      return { id, type: "branch", if: condition, then: to, else: to };
    });
    const wait = { id: ids[0], type: "wait_for_event", event: "e", timeout: "PT1H" };
    const stage = started([wait, ...picks], {}, { exitOn: [{ event: "stop" }] });
    while (stage.run.status === "active") stage.fire();
    expect(stage.run.steps).toBe(MAX_RUN_STEPS);
    expect(new TextEncoder().encode(JSON.stringify(stage.timeline)).byteLength).toBeLessThan(1_900_000);
  });
});
