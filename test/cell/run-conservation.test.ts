// Nothing is lost and nothing is counted twice: over long random lives of a workspace, with merges and their undoing,
// erasures, triggers, pauses, cancels, migrations, archiving, evictions, kills in the middle of calls and time, which a
// clock may set back, every run is in exactly one state, and what is kept beside the runs is what the runs themselves say.
// `VITE_CONSERVATION_RUNS=200 VITE_CONSERVATION_SEED=7 npm test` lives more lives, or others.
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import type { MovedByMerge } from "../../src/cell/merge-log.ts";
import { accepted, claimsOf, OPERATOR } from "../support/commands.ts";
import { settleDelivery } from "../support/deliveries.ts";
import { erase } from "../support/erasures.ts";
import { anActiveJourney, changeJourney, editJourney } from "../support/journeys.ts";
import { checkLaws } from "../support/people-laws.ts";
import { checkRuns } from "../support/run-laws.ts";
import { deliveriesOf } from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { queryCell } from "../support/tables.ts";
import { trigger, triggerClaims } from "../support/triggers.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const LIVES = Number(process.env.VITE_CONSERVATION_RUNS ?? 6);
const SEED = Number(process.env.VITE_CONSERVATION_SEED ?? 20_260_604);
const MINUTE_MS = 60_000;
const EVENTS = ["ordered", "paid", "refunded", "seen"] as const;
const KEYS = ["calls", "waits", "keyed", "asked"] as const;

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
  asked: {
    entry: { api: true },
    steps: [{ id: "again", type: "wait_for_event", event: "$trigger", timeout: "PT20M" }, ...stepsOf(5).slice(1)],
    eligibility: { reentry: "always", maxActive: 2 },
  },
};

/** Sent under a key of its own, so that it can be sent again. */
type Keyed =
  | { do: "send"; event: (typeof EVENTS)[number]; identities: Record<string, string>; order: string }
  | { do: "trigger"; key: (typeof KEYS)[number]; identities: Record<string, string>; order: string };

type Act =
  | Keyed
  /** Where the minutes are fewer than none, the clock is set back. */
  | { do: "pass"; minutes: number }
  | { do: "change"; key: (typeof KEYS)[number]; change: "activate" | "pause" }
  | { do: "edit"; key: (typeof KEYS)[number]; minutes: number }
  | { do: "archive"; key: "keyed" }
  | { do: "cancel" | "settle" | "migrate"; which: number; version: number; stepId: string | null }
  | { do: "cancelMany"; key: (typeof KEYS)[number]; stepId: string }
  | { do: "unmerge"; which: number }
  | { do: "erase"; email: string }
  | { do: "evict" }
  /** Every object dies at once, between two calls or in the middle of one, which is then made again. */
  | { do: "kill"; during: Act | null; turns: number };

