// Pages in Chromium, on another origin than the door: preflights, keepalive, beacons, pages that are left, and answers
// that a page may read whatever they say.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startBrowser } from "../../support/browser.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { SOON_MS } from "../../support/patience.ts";
import { revokedKey } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import { anIdentify, aTrack, CONTRACT, openDoor, OURS, type Door } from "./door.ts";

interface Item {
  type: "identify" | "track" | "page";
  messageId: string;
}

interface Result {
  status: string;
  retryable: boolean;
}

declare global {
  /** The page's own sender. */
  var sendItems: (batch: Item[], consent?: { analytics: boolean; marketing: boolean }) => Promise<Result[]>;
}

let server: DevServer;
/** What Chromium sends goes through it, so that a test sees the requests and can fail them. */
let proxy: FaultyProxy;
let door: Door;
let site: Server;
let siteUrl: string;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
  site = createServer((_, response) => response.setHeader("content-type", "text/html").end("<title>A shop</title>"));
  await new Promise<void>((listening) => site.listen(0, "127.0.0.1", listening));
  siteUrl = `http://localhost:${(site.address() as AddressInfo).port}`;
  browser = await startBrowser();
});

afterAll(async () => {
  await browser.close();
  site.closeAllConnections();
  await new Promise((closed) => site.close(closed));
  await server.stop();
});

beforeEach(async () => {
  proxy = await startFaultyProxy({ target: server.baseUrl, plan: [] });
  door = await openDoor(server);
  page = await browser.newPage();
  await page.goto(siteUrl);
  await page.evaluate(installSender, { baseUrl: proxy.baseUrl, writeKey: door.writeKey });
});

afterEach(async () => {
  await page.close();
  await proxy.close();
});

/** Runs in the page. */
function installSender({ baseUrl, writeKey }: { baseUrl: string; writeKey: string }): void {
  // region: page
  globalThis.sendItems = async (batch, consent) => {
    const results: Result[] = [];
    for (let attempt = 0, left = batch; attempt < 2 && left.length > 0; attempt++) {
      const request = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ writeKey, batch: left, consent }),
        // The browser sends it on when the page is left.
        keepalive: true,
      };
      const response = await fetch(`${baseUrl}/api/v1/ingest/batch`, request).catch(() => null);
      if (response?.status === 400 || response?.status === 401) throw new Error(await response.text());
      if (response?.ok !== true) continue;
      const answer = await response.json<{ results: Result[] }>();
      results.push(...answer.results.filter(({ retryable }) => !retryable));
      left = left.filter((_, i) => answer.results[i]?.retryable === true);
    }
    return results;
  };
  // endregion
}

/** Items as the page sends them, less the fields that a page has no value for. */
const items = (...all: object[]): Item[] => JSON.parse(JSON.stringify(all)) as Item[];

const methods = () => proxy.requests.map(({ method, status }) => `${method} ${status}`);

