// Whatever the queue, the senders and the machine do, a message is settled once: messages of the queue are dropped,
// repeated and reordered, senders vanish, reports come late, twice or never, the object crashes at any moment.
// `VITE_DELIVERY_LIVES=100 VITE_DELIVERY_SEED=7 npm test` lives more lives, or others.
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import type { DeliveryMessage, SendReport } from "../../src/domain/delivery.ts";
import { OPERATOR } from "../support/commands.ts";
import { claim, messagesOf, report } from "../support/deliveries.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { anEntry, pass } from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { countInCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const LIVES = Number(process.env.VITE_DELIVERY_LIVES ?? 6);
const SEED = Number(process.env.VITE_DELIVERY_SEED ?? 20_260_602);
const DAY_MS = 24 * 3_600_000;
const AT_ONCE = 4;
const HOSTS = ["https://one.example.com/h", "https://two.example.com/h"] as const;
const STEPS = [
  { id: "first", type: "webhook", url: HOSTS[0], onFailure: "second" },
  { id: "second", type: "webhook", url: HOSTS[1] },
  ...["third", "fourth", "fifth", "sixth"].map((id) => ({ id, type: "webhook", url: HOSTS[0] })),
];

type Outcome = SendReport["outcome"];
type Act =
  | { do: "enter" | "alarm" | "evict" }
  /** The object goes down, while it is asked for a message or told of one, or in peace. */
  | { do: "crash"; which: number; during: "arrive" | "report" | null }
  /** A message of the queue arrives; `again`: it stays in the queue as well. */
  | { do: "arrive"; which: number; again: boolean }
  | { do: "drop"; which: number }
  /** A sender reports; `again`: and will do so once more. */
  | { do: "report"; which: number; outcome: Outcome; again: boolean }
  | { do: "vanish"; which: number }
  | { do: "redeliver"; which: number }
  | { do: "pass"; ms: number };

const which = fc.nat();
const again = fc.boolean();
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Act>({ do: "enter" }) },
  { weight: 4, arbitrary: fc.constantFrom<Act>({ do: "alarm" }) },
  { weight: 1, arbitrary: fc.constantFrom<Act>({ do: "evict" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      which,
      during: fc.constantFrom("arrive" as const, "report" as const, null),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("arrive" as const), which, again }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), which }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant("report" as const),
      which,
      outcome: fc.constantFrom<Outcome>("sent", "sent", "retry", "failed"),
      again,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("vanish" as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("redeliver" as const), which }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1_000, 6_000, 31_000, 330_000) }),
  },
);

/** What is outside of the cell: the queue and those who send. */
class Outside {
  workspace: TestWorkspace;
  queue: DeliveryMessage[] = [];
  sending: { deliveryId: string; attempt: number }[] = [];
  readonly granted = new Set<string>();
  readonly redelivered = new Map<string, number>();

  constructor(workspace: TestWorkspace) {
    this.workspace = workspace;
    vi.spyOn(env.DELIVERIES, "sendBatch").mockImplementation(async (messages) => {
      for (const { body } of messages) this.queue.push(body as DeliveryMessage);
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
    });
  }

  async arrive({ deliveryId, attempt }: DeliveryMessage): Promise<void> {
    const { kind } = await claim(this.workspace, deliveryId, attempt);
    if (kind !== "granted") return;
    const key = `${deliveryId} ${attempt}`;
    if (this.granted.has(key)) throw new Error("an attempt was handed out twice");
    this.granted.add(key);
    this.sending.push({ deliveryId, attempt });
  }
}

async function perform(outside: Outside, one: Act): Promise<void> {
  const { workspace, queue, sending } = outside;
  const { cell } = workspace;
  switch (one.do) {
    case "enter":
      return void (await anEntry(workspace));
    case "alarm":
      return void (await runDurableObjectAlarm(cell));
    case "evict":
      await cell.health();
      return await evictDurableObject(cell);
    case "crash": {
      const doing =
        one.during === null
          ? null
          : perform(outside, { do: one.during, which: one.which, again: true, outcome: "sent" }).catch(() => null);
      await abortAllDurableObjects();
      await doing;
      outside.workspace = { ...workspace, cell: env.WORKSPACE_CELL.getByName(workspace.id) };
      return;
    }
    case "pass":
      return await pass(workspace, one.ms);
    case "drop":
      return void queue.splice(one.which % Math.max(1, queue.length), 1);
    case "vanish":
      return void sending.splice(one.which % Math.max(1, sending.length), 1);
    case "arrive": {
      const at = one.which % Math.max(1, queue.length);
      const message = one.again ? queue[at] : queue.splice(at, 1)[0];
      return message === undefined ? undefined : await outside.arrive(message);
    }
    case "report": {
      const at = one.which % Math.max(1, sending.length);
      const sender = one.again ? sending[at] : sending.splice(at, 1)[0];
      if (sender === undefined) return;
      const reason = one.outcome === "failed" ? ("rejected" as const) : null;
      return await report(workspace, sender.deliveryId, sender.attempt, { outcome: one.outcome, reason });
    }
    case "redeliver": {
      const failed = (await messagesOf(workspace)).filter(({ status }) => status === "failed");
      const id = failed[one.which % Math.max(1, failed.length)]?.id;
      if (id === undefined) return;
      expect(await cell.redeliver(OPERATOR, id)).toMatchObject({ ok: true });
      outside.redelivered.set(id, (outside.redelivered.get(id) ?? 0) + 1);
    }
  }
}