const email = fc.constantFrom(...Array.from({ length: 14 }, (_, i) => `p${i}@e`));
const identities = fc
  .record(
    {
      email,
      externalId: fc.constantFrom("x1", "x2", "x3", "x4", "x5"),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter((sent) => Object.keys(sent).length > 0);
const key = fc.constantFrom(...KEYS);
const stepId = fc.constantFrom("rest", "pay", "mail", "night");
const order = fc.constantFrom("1", "2");

const send: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("send" as const),
  event: fc.constantFrom(...EVENTS),
  identities,
  order,
});
const ask: fc.Arbitrary<Act> = fc.record({ do: fc.constant("trigger" as const), key, identities, order });
const pass: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("pass" as const),
  minutes: fc.constantFrom(1, 5, 10, 30, 600, -20),
});
const erasure: fc.Arbitrary<Act> = fc.record({ do: fc.constant("erase" as const), email });
const unmerge: fc.Arbitrary<Act> = fc.record({ do: fc.constant("unmerge" as const), which: fc.nat() });
const onRun: fc.Arbitrary<Act> = fc.record({
  do: fc.constantFrom("cancel" as const, "migrate" as const, ...Array.from({ length: 6 }, () => "settle" as const)),
  which: fc.nat(),
  version: fc.integer({ min: 1, max: 3 }),
  stepId: fc.option(stepId, { nil: null }),
});
const change: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("change" as const),
  key,
  change: fc.constantFrom("activate" as const, "pause" as const),
});
const edit: fc.Arbitrary<Act> = fc.record({ do: fc.constant("edit" as const), key, minutes: fc.constantFrom(1, 60) });
const cancelMany: fc.Arbitrary<Act> = fc.record({ do: fc.constant("cancelMany" as const), key, stepId });
const kill: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("kill" as const),
  during: fc.option(fc.oneof(send, ask, pass, unmerge, onRun), { nil: null }),
  turns: fc.nat(2),
});

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 24, arbitrary: send },
  { weight: 8, arbitrary: ask },
  { weight: 6, arbitrary: pass },
  { weight: 2, arbitrary: change },
  { weight: 1, arbitrary: edit },
  { weight: 14, arbitrary: onRun },
  { weight: 4, arbitrary: unmerge },
  { weight: 1, arbitrary: cancelMany },
  { weight: 1, arbitrary: erasure },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("evict" as const) }) },
  { weight: 2, arbitrary: kill },
);

/** What was seen over all lives: what never happened was not tried. */
const seen = { triggered: 0, notEligible: 0, erased: 0, unmerged: 0, revived: 0, killed: 0, cutOff: 0 };

interface Life {
  workspace: TestWorkspace;
  /** What was answered first to what was sent, by key. */
  answers: Map<string, { sent: Keyed; answer: string }>;
}

async function aLife(): Promise<Life> {
  const { id, apiKey } = await aWorkspace();
  const workspace = {
    id,
    apiKey,
    // A stub of an object that was killed stays broken.
    get cell() {
      return env.WORKSPACE_CELL.getByName(id);
    },
  };
  for (const [name, over] of Object.entries(JOURNEYS)) await anActiveJourney(workspace.cell, { key: name, ...over });
  return { workspace, answers: new Map() };
}

/** Sends something, perhaps again: what was answered once is the answer. */
async function sendOnce({ workspace, answers }: Life, sent: Keyed, idempotencyKey: string): Promise<void> {
  const answer = await answerTo(workspace, sent, idempotencyKey);
  if (answer === null) return;
  const first = answers.get(idempotencyKey) ?? { sent, answer };
  expect(answer).toBe(first.answer);
  answers.set(idempotencyKey, first);
}

/** @returns `null` when it is refused */
async function answerTo(workspace: TestWorkspace, sent: Keyed, idempotencyKey: string): Promise<string | null> {
  const command = { identities: sent.identities, dataJson: JSON.stringify({ order: sent.order }) };
  if (sent.do === "send") {
    const claims = claimsOf(workspace.id, idempotencyKey);
    const { eventId, matched, enrolled } = await accepted(workspace, { ...command, claims, event: sent.event });
    return `${eventId} ${matched} ${enrolled}`;
  }
  const claims = triggerClaims(workspace.id, idempotencyKey);
  const result = await trigger(workspace, { ...command, claims }, sent.key);
  if (result.ok && result.value.kind === "triggered") {
    seen.triggered += 1;
    return `${result.value.runId} ${result.value.status}`;
  }
  if (!result.ok && result.error.code === "not_eligible") seen.notEligible += 1;
  return null;
}

