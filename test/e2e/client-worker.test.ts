// The published client inside a Worker, in a runtime of its own, against the real server: keys from the Worker's
// bindings, and a buffer that outlives the answer through `waitUntil`.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtClient } from "../support/built-client.ts";
import { caughtUp, readAll } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";
import { SOON_MS } from "../support/patience.ts";

/** Made once for all requests, before any binding is known to it. */
const WORKER = `
import Waypost, { WaypostError } from "./client.js";
const client = new Waypost();
const routes = {
  track: (event, options) => client.v1.events.track(event, options).withResponse(),
  batch: (event, { idempotencyKey }) => client.v1.events.batch({ events: [{ ...event, idempotencyKey }] }),
  retrieve: async (event) => client.v1.events.retrieve((await client.v1.events.track(event)).eventId),
  buffer: (event, options, ctx) => {
    const buffer = client.buffer({ maxDelayMs: 60_000 });
    for (let i = 0; i < 3; i += 1) ctx.waitUntil(buffer.track(event));
    ctx.waitUntil(buffer.flush());
    return { taken: buffer.pending };
  },
};
export default {
  async fetch(request, env, ctx) {
    const { route, event, options } = await request.json();
    try {
      return Response.json(await routes[route](event, options, ctx));
    } catch (error) {
      if (!(error instanceof WaypostError)) throw error;
      return Response.json({ name: error.name, code: error.code });
    }
  },
};`;

let server: DevServer;
let proxy: FaultyProxy;
let runtime: Miniflare;

/** What was started, to be ended also when a later start fails. */
const started: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of started.toReversed()) await end();
});

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
  started.push(server.kill9);
  proxy = await startFaultyProxy({ target: server.baseUrl });
  started.push(proxy.close);
  const client = readFileSync(join(await builtClient(), "client.js"), "utf8");
  runtime = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      telemetry: { enabled: false },
      workers: [
        {
          name: "shop",
          compatibilityDate: "2026-11-01",
          compatibilityFlags: ["nodejs_compat"],
          bindings: { WAYPOST_API_KEY: server.dev.apiKey, WAYPOST_BASE_URL: proxy.baseUrl },
          modulesRoot: "/",
          modules: [
            { type: "ESModule", path: "/worker.js", contents: WORKER },
            { type: "ESModule", path: "/client.js", contents: client },
          ],
        },
      ],
    }),
  );
  started.push(async () => await runtime.dispose());
  await runtime.ready;
});

async function ask<T>(route: string, event: object, options: object = {}): Promise<T> {
  const response = await runtime.dispatchFetch("http://shop.example.com/", {
    method: "POST",
    body: JSON.stringify({
      route,
      event: { event: "worker.ran", profile: { externalId: "cus_worker" }, ...event },
      options,
    }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

async function storedCount(referenceId: string): Promise<number> {
  await caughtUp(server);
  const events = await readAll<{ referenceId: string }>(server, "/api/v1/events");
  return events.filter((event) => event.referenceId === referenceId).length;
}

describe("in a Worker", () => {
  it("an event is stored once over a 503 and a cut connection", async () => {
    const referenceId = randomUUID();
    proxy.plan.push("503", "cut-after-request");
    const answer = await ask("track", { referenceId });
    expect(answer).toMatchObject({ status: 202, attempts: 3, idempotentReplayed: true });
    expect(await storedCount(referenceId)).toBe(1);
  });

  it("an event is read back", async () => {
    const referenceId = randomUUID();
    expect(await ask("retrieve", { referenceId })).toMatchObject({ referenceId, event: "worker.ran" });
  });

  it("an error has its class and code", async () => {
    expect(await ask("track", { profile: {} })).toEqual({ name: "BadRequestError", code: "invalid_request" });
  });

  it("a key beyond ASCII arrives as it is", async () => {
    const options = { idempotencyKey: `größe:日:${randomUUID()}` };
    await ask("track", {}, options);
    expect(await ask("batch", {}, options)).toMatchObject({ results: [{ status: "replayed" }] });
  });

  it("a buffer is flushed after the answer", async () => {
    const referenceId = randomUUID();
    expect(await ask("buffer", { referenceId })).toEqual({ taken: 3 });
    await expect.poll(async () => await storedCount(referenceId), { timeout: SOON_MS }).toBe(3);
  });
});
