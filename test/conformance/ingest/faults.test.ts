// The contract's client over a network that fails: a second attempt, of what is retryable only. One event, wherever
// an item carries a messageId.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { requirement } from "../requirement.ts";
import { anIdentify, aTrack, CONTRACT, OLDER, openDoor, type Door, type IngestAnswer } from "./door.ts";

/** As the contract's client has it. */
const ATTEMPTS = 2;

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

interface Faulty {
  door: Door;
  proxy: FaultyProxy;
}

/** Runs a test on a door behind a proxy that fails by plan; both are the test's own. */
async function through(plan: Fault[], run: (faulty: Faulty) => Promise<void>): Promise<void> {
  const proxy = await startFaultyProxy({ target: server.baseUrl, plan });
  try {
    await run({ door: await openDoor(server, proxy.baseUrl), proxy });
  } finally {
    await proxy.close();
  }
}

/** Sends as the contract's client does: again after a network error or a status that is not final. */
async function deliver(send: () => Promise<IngestAnswer>): Promise<IngestAnswer | null> {
  let last: IngestAnswer | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // A connection that was cut has no answer: an outcome like any other here.
    last = await send().catch(() => null);
    if (last !== null && [200, 400, 409].includes(last.status)) break;
  }
  return last;
}

const FAULTS: [string, Fault][] = [
  ["a 503", "503"],
  ["a 502", { status: 502 }],
  ["a connection cut after the request was taken", "cut-after-request"],
];

describe("Retries", () => {
  it.each(FAULTS)(requirement("a batch is stored once through %s", "D", CONTRACT), async (_, fault) => {
    await through([fault], async ({ door, proxy }) => {
      const batch = [anIdentify(), aTrack(), aTrack({ type: "page", name: "Cart" })];
      const answer = await deliver(async () => await door.batch(...batch));
      const taken = fault === "cut-after-request" ? "duplicate" : "accepted";
      expect(answer?.body.summary[taken]).toBe(3);
      expect(proxy.requests.length).toBe(2);
      const stored = await door.stored();
      expect(stored.map(({ event }) => event).toSorted()).toEqual(["$identify", "$page", "cart.updated"]);
      const told = answer?.body.results.map(({ eventId }: { eventId: string }) => eventId);
      expect(told.toSorted()).toEqual(stored.map(({ eventId }) => eventId).toSorted());
    });
  });

  it.each(FAULTS)(requirement("one item by itself is stored once through %s", "D", CONTRACT), async (_, fault) => {
    await through(["ok", fault], async ({ door }) => {
      await door.batch(anIdentify());
      const item = aTrack();
      const answer = await deliver(async () => await door.post("track", item));
      expect(answer?.body.status).toBe(fault === "cut-after-request" ? "duplicate" : "accepted");
      expect((await door.stored()).filter(({ event }) => event === "cart.updated").length).toBe(1);
    });
  });

  it(requirement("an item without a messageId is stored once per request that arrived", "S", OLDER), async () => {
    await through(["ok", "cut-after-request"], async ({ door }) => {
      await door.batch(anIdentify());
      await deliver(async () => await door.batch(aTrack({ messageId: undefined })));
      expect((await door.stored()).filter(({ event }) => event === "cart.updated").length).toBe(2);
    });
  });

  it(requirement("a batch that is wrong as a whole is not sent again", "D", CONTRACT), async () => {
    await through([], async ({ door, proxy }) => {
      expect((await deliver(async () => await door.post("batch", { batch: [] })))?.status).toBe(400);
      expect(proxy.requests.length).toBe(1);
    });
  });

  it(requirement("an identify in conflict is not sent again", "D", CONTRACT), async () => {
    await through([], async ({ door, proxy }) => {
      await door.batch(anIdentify({ userId: "wp_1" }), anIdentify({ email: "sam@example.com", userId: "wp_2" }));
      const answer = await deliver(async () => await door.post("identify", anIdentify({ userId: "wp_2" })));
      expect([answer?.status, answer?.body.retryable]).toEqual([409, false]);
      expect(proxy.requests.length).toBe(2);
    });
  });

  it(requirement("an item repeated after the server was killed is still a duplicate", "D", CONTRACT), async () => {
    const stateDir = newStateDir();
    const first = await startDevServer({ stateDir });
    onTestFinished(first.kill9);
    const door = await openDoor(first);
    const item = aTrack();
    const { body } = await door.batch(anIdentify(), item);
    await first.kill9();
    const second = await startDevServer({ stateDir });
    onTestFinished(second.kill9);
    const answer = await fetch(`${second.baseUrl}/api/v1/ingest/batch`, {
      method: "POST",
      body: JSON.stringify({ writeKey: door.writeKey, batch: [item] }),
    });
    expect((await answer.json<{ results: unknown[] }>()).results).toEqual([
      {
        index: 0,
        messageId: item.messageId,
        status: "duplicate",
        reason: "duplicate_occurrence",
        eventId: body.results[1].eventId,
        duplicate: true,
        retryable: false,
      },
    ]);
  });
});
