// `kill -9` in the middle of 200 webhooks on their way to a real receiver, round after round on one state: each is
// settled once, as sent, and the receiver has seen every one, some of them twice and then under the same id. KILL_ROUNDS
// makes it longer; KILL_SEED repeats after how many of them.
import { randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { TimelineEntry } from "../../src/domain/enrollment.ts";
import { activateJourney, call, eachOf, read, readAll, workspaceHealth } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { IN_THE_END_MS } from "../support/patience.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

const ROUNDS = Number(process.env["KILL_ROUNDS"] ?? 2);
const SEED = Number(process.env["KILL_SEED"] ?? randomInt(1, 2 ** 31));
const DELIVERIES = 200;
const AT_A_TIME = 16;
/** A receiver that takes its time: several webhooks are with it at any moment. */
const ANSWER_MS = 120;
/** By what the receiver has seen, not by the clock: with some to come still, however fast the machine is. */
const KILL_AFTER = { least: 1, most: 140 };
/** A server that starts, and messages of the killed one, which come back when their lease of 30 s is over. */
const ROUND_MS = 2 * IN_THE_END_MS;

const stateDir = newStateDir();
/** How many the receiver had seen at each kill, and how many it has seen twice by the end of the round. */
const figures: { round: number; before: number; twice: number }[] = [];
let receiver: WebhookReceiver;
/** Webhooks that the receiver has and has not answered. */
let unanswered = 0;
let server: DevServer;

const journeyTo = (url: string) => ({
  key: "kill-deliveries",
  name: "Deliveries that are killed",
  entry: { event: "kill.go" },
  eligibility: { reentry: "always" },
  steps: [{ id: "hook", type: "webhook", url }],
});

interface Delivery {
  id: string;
  status: string;
  enrollmentId: string;
  attempts: number;
}

beforeAll(async () => {
  receiver = await startWebhookReceiver(async (response) => {
    unanswered += 1;
    await setTimeout(ANSWER_MS);
    unanswered -= 1;
    response.writeHead(204).end();
  });
  server = await startDevServer({ stateDir });
  await activateJourney(server, journeyTo(receiver.url));
});
afterAll(async () => {
  await server.kill9();
  await receiver.close();
  console.log(
    [
      `seed ${SEED}: ${figures.length} rounds of ${DELIVERIES} webhooks`,
      ...figures.map(
        ({ round, before, twice }) =>
          `  round ${round}: killed with ${before} received; ${twice} received twice in the end`,
      ),
    ].join("\n"),
  );
});

async function askForDeliveries(round: number): Promise<void> {
  const events = Array.from({ length: DELIVERIES }, (_, i) => ({
    idempotencyKey: `kill-go-${round}-${i}`,
    event: "kill.go",
    profile: { email: `kill-${round}-${i}@example.com` },
    data: { i },
  }));
  const answer = await call(server, "/api/v1/events/batch", { method: "POST", body: { events } });
  expect(answer.status).toBe(200);
}

/** Waits until the receiver has seen so many, and has some that it has not answered. */
async function underWay(received: number): Promise<void> {
  const isUnderWay = () => {
    expect(receiver.times().size).toBeGreaterThanOrEqual(received);
    expect(unanswered).toBeGreaterThan(0);
  };
  await vi.waitFor(isUnderWay, { timeout: IN_THE_END_MS, interval: 1 });
}

/** Waits, for a bounded time, until no delivery of any round is pending and the read model knows it. */
async function over(round: number): Promise<void> {
  const isOver = async () => {
    const { deliveries, outboxChanges } = await workspaceHealth(server);
    expect([deliveries, outboxChanges]).toMatchObject([{ pending: 0, made: DELIVERIES * round }, 0]);
  };
  await vi.waitFor(isOver, { timeout: IN_THE_END_MS, interval: 250 });
}

const rounds = Array.from({ length: ROUNDS }, (_, index) => ({ round: index + 1 }));

describe.each(rounds)(`round $round of seed ${SEED}`, ({ round }) => {
  beforeAll(async () => {
    const { least, most } = KILL_AFTER;
    const killedAfter = least + (((SEED % 9_973) * round * 7_919) % (most - least));
    const already = receiver.times().size;
    await askForDeliveries(round);
    await underWay(already + killedAfter);
    await server.kill9();
    const before = receiver.times().size - already;
    server = await startDevServer({ stateDir });
    await over(round);
    const again = [...receiver.times().values()].filter((times) => times > 1).length;
    const twice = again - figures.reduce((sum, figure) => sum + figure.twice, 0);
    figures.push({ round, before, twice });
  }, ROUND_MS);

  it("settles each delivery as sent, and the equation holds", async () => {
    const { deliveries } = await workspaceHealth(server);
    const made = DELIVERIES * round;
    expect(deliveries).toEqual({ made, sent: made, skipped: 0, failed: 0, pending: 0, holds: true });
    const listed = await readAll<Delivery>(server, "/api/v1/deliveries");
    expect(new Set(listed.map(({ id }) => id)).size).toBe(made);
    expect(listed.filter(({ status }) => status !== "sent")).toEqual([]);
  });

  it("tells each run once", async () => {
    // The newest page is this round's.
    const { items: runs } = await read<{ items: { id: string }[] }>(
      server,
      `/api/v1/journeys/kill-deliveries/enrollments?limit=${DELIVERIES}`,
    );
    const told: string[] = [];
    await eachOf(runs, AT_A_TIME, async ({ id }) => {
      const { timeline } = await read<{ timeline: TimelineEntry[] }>(server, `/api/v1/enrollments/${id}`);
      told.push(
        timeline
          .filter(({ kind }) => ["sent", "skipped", "failed"].includes(kind))
          .map(({ kind }) => kind)
          .join(" "),
      );
    });
    expect(told).toEqual(Array.from({ length: DELIVERIES }, () => "sent"));
  });

  it("has brought every one to the receiver, and nothing else", async () => {
    const listed = await readAll<Delivery>(server, "/api/v1/deliveries");
    expect([...receiver.times().keys()].toSorted()).toEqual(listed.map(({ id }) => id).toSorted());
  });

  it("has an attempt in the log for each time that the receiver has seen one", async () => {
    const listed = await readAll<Delivery>(server, "/api/v1/deliveries");
    const counted = new Map(listed.map(({ id, attempts }) => [id, attempts]));
    const repeated = [...receiver.times()].filter(([, times]) => times > 1);
    await eachOf(repeated, AT_A_TIME, async ([id, times]) => {
      const { attemptLog } = await read<{ attemptLog: { outcome: string }[] }>(server, `/api/v1/deliveries/${id}`);
      expect(attemptLog.at(-1)?.outcome).toBe("sent");
      expect(attemptLog.length).toBeGreaterThanOrEqual(times);
      expect(counted.get(id)).toBe(attemptLog.length);
    });
  });
});

it("was killed in the middle of sending, with some at the receiver", () => {
  expect(figures.some(({ before, twice }) => before > 0 && before < DELIVERIES && twice > 0)).toBe(true);
});
