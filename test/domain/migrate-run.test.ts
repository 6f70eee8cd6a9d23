import { describe, expect, it } from "vitest";
import { migrateRun } from "../../src/domain/migrate-run.ts";
import type { RunSituation } from "../../src/domain/run.ts";
import { aPlan, aSituation, DAY_MS, HOUR_MS, MONDAY_NOON, Stage } from "./run-builders.ts";

const REST = { id: "rest", type: "delay", for: "P1D" };
const MAIL = { id: "mail", type: "email", template: "hello" };
const PAID = { id: "paid", type: "wait_for_event", event: "payment.succeeded", timeout: "P1D" };

const NOW = MONDAY_NOON + HOUR_MS;

/** Moves a run that was started at noon on the first steps, an hour later. */
function moved(
  before: unknown[],
  after: unknown[],
  {
    stepId = null,
    over = {},
    ...situation
  }: { stepId?: string | null; over?: Record<string, unknown> } & Partial<RunSituation> = {},
) {
  const from = aPlan(before, {}, 1);
  const to = aPlan(after, over, 2);
  const { run } = new Stage(from).start();
  const result = migrateRun({ from, to, stepId }, run, aSituation({ now: NOW, ...situation }));
  if (!result.ok) throw new Error(`expected the run to be moved: ${result.error.reason}`);
  return { ...result.value, run: result.value.advanced.run, before: run };
}

describe("migrateRun", () => {
  it("lets a run stay at its step and wait on when that is as it was", () => {
    const { run, before, advanced, ...migration } = moved([REST, MAIL], [REST, MAIL, { ...MAIL, id: "more" }]);
    expect(run).toEqual({ ...before, at: NOW });
    expect(migration).toMatchObject({ from: { version: 1, stepId: "rest" }, to: { version: 2, stepId: "rest" } });
    expect(migration.changes).toEqual([
      "The run moves from version 1 to 2.",
      'It stays at the step "rest".',
      'Steps added: "more".',
      'Steps changed: "mail".',
    ]);
    expect(advanced.timeline).toEqual([
      {
        at: "2026-03-02T13:00:00.000Z",
        stepId: "rest",
        kind: "migrated",
        detail: { fromVersion: 1, toVersion: 2, toStepId: "rest" },
      },
    ]);
    expect(advanced.effects).toEqual([]);
  });

  it.each([
    ["longer", "P3D", MONDAY_NOON + 3 * DAY_MS],
    ["shorter, over already", "PT30M", MONDAY_NOON + HOUR_MS / 2],
  ])("counts a %s delay from when the wait began", (_what, duration, at) => {
    const { advanced, run, changes } = moved([REST, MAIL], [{ ...REST, for: duration }, MAIL]);
    expect(advanced.effects).toEqual([{ kind: "timer", timer: { at, generation: 2 } }]);
    expect(run.stepId).toBe("rest");
    expect(changes).toContain(
      `It is due at ${new Date(at).toISOString()}. Before: ${new Date(MONDAY_NOON + DAY_MS).toISOString()}.`,
    );
  });

  it("counts a time of day from now", () => {
    const nine = { id: "nine", type: "wait_until", at: "09:00" };
    const { run } = moved([nine], [{ ...nine, at: "12:30" }]);
    expect(run.wait).toMatchObject({ until: MONDAY_NOON + DAY_MS + HOUR_MS / 2 });
  });

  it("makes the run hear what the new version's step waits for", () => {
    const { advanced } = moved([PAID], [{ ...PAID, event: "invoice.paid" }], { over: { exitOn: [{ event: "stop" }] } });
    expect(advanced.effects).toEqual([{ kind: "listen", events: ["stop", "invoice.paid"] }]);
  });

  it("begins anew a step that is named, with its own deliveries", () => {
    const { run, advanced, changes } = moved([MAIL, REST], [MAIL, REST], { stepId: "mail" });
    expect(advanced.effects.map((effect) => (effect.kind === "deliver" ? effect.deliveryKey : effect.kind))).toEqual([
      "mail:3",
      "timer",
    ]);
    expect(run.wait).toMatchObject({ until: NOW + DAY_MS });
    expect(changes).toContain('It leaves the step "rest" and begins the step "mail".');
  });

  it("begins anew a step that has become another type", () => {
    const { advanced } = moved([REST, MAIL], [{ ...PAID, id: "rest" }, MAIL]);
    expect(advanced.timeline.map(({ kind }) => kind)).toEqual(["migrated", "entered", "waiting"]);
    expect(advanced.effects.at(-1)).toEqual({ kind: "listen", events: ["payment.succeeded"] });
  });

  it("says when the run would end at once", () => {
    const { run, changes } = moved([REST], [REST, MAIL], { stepId: "mail" });
    expect(run.status).toBe("completed");
    expect(changes).toContain("It ends at once: completed.");
  });

  it("names other goals and other events that end the run", () => {
    const over = { exitOn: [{ event: "stop" }], goal: { event: "won" } };
    expect(moved([REST], [REST], { over }).changes).toEqual([
      "The run moves from version 1 to 2.",
      'It stays at the step "rest".',
      "Other events end it (exitOn).",
      "Its goal is another.",
    ]);
  });

  it("does nothing to a paused journey's run before it goes on", () => {
    const { run, advanced } = moved([REST], [REST, MAIL], { stepId: "mail", held: true });
    expect(run).toMatchObject({ status: "active", stepId: "mail", wait: { kind: "ready" } });
    expect(advanced.effects.map(({ kind }) => kind)).toEqual(["timer"]);
  });

  it("to the same version and step changes nothing", () => {
    const plan = aPlan([REST]);
    const { run } = new Stage(plan).start();
    expect(migrateRun({ from: plan, to: plan, stepId: null }, run, aSituation())).toEqual({
      ok: true,
      value: {
        from: { version: 1, stepId: "rest" },
        to: { version: 1, stepId: "rest" },
        changes: [],
        advanced: { run, timeline: [], effects: [] },
      },
    });
  });

  it.each<[string, unknown[], string | null, string]>([
    ["a step that the new version lacks", [{ ...REST, id: "pause" }], null, "no_such_step"],
    ["a named step that the new version lacks", [REST], "nowhere", "no_such_step"],
  ])("refuses %s", (_what, after, stepId, reason) => {
    const from = aPlan([REST]);
    const { run } = new Stage(from).start();
    expect(migrateRun({ from, to: aPlan(after, {}, 2), stepId }, run, aSituation())).toEqual({
      ok: false,
      error: { code: "not_eligible", reason },
    });
  });

  it("refuses a run that has ended", () => {
    const from = aPlan([MAIL]);
    const { run } = new Stage(from).start();
    expect(migrateRun({ from, to: from, stepId: "mail" }, run, aSituation())).toMatchObject({
      ok: false,
      error: { reason: "not_active" },
    });
  });
});
