// Nothing is lost and nothing is counted twice: over long random lives of a workspace, with merges, pauses, cancels,
// migrations, archiving, evictions and time, every run is in exactly one state, and what is kept beside the runs
// (timers, waits, counts, entry events) is what the runs themselves say.
// `VITE_CONSERVATION_RUNS=200 VITE_CONSERVATION_SEED=7 npm test` lives more lives, or others.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { EnrollmentStore, type Enrollment } from "../../src/cell/enrollment-store.ts";
import { JourneyCounts } from "../../src/cell/journey-counts.ts";
import { JourneyStore } from "../../src/cell/journey-store.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { RunPlans } from "../../src/cell/run-plans.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import { listensTo } from "../../src/domain/run-plan.ts";
import { timerOf } from "../../src/domain/run.ts";
import { stopClock } from "../support/clock.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney, changeJourney, editJourney } from "../support/journeys.ts";
import { deliveriesOf } from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const LIVES = Number(process.env.VITE_CONSERVATION_RUNS ?? 6);
const SEED = Number(process.env.VITE_CONSERVATION_SEED ?? 20_260_601);
const MINUTE_MS = 60_000;

stopClock();

const EVENTS = ["ordered", "paid", "refunded", "seen"] as const;
const KEYS = ["calls", "waits", "keyed"] as const;

function stepsOf(minutes: number): unknown[] {
  return [
    { id: "hook", type: "webhook", url: "https://example.com/h", onFailure: "mail" },
    { id: "rest", type: "delay", for: `PT${minutes}M` },
    { id: "pay", type: "wait_for_event", event: "paid", timeout: "PT30M", onTimeout: "mail" },
    { id: "set", type: "update_profile", set: { paid: true } },
    { id: "mail", type: "email", template: "hello" },
    { id: "night", type: "wait_until", at: "02:00" },
    { id: "bye", type: "exit" },
  ];
}

const JOURNEYS: Record<(typeof KEYS)[number], Record<string, unknown>> = {
  calls: { entry: { event: "ordered" }, steps: stepsOf(10), eligibility: { reentry: "always", maxActive: 3 } },
  waits: {
    entry: { event: "ordered" },
    steps: stepsOf(20).slice(1),
    eligibility: { reentry: "always" },
    exitOn: [{ event: "refunded" }],
    goal: { event: "seen", exit: false },
  },
  keyed: {
    entry: { event: "seen" },
    steps: stepsOf(5).slice(2),
    eligibility: { reentry: "always", key: "/event/order" },
  },
};

type Act =
  | { do: "send"; event: (typeof EVENTS)[number]; identities: Record<string, string>; order: string }
  | { do: "pass"; minutes: number }
  | { do: "change"; key: (typeof KEYS)[number]; change: "activate" | "pause" }
  | { do: "edit"; key: (typeof KEYS)[number]; minutes: number }
  | { do: "archive"; key: "keyed" }
  | { do: "cancel" | "settle" | "migrate"; which: number; version: number; stepId: string | null }
  | { do: "cancelMany"; key: (typeof KEYS)[number]; stepId: string }
  | { do: "evict" };

