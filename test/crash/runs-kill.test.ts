// `kill -9` in the middle of 200 runs with delays of seconds, and of triggers that begin more, round after round on one
// state: no run is lost or begun twice, none goes past a step twice, each message is asked for once, and the counts add
// up. KILL_ROUNDS makes it longer; KILL_SEED repeats the instants.
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { TimelineEntry } from "../../src/domain/enrollment.ts";
import { activateJourney, call, eachOf, read, readAll, track, workspaceHealth } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { IN_THE_END_MS } from "../support/patience.ts";

const ROUNDS = Number(process.env["KILL_ROUNDS"] ?? 2);
const SEED = Number(process.env["KILL_SEED"] ?? randomInt(1, 2 ** 31));
const RUNS = 200;
/** Runs of a round besides, each begun by a trigger while the server is killed. */
const TRIGGERED = 40;
const ALL = RUNS + TRIGGERED;
const AT_A_TIME = 16;
/** The runs of a round take three seconds: a kill falls before, between and after their steps. */
const KILL_AFTER_MS = { least: 200, most: 3_200 };
/** A server that starts, and runs that go on. */
const ROUND_MS = 2 * IN_THE_END_MS;

const hook = (id: string, more: object = {}) => ({ id, type: "webhook", url: "http://127.0.0.1:9/", ...more });
const JOURNEY = {
  key: "kill-runs",
  name: "Runs that are killed",
  entry: { event: "kill.go" },
  eligibility: { reentry: "always" },
  steps: [
    hook("hello"),
    { id: "rest", type: "delay", for: "PT1S" },
    hook("call"),
    { id: "pay", type: "wait_for_event", event: "kill.paid", timeout: "PT2S", onTimeout: "late" },
    hook("thanks", { next: "bye" }),
    hook("late"),
    { id: "bye", type: "exit" },
  ],
};
const BEFORE = ["entered hello", "entered rest", "waiting rest", "resumed rest", "entered call", "entered pay"];
const WAYS = ["thanks", "late"].map((way) =>
  [...BEFORE, "waiting pay", "resumed pay", `entered ${way}`, "entered bye", "ended bye"].join(", "),
);

const stateDir = newStateDir();
let server: DevServer;

beforeAll(async () => {
  server = await startDevServer({ stateDir });
  await activateJourney(server, JOURNEY);
});
afterAll(async () => server.kill9());

/** What becomes of its messages stands in between, whenever it comes. */
const OF_MESSAGES = new Set(["sent", "skipped", "failed"]);

interface Run {
  id: string;
  status: string;
  timeline: TimelineEntry[];
}

async function runsOf(): Promise<Run[]> {
  const listed = await readAll<{ id: string }>(server, `/api/v1/journeys/${JOURNEY.key}/enrollments`);
  const runs: Run[] = [];
  await eachOf(
    listed,
    AT_A_TIME,
    async ({ id }) => void runs.push(await read<Run>(server, `/api/v1/enrollments/${id}`)),
  );
  return runs;
}

async function answered(status: number, answer: ReturnType<typeof call>): Promise<void> {
  expect((await answer).status).toBe(status);
}

/** Waits, for a bounded time, until no run of any round is active and the read model knows it. */
async function over(round: number): Promise<void> {
  const isOver = async () => {
    const { conservation, outboxChanges } = await workspaceHealth(server);
    expect([conservation, outboxChanges]).toMatchObject([{ active: 0, enrolled: ALL * round }, 0]);
  };
  await vi.waitFor(isOver, { timeout: IN_THE_END_MS, interval: 250 });
}

const rounds = Array.from({ length: ROUNDS }, (_, index) => ({ round: index + 1 }));

