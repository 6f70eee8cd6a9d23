// `kill -9` in the middle of 200 webhooks on their way to a real receiver, round after round on one state: each is
// settled once, as sent, and the receiver has seen every one, some of them twice and then under the same id. KILL_ROUNDS
// makes it longer; KILL_SEED repeats the instants.
import { randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { TimelineEntry } from "../../src/domain/enrollment.ts";
import { activateJourney, call, eachOf, read, readAll, workspaceHealth } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

const ROUNDS = Number(process.env["KILL_ROUNDS"] ?? 2);
const SEED = Number(process.env["KILL_SEED"] ?? randomInt(1, 2 ** 31));
const DELIVERIES = 200;
const AT_A_TIME = 16;
/** Four at a time: a round's webhooks take six seconds and more to send. */
const ANSWER_MS = 120;
const KILL_AFTER_MS = { least: 300, most: 5_000 };
/** What was with the killed server comes back when its lease of 30 s is over. */
const DONE_MS = 90_000;

const stateDir = newStateDir();
/** How many the receiver had seen at each kill, and how many it has seen twice by the end of the round. */
const figures: { round: number; killedAfterMs: number; before: number; twice: number }[] = [];
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
        ({ round, killedAfterMs, before, twice }) =>
          `  round ${round}: killed after ${killedAfterMs} ms with ${before} received; ${twice} received twice in the end`,
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

/** Waits until the receiver has some that it has not answered. */
async function someUnanswered(): Promise<void> {
  await vi.waitFor(() => expect(unanswered).toBeGreaterThan(0), { timeout: DONE_MS, interval: 1 });
}

/** Waits, for a bounded time, until no delivery of any round is pending and the read model knows it. */
async function over(round: number): Promise<void> {
  const isOver = async () => {
    const { deliveries, outboxChanges } = await workspaceHealth(server);
    expect([deliveries, outboxChanges]).toMatchObject([{ pending: 0, made: DELIVERIES * round }, 0]);
  };
  await vi.waitFor(isOver, { timeout: DONE_MS, interval: 250 });
}

const rounds = Array.from({ length: ROUNDS }, (_, index) => ({ round: index + 1 }));

describe.each(rounds)(`round $round of seed ${SEED}`, ({ round }) => {
  beforeAll(async () => {
    const { least, most } = KILL_AFTER_MS;
    const killedAfterMs = least + (((SEED % 9_973) * round * 7_919) % (most - least));
    const already = receiver.times().size;
    await askForDeliveries(round);
    await setTimeout(killedAfterMs);
    await someUnanswered();
    await server.kill9();
    const before = receiver.times().size - already;
    server = await startDevServer({ stateDir });
    await over(round);
    const again = [...receiver.times().values()].filter((times) => times > 1).length;
    const twice = again - figures.reduce((sum, figure) => sum + figure.twice, 0);
    figures.push({ round, killedAfterMs, before, twice });
  });

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