/** Everything that has to be true at any time. */
async function expectSound({ workspace, redelivered }: Outside): Promise<void> {
  const messages = await messagesOf(workspace);
  const health = await workspace.cell.health();
  expect(health.deliveries).toMatchObject({ made: messages.length, holds: true });
  expect(health.conservation.holds).toBe(true);
  // What is left to do is there exactly for what is pending.
  for (const { status, state } of messages) expect(state !== null).toBe(status === "pending");
  const claimed = await queryCell<{ claimed: number }>(
    workspace,
    `SELECT count(*) AS claimed FROM delivery_work WHERE state = 'claimed' GROUP BY host`,
  );
  for (const host of claimed) expect(host.claimed).toBeLessThanOrEqual(AT_ONCE);
  // A run hears of each message once, and once more each time that somebody has it sent again.
  const heard = new Map<string, number>();
  for (const { id, timeline } of await runsOf(workspace)) {
    for (const { kind, detail } of JSON.parse(timeline) as {
      kind: string;
      detail: { deliveryKey?: string } | null;
    }[]) {
      const key = `${id} ${detail?.deliveryKey}`;
      if (kind === "sent" || kind === "failed") heard.set(key, (heard.get(key) ?? 0) + 1);
    }
  }
  const rows = await queryCell<{ id: string; place: string; status: string }>(
    workspace,
    `SELECT id, enrollment_id || ' ' || delivery_key AS place, status FROM deliveries`,
  );
  for (const { id, place, status } of rows) {
    const settled = (redelivered.get(id) ?? 0) + (status === "pending" ? 0 : 1);
    expect(heard.get(place) ?? 0, `${place} was settled ${settled} times`).toBe(settled);
  }
}

/** From now on nothing goes wrong, and all senders are heard of. @returns how many messages waited for room at a host */
async function comeToRest(outside: Outside): Promise<number> {
  const { workspace } = outside;
  let parked = 0;
  // Together they have more messages for one host than it has room for, whatever the life has left.
  for (let run = 0; run < 2; run++) await anEntry(workspace);
  for (let round = 0; round < 400; round++) {
    await pass(workspace, round % 10 === 9 ? DAY_MS : 1_000);
    for (const message of outside.queue.splice(0)) await outside.arrive(message);
    parked += (await messagesOf(workspace)).filter(({ state }) => state === "parked").length;
    for (const { deliveryId, attempt } of outside.sending.splice(0)) await report(workspace, deliveryId, attempt);
    if ((await countInCell(workspace, "delivery_work")) === 0) return parked;
  }
  throw new Error("messages are left over");
}

it(`a message is settled once, over ${LIVES} lives`, { timeout: 60_000 * LIVES }, async () => {
  const seen = { made: 0, lost: 0, parked: 0, redelivered: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 80, maxLength: 140, size: "max" }), async (life) => {
      const outside = new Outside(await aWorkspace());
      await anActiveJourney(outside.workspace.cell, {
        steps: STEPS,
        eligibility: { reentry: "always", maxActive: 1_000 },
      });
      for (const one of life) {
        await perform(outside, one);
        await expectSound(outside);
      }
      seen.parked += await comeToRest(outside);
      await expectSound(outside);
      const { workspace } = outside;
      expect(await countInCell(workspace, "entry_events")).toBe(0);
      seen.made += await countInCell(workspace, "deliveries");
      seen.lost += (await queryCell(workspace, `SELECT 1 FROM delivery_attempts WHERE outcome = 'expired'`)).length;
      seen.redelivered += outside.redelivered.size;
    }),
    { numRuns: LIVES, seed: SEED },
  );
  console.log(`over ${LIVES} lives: ${JSON.stringify(seen)}`);
  for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0);
});