describe("A page on another origin", () => {
  it(
    requirement("posts JSON with keepalive: the preflight passes, and the answer can be read", "D", CONTRACT),
    async () => {
      const batch = items(anIdentify({ userId: "wc_1" }), aTrack(), aTrack({ email: "nobody@example.com" }));
      const results = await page.evaluate(async (sent) => await globalThis.sendItems(sent), batch);
      expect(results.map(({ status }) => status)).toEqual(["accepted", "accepted", "dropped"]);
      expect(methods()).toEqual(["OPTIONS 204", "POST 200"]);
      expect((await door.stored()).map(({ event }) => event)).toEqual(["cart.updated", "$identify"]);
    },
  );

  it(
    requirement("is asked about consent by its own tool, and none of its items is kept without", "D", CONTRACT),
    async () => {
      const consent = { analytics: false, marketing: false };
      const results = await page.evaluate(async ({ sent, said }) => await globalThis.sendItems(sent, said), {
        sent: items(anIdentify()),
        said: consent,
      });
      expect(results.map(({ status }) => status)).toEqual(["dropped"]);
      expect(await door.stored()).toEqual([]);
    },
  );

  it(requirement("sends again through a cut connection: one event", "D", CONTRACT), async () => {
    await page.evaluate(async (sent) => await globalThis.sendItems(sent), items(anIdentify()));
    const faulty = await startFaultyProxy({ target: server.baseUrl, plan: ["ok", "cut-after-request"] });
    await page.evaluate(installSender, { baseUrl: faulty.baseUrl, writeKey: door.writeKey });
    const results = await page.evaluate(async (sent) => await globalThis.sendItems(sent), items(aTrack()));
    expect(results.map(({ status }) => status)).toEqual(["duplicate"]);
    expect((await door.stored()).filter(({ event }) => event === "cart.updated").length).toBe(1);
    await faulty.close();
  });

  it(requirement("sends a beacon, which is text and asks no preflight", "A", OURS), async () => {
    const body = { writeKey: door.writeKey, ...anIdentify(), type: undefined };
    const queued = await page.evaluate(({ url, text }) => navigator.sendBeacon(url, text), {
      url: `${proxy.baseUrl}/api/v1/ingest/identify`,
      text: JSON.stringify(body),
    });
    expect(queued).toBe(true);
    await vi.waitFor(() => expect(methods()).toEqual(["POST 200"]), { timeout: SOON_MS });
    expect((await door.stored()).map(({ event }) => event)).toEqual(["$identify"]);
  });

  it(requirement("that is left sends what it has on its way out", "D", CONTRACT), async () => {
    // One call before, so that the browser knows that it may.
    await page.evaluate(async (sent) => await globalThis.sendItems(sent), items(anIdentify()));
    await page.evaluate(
      (sent) => {
        const leaving = globalThis as unknown as EventTarget;
        leaving.addEventListener("pagehide", () => void globalThis.sendItems(sent));
      },
      items(aTrack({ event: "page.left" })),
    );
    await page.goto("about:blank");
    await vi.waitFor(() => expect(methods().filter((one) => one === "POST 200").length).toBe(2), {
      timeout: SOON_MS,
    });
    expect((await door.stored()).map(({ event }) => event)).toEqual(["page.left", "$identify"]);
  });

  it(requirement("can read every error: a wrong body, a wrong key, a revoked one, two people", "A", OURS), async () => {
    await door.batch(anIdentify({ userId: "wp_1" }), anIdentify({ email: "sam@example.com", userId: "wp_2" }));
    const { writeKey } = door;
    const revoked = await revokedKey(server, door.workspaceId, "write");
    const bodies = [
      ["batch", "{"],
      ["batch", JSON.stringify({ writeKey: "wp_wk_wrong", batch: [1] })],
      ["batch", JSON.stringify({ writeKey: revoked, batch: items(anIdentify()) })],
      ["track", JSON.stringify({ writeKey: revoked })],
      ["track", JSON.stringify({ writeKey })],
      ["identify", JSON.stringify({ writeKey, ...anIdentify({ userId: "wp_2" }), type: undefined })],
      ["nothing", "{}"],
      ["batch", " ".repeat(1_048_577)],
    ] as const;
    const answers = await page.evaluate(
      async ({ url, sent }) =>
        await Promise.all(
          sent.map(async ([path, body]) => {
            const response = await fetch(`${url}/api/v1/ingest/${path}`, { method: "POST", body });
            const { error } = await response.json<{ error: string }>();
            const exposed = ["x-request-id", "x-should-retry"].map((name) => response.headers.has(name));
            return [response.status, error, ...exposed];
          }),
        ),
      { url: server.baseUrl, sent: bodies },
    );
    expect(answers).toEqual([
      [400, "invalid_request", true, false],
      [401, "unauthorized", true, false],
      [401, "unauthorized", true, false],
      [401, "unauthorized", true, false],
      [400, "invalid_request", true, false],
      [409, "identity_conflict", true, true],
      [404, "not_found", true, false],
      [413, "payload_too_large", true, false],
    ]);
  });

  it(requirement("cannot send cookies along: credentials are not allowed", "A", OURS), async () => {
    const outcome = await page.evaluate(
      async ({ url, body }) => {
        const withCookies = { method: "POST", body, credentials: "include" };
        return await fetch(`${url}/api/v1/ingest/track`, withCookies).then(
          () => "read",
          (error: unknown) => (error as Error).name,
        );
      },
      { url: server.baseUrl, body: "{}" },
    );
    expect(outcome).toBe("TypeError");
  });
});

describe("A preflight", () => {
  it.each(["https://shop.example", "http://localhost:3000", "null"])(
    requirement("from %s passes, for POST and whatever headers are asked for", "D", CONTRACT),
    async (origin) => {
      const response = await fetch(`${server.baseUrl}/api/v1/ingest/batch`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type,x-stainless-lang",
        },
      });
      const allowed = (name: string) => response.headers.get(`access-control-${name}`);
      expect([response.status, allowed("allow-origin"), allowed("allow-methods"), allowed("allow-headers")]).toEqual([
        204,
        origin,
        "POST",
        expect.stringMatching(/^content-type, ?x-stainless-lang$/),
      ]);
      expect([allowed("allow-credentials"), Number(allowed("max-age")) > 0]).toEqual([null, true]);
    },
  );
});