it(`every run is in one state, over ${LIVES} lives`, { timeout: 20_000 * LIVES }, async () => {
  const ends = new Map<string, number>();
  const lives = fc.tuple(
    fc.array(act, { minLength: 200, maxLength: 300, size: "max" }),
    fc.array(act, { minLength: 5, maxLength: 10, size: "max" }),
  );
  await fc.assert(
    fc.asyncProperty(lives, async ([acts, after]) => {
      const life = await aLife();
      const { workspace, answers } = life;
      for (const [i, one] of [...acts, { do: "archive", key: "keyed" } as const, ...after].entries()) {
        await perform(life, one, `k${i}`);
        if (i % 20 === 19) await checkRuns(workspace);
      }
      for (const [idempotencyKey, { sent }] of answers) await sendOnce(life, sent, idempotencyKey);
      await perform(life, { do: "pass", minutes: 1 }, "");
      await checkRuns(workspace);
      await checkLaws(workspace);
      expect(await runsOfArchived(workspace)).toEqual([]);
      for (const { status, reason } of await runsOf(workspace)) {
        ends.set(`${status} ${reason}`, (ends.get(`${status} ${reason}`) ?? 0) + 1);
      }
    }),
    { numRuns: LIVES, seed: SEED, interruptAfterTimeLimit: 15_000 * LIVES, markInterruptAsFailure: true },
  );
  console.log(`how runs ended: ${JSON.stringify(Object.fromEntries(ends))}; ${JSON.stringify(seen)}`);
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
  // Whether a kill meets its call on the way is the machine's affair.
  expect(Object.entries({ ...seen, cutOff: 1 }).filter(([, times]) => times === 0)).toEqual([]);
});

/** @param idempotencyKey  of what is sent, if something is */
async function perform(life: Life, one: Act, idempotencyKey: string): Promise<void> {
  const { workspace } = life;
  const { cell } = workspace;
  switch (one.do) {
    case "send":
    case "trigger":
      return await sendOnce(life, one, idempotencyKey);
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
    case "kill":
      return await killDuring(life, one, idempotencyKey);
    case "unmerge":
      return await undoMerge(workspace, one.which);
    case "erase":
      if (await erase(workspace, one.email)) seen.erased += 1;
      return;
    case "cancelMany":
      return void (await cell.cancelEnrollments(OPERATOR, one.key, { stepId: one.stepId }));
    case "settle": {
      const pending = (await deliveriesOf(workspace)).filter(({ status }) => status === "pending");
      const delivery = pending[one.which % pending.length];
      const outcome =
        one.version === 1 ? ({ status: "failed", code: "http_500" } as const) : ({ status: "sent" } as const);
      return void (delivery === undefined ? null : await settleDelivery(workspace, delivery.id, outcome));
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

async function killDuring(
  life: Life,
  { during, turns }: Extract<Act, { do: "kill" }>,
  idempotencyKey: string,
): Promise<void> {
  seen.killed += 1;
  const done =
    during === null
      ? Promise.resolve(true)
      : perform(life, during, idempotencyKey).then(
          () => true,
          () => false,
        );
  for (let turn = 0; turn < turns; turn++) await scheduler.wait(0);
  await abortAllDurableObjects();
  if (await done) return;
  seen.cutOff += 1;
  if (during !== null) await perform(life, during, idempotencyKey);
}

async function undoMerge(workspace: TestWorkspace, which: number): Promise<void> {
  const merges = await queryCell<{ survivor_id: string; merged_id: string; moved: string }>(
    workspace,
    `SELECT survivor_id, merged_id, moved FROM profile_merges WHERE undone_at IS NULL ORDER BY id`,
  );
  const merge = merges[which % merges.length];
  if (merge === undefined) return;
  const result = await workspace.cell.unmergeProfile(OPERATOR, merge.survivor_id, merge.merged_id);
  if (!result.ok) return;
  seen.unmerged += 1;
  seen.revived += (JSON.parse(merge.moved) as MovedByMerge).ended.length;
  await checkRuns(workspace);
}

async function runsOfArchived(workspace: TestWorkspace): Promise<unknown[]> {
  return await queryCell(
    workspace,
    `SELECT e.id, e.step_id, e.run FROM enrollments e JOIN journeys j ON j.id = e.journey_id
     WHERE j.status = 'archived' AND e.status = 'active'`,
  );
}
