// The published client in Chromium. A page never holds a secret key: it talks to a backend of its own that adds the key
// and allows the page's origin, here a proxy before the real server.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type * as published from "../../src/client/index.ts";
import { startBrowser } from "../support/browser.ts";
import { builtClient } from "../support/built-client.ts";
import { caughtUp, readAll } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";
import { SOON_MS } from "../support/patience.ts";

declare global {
  /** What the page has imported, and how it reaches its backend. */
  var waypost: typeof published;
  var backend: string;
}

let server: DevServer;
let backend: FaultyProxy;
let site: Server;
let siteUrl: string;
let browser: Browser;
let page: Page;

/** What was started, to be ended also when a later start fails. */
const started: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of started.toReversed()) await end();
});

beforeAll(async () => {
  const script = readFileSync(join(await builtClient(), "client.js"));
  site = createServer(({ url }, response) => {
    const isScript = url === "/client.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : shopPage(backend.baseUrl));
  });
  await new Promise<void>((listening) => site.listen(0, "127.0.0.1", listening));
  started.push(async () => {
    site.closeAllConnections();
    await new Promise((closed) => site.close(closed));
  });
  siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  server = await startDevServer({ stateDir: newStateDir() });
  started.push(server.kill9);
  backend = await startFaultyProxy({
    target: server.baseUrl,
    headers: { "x-api-key": server.dev.apiKey },
    answerHeaders: {
      "access-control-allow-origin": siteUrl,
      "access-control-allow-headers": "content-type, idempotency-key",
      "access-control-expose-headers": "idempotent-replayed, retry-after, x-request-id, x-should-retry",
    },
  });
  started.push(backend.close);
  browser = await startBrowser();
  started.push(async () => await browser.close());
});

beforeEach(async () => {
  page = await shop();
});

afterEach(async () => {
  await page.close();
  backend.plan.length = 0;
  backend.requests.length = 0;
});

/** A page as a shop would write it: it imports the client and knows where its backend is. */
function shopPage(backendUrl: string): string {
  return `<!doctype html><title>A shop</title><script type="module">
    import * as waypost from "/client.js";
    Object.assign(globalThis, { waypost, backend: ${JSON.stringify(backendUrl)} });
  </script>`;
}

async function shop(): Promise<Page> {
  const opened = await browser.newPage();
  await opened.goto(siteUrl);
  return opened;
}

async function storedCount(referenceId: string): Promise<number> {
  await caughtUp(server);
  const events = await readAll<{ referenceId: string }>(server, "/api/v1/events");
  return events.filter((event) => event.referenceId === referenceId).length;
}

describe("in a page", () => {
  it("an event is accepted, without a key in the page", async () => {
    const accepted = await page.evaluate(async () => {
      const client = new waypost.default({ apiKey: null, baseURL: globalThis.backend });
      return await client.v1.events.track({ event: "page.viewed", profile: { externalId: "cus_page" } });
    });
    expect(Object.keys(accepted)).toEqual([
      "eventId",
      "profileId",
      "matchedJourneys",
      "enrolledJourneys",
      "skippedJourneys",
    ]);
  });

  it("an event is stored once over a 503 and a cut connection", async () => {
    const referenceId = randomUUID();
    backend.plan.push("503", "cut-after-request");
    const replayed = await page.evaluate(async (reference) => {
      const client = new waypost.Waypost({ apiKey: null, baseURL: globalThis.backend });
      const call = client.v1.events.track({
        event: "page.viewed",
        profile: { externalId: "cus_page" },
        referenceId: reference,
      });
      return (await call.withResponse()).idempotentReplayed;
    }, referenceId);
    expect(replayed).toBe(true);
    expect(await storedCount(referenceId)).toBe(1);
  });

  it("a list is iterated and an event is read", async () => {
    const found = await page.evaluate(async () => {
      const { events } = new waypost.Waypost({ apiKey: null, baseURL: globalThis.backend }).v1;
      const { eventId } = await events.track({ event: "page.read", profile: { externalId: "cus_page" } });
      const stored = await events.retrieve(eventId);
      const listed = await events.list({ limit: 1 });
      return { event: stored.event, isArray: Array.isArray(listed.items) };
    });
    expect(found).toEqual({ event: "page.read", isArray: true });
  });

  it("an error has its class and its details", async () => {
    const error = await page.evaluate(async () => {
      const { events } = new waypost.Waypost({ apiKey: null, baseURL: globalThis.backend }).v1;
      const failure = await events.track({ event: "", profile: {} }).catch((reason: unknown) => reason);
      if (!(failure instanceof waypost.BadRequestError)) return null;
      return { name: failure.name, code: failure.code, details: failure.details, requestId: failure.requestId };
    });
    expect(error).toMatchObject({ name: "BadRequestError", code: "invalid_request" });
    expect(error?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error?.details).toHaveProperty("issues");
  });

  it("a key beyond ASCII arrives as it is", async () => {
    const key = `größe:日:${randomUUID()}`;
    const statuses = await page.evaluate(async (idempotencyKey) => {
      const { events } = new waypost.Waypost({ apiKey: null, baseURL: globalThis.backend }).v1;
      const event = { event: "page.viewed", profile: { externalId: "cus_page" } };
      await events.track(event, { idempotencyKey });
      return (await events.batch({ events: [{ ...event, idempotencyKey }] })).results.map(({ status }) => status);
    }, key);
    expect(statuses).toEqual(["replayed"]);
  });

  it("the native API itself is out of reach: it allows no origin", async () => {
    const name = await page.evaluate(async (baseURL) => {
      const { events } = new waypost.Waypost({ apiKey: null, baseURL, maxRetries: 0 }).v1;
      const failure = await events.track({ event: "x", profile: {} }).catch((reason: unknown) => reason);
      return (failure as Error).name;
    }, server.baseUrl);
    expect(name).toBe("ConnectionError");
  });
});

describe("when a page is left", () => {
  it("what its buffer holds is sent all the same", async () => {
    const referenceId = randomUUID();
    await page.evaluate((reference) => {
      const client = new waypost.Waypost({ apiKey: null, baseURL: globalThis.backend });
      const buffer = client.buffer({ maxDelayMs: 60_000 });
      for (let i = 0; i < 5; i += 1) {
        void buffer.track({ event: "page.left", profile: { externalId: "cus_page" }, referenceId: reference });
      }
    }, referenceId);
    expect(backend.requests.map(({ taken }) => taken)).toEqual([]);
    await page.goto("about:blank");
    await vi.waitFor(() => expect(backend.requests.map(({ taken }) => taken)).toEqual([200]), { timeout: SOON_MS });
    expect(await storedCount(referenceId)).toBe(5);
  });

  it("closing the tab is leaving it too", async () => {
    const referenceId = randomUUID();
    const other = await shop();
    await other.evaluate((reference) => {
      const buffer = new waypost.Waypost({ apiKey: null, baseURL: globalThis.backend }).buffer({ maxDelayMs: 60_000 });
      void buffer.track({ event: "page.closed", profile: { externalId: "cus_page" }, referenceId: reference });
    }, referenceId);
    await other.close({ runBeforeUnload: true });
    await vi.waitFor(() => expect(backend.requests.map(({ taken }) => taken)).toEqual([200]), { timeout: SOON_MS });
    expect(await storedCount(referenceId)).toBe(1);
  });
});
