// What many due runs do to requests: thousands of runs come due at one instant, and events are accepted meanwhile. They
// are made due together by pausing their journey until all of them are overdue, and letting it go on.
import { setTimeout } from "node:timers/promises";
import { applyLoad, type LoadResult } from "./load.ts";

const RUNS = Number(process.env["DRAIN_RUNS"] ?? 10_000);
const BATCH_ITEMS = 500;
const CONNECTIONS = 16;
/** Before the runs are due, and again afterwards. */
const CALM_REQUESTS = 4_000;
const REST_SECONDS = 2;
const POLL_MS = 50;
const KEY = "drained";

/** Where events go, and what one is. */
export interface Target {
  origin: string;
  port: number;
  apiKey: string;
  request: () => Buffer;
  answer: RegExp;
  /** Waits until nothing is left to do for what was sent. */
  settled: () => Promise<void>;
}

export interface DrainResult {
  runs: number;
  /** From the moment the journey goes on until the last run has ended. */
  seconds: number;
  before: LoadResult;
  during: LoadResult;
  after: LoadResult;
}

/** Measures how events are accepted while the runs come due, and while none is. */
export async function measureDrain(target: Target): Promise<DrainResult> {
  await call(target, "POST", "/api/v1/journeys", journey);
  await call(target, "POST", `/api/v1/journeys/${KEY}/activate`, {});
  for (let first = 0; first < RUNS; first += BATCH_ITEMS) {
    const events = Array.from({ length: Math.min(BATCH_ITEMS, RUNS - first) }, (_, i) => ({
      idempotencyKey: `drain:${first + i}`,
      event: "drain.begun",
      profile: { email: `drain-${first + i}@example.com` },
      data: { orderId: `ord_${first + i}`, total: i % 100 },
    }));
    // Paused at once again, so that none of them is over before the last has begun.
    await call(target, "POST", `/api/v1/journeys/${KEY}/activate`, {});
    await call(target, "POST", "/api/v1/events/batch", { events });
    await call(target, "POST", `/api/v1/journeys/${KEY}/pause`, {});
  }
  await setTimeout(REST_SECONDS * 1_000);
  await target.settled();

  const load = (stop?: AbortSignal): Promise<LoadResult> => {
    const { port, request, answer } = target;
    const requests = stop === undefined ? CALM_REQUESTS : Number.POSITIVE_INFINITY;
    return applyLoad({
      port,
      connections: CONNECTIONS,
      requests,
      request,
      answer,
      ...(stop === undefined ? {} : { stop }),
    });
  };
  const before = await load();
  await target.settled();
  const drained = new AbortController();
  const loading = load(drained.signal);
  const began = performance.now();
  await call(target, "POST", `/api/v1/journeys/${KEY}/activate`, {});
  while ((await completed(target)) < RUNS) await setTimeout(POLL_MS);
  const seconds = (performance.now() - began) / 1_000;
  drained.abort();
  const during = await loading;
  await target.settled();
  return { runs: RUNS, seconds, before, during, after: await load() };
}

const journey = {
  key: KEY,
  name: "Drained",
  entry: { event: "drain.begun" },
  steps: [
    { id: "rest", type: "delay", for: `PT${REST_SECONDS}S` },
    { id: "call", type: "webhook", url: "http://127.0.0.1:9/", body: { order: { $state: "/event/orderId" } } },
    { id: "done", type: "exit" },
  ],
};

async function completed(target: Target): Promise<number> {
  const { counts } = (await call(target, "GET", `/api/v1/journeys/${KEY}`)) as { counts: { completed: number } };
  return counts.completed;
}

async function call({ origin, apiKey }: Target, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: { "content-type": "application/json", "x-api-key": apiKey },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}