const person = fc
  .record(
    {
      email: fc.constantFrom(...Array.from({ length: 14 }, (_, i) => `p${i}@e`)),
      externalId: fc.constantFrom("x1", "x2", "x3", "x4", "x5"),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter((sent) => Object.keys(sent).length > 0);
const key = fc.constantFrom(...KEYS);
const stepId = fc.constantFrom("rest", "pay", "mail", "night");

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      event: fc.constantFrom(...EVENTS),
      identities: person,
      order: fc.constantFrom("1", "2"),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("pass" as const), minutes: fc.constantFrom(1, 5, 10, 30, 600) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      key,
      change: fc.constantFrom("activate" as const, "pause" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("edit" as const), key, minutes: fc.constantFrom(1, 60) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("cancel" as const, "settle" as const, "settle" as const, "migrate" as const),
      which: fc.nat(),
      version: fc.integer({ min: 1, max: 3 }),
      stepId: fc.option(stepId),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancelMany" as const), key, stepId }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("evict" as const) }) },
);

it(`every run is in one state, over ${LIVES} lives`, { timeout: 20_000 * LIVES }, async () => {
  const ends = new Map<string, number>();
  const lives = fc.tuple(
    fc.array(act, { minLength: 150, maxLength: 250, size: "max" }),
    fc.array(act, { minLength: 5, maxLength: 10, size: "max" }),
  );
  await fc.assert(
    fc.asyncProperty(lives, async ([acts, after]) => {
      const workspace = await aWorkspace();
      for (const [name, over] of Object.entries(JOURNEYS))
        await anActiveJourney(workspace.cell, { key: name, ...over });
      for (const [i, one] of [...acts, { do: "archive", key: "keyed" } as const, ...after].entries()) {
        await perform(workspace, one);
        if (i % 20 === 19) await expectSound(workspace);
      }
      await expectSound(workspace);
      for (const { status, reason } of await runsOf(workspace)) {
        ends.set(`${status} ${reason}`, (ends.get(`${status} ${reason}`) ?? 0) + 1);
      }
    }),
    { numRuns: LIVES, seed: SEED },
  );
  console.log(`how runs ended: ${JSON.stringify(Object.fromEntries(ends))}`);
  expect([...ends.keys()].filter((end) => end.startsWith("failed"))).toEqual([]);
  for (const end of [
    "completed null",
    "exited exit_on",
    "exited archived",
    "exited merged_duplicate",
    "cancelled cancelled",
  ]) {
    expect([end, ends.get(end) ?? 0]).not.toEqual([end, 0]);
  }
});

async function perform(workspace: TestWorkspace, one: Act): Promise<void> {
  const { cell } = workspace;
  switch (one.do) {
    case "send":
      return void (await accepted(workspace, {
        event: one.event,
        identities: one.identities,
        dataJson: JSON.stringify({ order: one.order }),
      }));
    case "pass":
      vi.setSystemTime(Date.now() + one.minutes * MINUTE_MS);
      return void (await runDurableObjectAlarm(cell));
    case "change":
    case "archive":
      // One that is archived stays so.
      return void (await changeJourney(cell, one.key, one.do === "archive" ? "archive" : one.change).catch(() => null));
    case "edit":
      return void (await editJourney(cell, one.key, {
        ...JOURNEYS[one.key],
        steps: stepsOf(one.minutes).slice(1),
      }).catch(() => null));
    case "evict":
      await cell.health();
      return await evictDurableObject(cell);
    case "cancelMany":
      return void (await cell.cancelEnrollments(OPERATOR, one.key, { stepId: one.stepId }));
    case "settle": {
      const pending = (await deliveriesOf(workspace)).filter(({ status }) => status === "pending");
      const delivery = pending[one.which % pending.length];
      const outcome =
        one.version === 1 ? ({ status: "failed", code: "http_500" } as const) : ({ status: "sent" } as const);
      return void (delivery === undefined ? null : await cell.settleDelivery(delivery.id, outcome));
    }
    case "cancel":
    case "migrate": {
      const runs = (await runsOf(workspace)).filter(({ status }) => status === "active");
      const id = runs[one.which % runs.length]?.id ?? "";
      if (one.do === "cancel") return void (await cell.cancelEnrollment(OPERATOR, id));
      return void (await cell.migrateEnrollment(OPERATOR, id, {
        version: one.version,
        stepId: one.stepId,
        dryRun: false,
      }));
    }
  }
}

/** Holds what is kept beside the runs against the runs. */
async function expectSound(workspace: TestWorkspace): Promise<void> {
  const { conservation } = await workspace.cell.health();
  const { active, completed, exited, failed, cancelled } = conservation;
  expect(conservation).toMatchObject({ holds: true, enrolled: active + completed + exited + failed + cancelled });
  await runInDurableObject(workspace.cell, (_, { storage: { sql } }) => {
    const parts = new TextParts(sql);
    const outbox = new Outbox(sql, parts);
    const enrollments = new EnrollmentStore(sql, outbox, parts);
    const plans = new RunPlans(new JourneyStore(sql, new JourneyCounts(sql, outbox)));
    const rows = <T extends Record<string, SqlStorageValue>>(query: string): T[] => [...sql.exec<T>(query)];
    const all = rows<{ id: string }>(`SELECT id FROM enrollments`).map(({ id }) => enrollments.find(id) as Enrollment);
    const running = all.filter(({ status }) => status === "active");

    const timers = rows<{ id: string; at: number }>(
      `SELECT enrollment_id AS id, due_at AS at FROM run_timers UNION ALL SELECT enrollment_id, due_at FROM held_timers`,
    );
    const needed = running.flatMap(({ id, run }) => (timerOf(run) === null ? [] : [{ id, at: timerOf(run)?.at }]));
    expect(timers.toSorted(byId)).toEqual(needed.toSorted(byId));

    const waits = rows<{ id: string; text: string }>(
      `SELECT enrollment_id AS id, profile_id || ' ' || event AS text FROM run_waits
         WHERE enrollment_id NOT IN (SELECT id FROM enrollments WHERE reason = 'merged_duplicate')`,
    );
    const listening = running.flatMap((one) => {
      const plan = plans.of(one);
      return plan === null
        ? []
        : listensTo(plan, one.run).map((event) => ({ id: one.id, text: `${one.profileId} ${event}` }));
    });
    expect(textsOf(waits)).toEqual(textsOf(listening));

    const holders = new Map<string, number>();
    for (const one of all) {
      // One that ended beside the survivor's own is kept for the day on which the merge is undone.
      const holds =
        one.status === "active" || one.reason === "merged_duplicate" || enrollments.deliveries.hasPending(one.id);
      if (!holds) continue;
      holders.set(one.eventId, (holders.get(one.eventId) ?? 0) + 1);
    }
    const kept = rows<{ id: string; runs: number }>(`SELECT event_id AS id, runs FROM entry_events`);
    expect(new Map(kept.map(({ id, runs }) => [id, runs]))).toEqual(holders);

    for (const { timeline } of all) {
      const instants = timeline.map(({ at }) => at);
      expect(instants).toEqual(instants.toSorted());
      expect(timeline.filter(({ kind }) => kind === "ended").length).toBeLessThanOrEqual(1);
    }
  });
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function textsOf(rows: { id: string; text: string }[]): string[] {
  return rows.map(({ id, text }) => `${id} ${text}`).toSorted();
}