describe.each(rounds)(`round $round of seed ${SEED}`, ({ round }) => {
  const personOf = (i: number) => ({ email: `kill-${round}-${i}@example.com` });
  /** What was answered to each trigger first, and to which of them before the kill. */
  const answers = new Map<number, string>();
  let answeredBefore = 0;
  let killedAfterMs = 0;

  const ask = async (i: number) => {
    const { status, text } = await call(server, `/api/v1/journeys/${JOURNEY.key}/trigger`, {
      method: "POST",
      headers: { "idempotency-key": `kill-ask-${round}-${i}` },
      body: { profile: { userId: `kill-asked-${round}-${i}` }, variables: { i } },
    });
    expect([status, text]).toEqual([202, answers.get(i) ?? expect.stringContaining('"running"')]);
    answers.set(i, text);
  };

  beforeAll(async () => {
    const { least, most } = KILL_AFTER_MS;
    killedAfterMs = least + (((SEED % 9_973) * round * 7_919) % (most - least));
    const events = Array.from({ length: RUNS }, (_, i) => {
      return { idempotencyKey: `kill-go-${round}-${i}`, event: "kill.go", profile: personOf(i), data: { i } };
    });
    await answered(200, call(server, "/api/v1/events/batch", { method: "POST", body: { events } }));
    // Half of them pay, while the server is killed; whatever was not acknowledged is sent again.
    const payers = Array.from({ length: RUNS / 2 }, (_, i) => i * 2);
    const pay = async (i: number) => {
      await answered(202, track(server, `kill-paid-${round}-${i}`, { event: "kill.paid", profile: personOf(i) }));
    };
    const paying = eachOf(payers, 1, async (i) => {
      await setTimeout((KILL_AFTER_MS.most / payers.length) * 0.9);
      await pay(i);
    }).catch(() => undefined);
    const askers = Array.from({ length: TRIGGERED }, (_, i) => i);
    const asking = eachOf(askers, 1, async (i) => {
      await setTimeout((KILL_AFTER_MS.most / askers.length) * 0.9);
      await ask(i);
    }).catch(() => undefined);
    await setTimeout(killedAfterMs);
    await server.kill9();
    await Promise.all([paying, asking]);
    answeredBefore = answers.size;
    server = await startDevServer({ stateDir });
    await eachOf(payers, AT_A_TIME, pay);
    await eachOf(askers, AT_A_TIME, ask);
    await over(round);
  }, ROUND_MS);

  it("brings every run to its end, each step once", async () => {
    const ways = new Map<string, number>();
    const runs = await runsOf();
    for (const { timeline } of runs) {
      const lines = timeline.filter(({ kind }) => !OF_MESSAGES.has(kind));
      const way = lines.map(({ kind, stepId }) => `${kind} ${stepId}`).join(", ");
      ways.set(way, (ways.get(way) ?? 0) + 1);
    }
    const taken = WAYS.map((way) => ways.get(way) ?? 0);
    console.log(`killed after ${killedAfterMs} ms; ${runs.length} runs: ${taken[0]} paid in time, ${taken[1]} did not`);
    expect([...ways.keys()].filter((way) => !WAYS.includes(way))).toEqual([]);
    expect(runs.length).toBe(ALL * round);
    expect(runs.every(({ status }) => status === "completed")).toBe(true);
  });

  it("begins one run for each trigger, and answers it as before the kill", async () => {
    console.log(`${answeredBefore} of ${TRIGGERED} triggers were answered before the kill`);
    expect(new Set(answers.values()).size).toBe(TRIGGERED);
    await eachOf(answers.keys(), AT_A_TIME, ask);
  });

  it("counts them all, once: enrolled = active + completed + exited + failed + cancelled", async () => {
    const { conservation } = await workspaceHealth(server);
    console.log(`/healthz: ${JSON.stringify(conservation)}`);
    const ended = { completed: ALL * round, exited: 0, failed: 0, cancelled: 0 };
    expect(conservation).toEqual({ enrolled: ALL * round, active: 0, ...ended, holds: true });
    const journey = await read<{ counts: object }>(server, `/api/v1/journeys/${JOURNEY.key}`);
    expect(journey.counts).toMatchObject({ matched: ALL * round, enrolled: ALL * round, skipped: 0 });
  });
});

it("leaves one row for each message of each run", async () => {
  await server.stop();
  const asked = databasesIn(stateDir).flatMap(deliveriesIn);
  const keys = new Map<string, string[]>();
  for (const { run, key } of asked) keys.set(run, [...(keys.get(run) ?? []), key]);
  expect(keys.size).toBe(ALL * ROUNDS);
  expect(new Set([...keys.values()].map((of) => of.toSorted().join(" ")))).toEqual(
    new Set(["call:3 hello:1 thanks:5", "call:3 hello:1 late:5"]),
  );
});

function databasesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sqlite"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The messages that a cell's file holds; none in a file of anything else. */
function deliveriesIn(file: string): { run: string; key: string }[] {
  const database = new DatabaseSync(file);
  try {
    const tables = database.prepare(`SELECT name FROM sqlite_master WHERE name IN ('deliveries', 'run_timers')`).all();
    if (tables.length < 2) return [];
    return database.prepare(`SELECT enrollment_id AS run, delivery_key AS key FROM deliveries`).all() as {
      run: string;
      key: string;
    }[];
  } finally {
    database.close();
  }
}
