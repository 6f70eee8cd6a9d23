// The vendor's browser client in Chromium, on a page of another origin than the server.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startBrowser } from "../../support/browser.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { SOON_MS } from "../../support/patience.ts";
import { requirement } from "../requirement.ts";
import type { DeliveryStrategy } from "./browser-page.ts";
import { basic, openDoor, type Door, type StoredEvent } from "./door.ts";

const SOURCE = "analytics-next 1.84.3";
const BATCHING: DeliveryStrategy = { strategy: "batching", config: { size: 100, timeout: 200 } };

let server: DevServer;
let site: Server;
let browser: Browser;
let door: Door;
let proxy: FaultyProxy;
let page: Page;

beforeAll(async () => {
  const script = await bundle(join(import.meta.dirname, "browser-page.ts"));
  site = createServer(({ url }, response) => {
    const isScript = url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : `<!doctype html><title>Shop</title><script src="/page.js"></script>`);
  });
  await new Promise<void>((listening) => site.listen(0, "127.0.0.1", listening));
  server = await startDevServer({ stateDir: newStateDir() });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  site.closeAllConnections();
  await new Promise((closed) => site.close(closed));
  await server.stop();
});

beforeEach(async () => {
  door = await openDoor(server);
});
afterEach(async () => {
  await page.context().close();
  await proxy.close();
});

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "browser",
    target: "es2022",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return outputFiles[0]?.text ?? "";
}

/** A visitor of their own, on a page that has loaded the client and reaches the server through a proxy. */
async function visit(plan: Fault[] = [], strategy: DeliveryStrategy | null = null): Promise<void> {
  proxy = await startFaultyProxy({ target: server.baseUrl, plan });
  page = await (await browser.newContext()).newPage();
  const { port } = site.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}/`);
  const host = proxy.baseUrl.replace("http://", "");
  await page.evaluate(
    async ({ host: to, writeKey, deliveryStrategy }) => await globalThis.loadAnalytics(to, writeKey, deliveryStrategy),
    { host, writeKey: door.writeKey, deliveryStrategy: strategy },
  );
}

/** Waits until so many events are stored; the client's calls do not wait for their delivery. */
async function stored(count: number): Promise<StoredEvent[]> {
  return await vi.waitFor(
    async () => {
      const events = await door.stored();
      expect(events.length).toBeGreaterThanOrEqual(count);
      return events;
    },
    { timeout: SOON_MS },
  );
}

async function sendEveryCall(): Promise<void> {
  await page.evaluate(async () => {
    const { analytics } = globalThis;
    await analytics.page("Docs", "Home", { title: "Start" });
    await analytics.track("Order Completed", { total: 49 });
    await analytics.screen("Docs", "Home");
    await analytics.alias("u-1");
    await analytics.identify("u-1", { email: "alex@example.com", plan: "Pro" });
    await analytics.group("g-1", { name: "Acme" });
  });
}

function posts(): { path: string; status: number }[] {
  return proxy.requests.filter(({ method }) => method === "POST").map(({ path, status }) => ({ path, status }));
}

describe("analytics-next", () => {
  for (const [how, strategy, paths] of [
    ["one by one", null, ["a", "g", "i", "p", "s", "t"]],
    ["in batches", BATCHING, ["b"]],
  ] as const) {
    it(requirement(`delivers every call ${how}, from a page of another origin`, "S", SOURCE), async () => {
      await visit([], strategy);
      await sendEveryCall();
      const events = await stored(6);
      const byName = new Map(events.map((event) => [event.event, event]));
      expect([...byName.keys()].toSorted()).toEqual([
        "$alias",
        "$group",
        "$identify",
        "$page",
        "$screen",
        "Order Completed",
      ]);
      expect([...new Set(posts().map(({ path }) => path))].toSorted()).toEqual(
        paths.map((path) => `/segment/v1/${path}`),
      );
      expect(posts().every(({ status }) => status === 200)).toBe(true);
      expect(byName.get("Order Completed")?.data).toMatchObject({ total: 49, context: { page: { path: "/" } } });
      expect(byName.get("$page")?.data).toMatchObject({ name: "Home", category: "Docs", title: "Start" });
      expect(byName.get("$group")?.data).toMatchObject({ groupId: "g-1", traits: { name: "Acme" } });
      const { profileId = "" } = byName.get("$page") ?? {};
      expect(new Set(events.map((event) => event.profileId))).toEqual(new Set([profileId]));
      const previousId = byName.get("$alias")?.data.previousId as string;
      expect(await door.profile(profileId)).toMatchObject({
        externalId: "u-1",
        email: "alex@example.com",
        aliases: [{ kind: "anonymousId", value: previousId }],
        properties: { plan: "Pro" },
      });
      expect(await door.rejected()).toEqual([]);
    });
  }

  it(requirement("asks first by a preflight, because it sends its key in a header", "S", SOURCE), async () => {
    await visit();
    await page.evaluate(async () => globalThis.analytics.track("Order Completed"));
    await stored(1);
    expect(proxy.requests.map(({ method, path, status }) => ({ method, path, status }))).toEqual([
      { method: "OPTIONS", path: "/segment/v1/t", status: 204 },
      { method: "POST", path: "/segment/v1/t", status: 200 },
    ]);
    expect(proxy.requests[0]?.headers["access-control-request-headers"]).toBe("authorization");
    expect(proxy.requests[1]?.headers).toMatchObject({
      authorization: basic(door.writeKey),
      "content-type": expect.stringContaining("text/plain") as string,
    });
  });

  for (const [how, strategy] of [
    ["one by one", null],
    ["in batches", BATCHING],
  ] as const) {
    it(
      requirement(
        `stores one event sent ${how} through a 503 and a connection cut after the request was taken`,
        "S",
        SOURCE,
      ),
      async () => {
        await visit(["ok", "503", "cut-after-request"], strategy);
        await page.evaluate(async () => globalThis.analytics.track("Order Completed", { total: 49 }));
        await vi.waitFor(
          () => expect(posts().filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(2),
          {
            timeout: SOON_MS,
          },
        );
        expect(posts()[0]?.status).toBe(503);
        expect(await door.storedOne()).toMatchObject({ event: "Order Completed", data: { total: 49 } });
      },
    );
  }

  it(requirement("gives an anonymous visit to the person who then signs in", "A", "our identity rules"), async () => {
    await visit();
    await page.evaluate(async () => globalThis.analytics.track("Seen"));
    const [before] = await stored(1);
    await page.evaluate(async () => globalThis.analytics.identify("u-1"));
    const [, after] = await stored(2);
    expect(after?.profileId).toBe(before?.profileId);
  });
});
