// The vendors' own Node clients, with the lines changed that docs/moving-from/segment.md names, against the real
// server; and their own retries through a connection that fails.
import Rudder from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { requirement } from "../requirement.ts";
import { basic, openDoor, type Door } from "./door.ts";

const SEGMENT = "analytics-node 3.1.0";
const RUDDERSTACK = "rudder-sdk-node 3.0.13";

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openDoor(server);
});

/** Runs with a client that reaches the server through a proxy, and gives what went through it. */
async function through(plan: Fault[], run: (baseUrl: string) => Promise<void>): Promise<FaultyProxy["requests"]> {
  const proxy = await startFaultyProxy({ target: server.baseUrl, plan });
  try {
    await run(proxy.baseUrl);
  } finally {
    await proxy.close();
  }
  return proxy.requests;
}

function analyticsNode(host: string, writeKey: string): Analytics {
  // region: analytics-node
  const analytics = new Analytics({
    host,
    path: "/segment/v1/batch",
    writeKey,
  });
  // endregion
  return analytics;
}

function rudder(host: string, writeKey: string): Rudder {
  // region: rudder-sdk-node
  const client = new Rudder(writeKey, {
    dataPlaneUrl: `${host}/segment`,
    errorHandler: (error: unknown) => console.error(error),
  });
  // endregion
  return client;
}

describe("analytics-node", () => {
  it(requirement("delivers every call, with its type, name, data and person", "S", SEGMENT), async () => {
    const timestamp = new Date("2012-12-02T00:30:12.984Z");
    const requests = await through([], async (baseUrl) => {
      const analytics = analyticsNode(baseUrl, door.writeKey);
      analytics.identify({ userId: "019mr8mf4r", traits: { email: "alex@example.com", plan: "Pro" } });
      analytics.track({ userId: "019mr8mf4r", event: "Item Purchased", properties: { revenue: 39.95 }, timestamp });
      analytics.page({ userId: "019mr8mf4r", category: "Docs", name: "Node" });
      analytics.screen({ anonymousId: "a-1", name: "Home" });
      analytics.group({ userId: "019mr8mf4r", groupId: "g-1", traits: { name: "Acme" } });
      analytics.alias({ userId: "019mr8mf4r", previousId: "a-1" });
      await analytics.closeAndFlush();
    });
    expect(requests.map(({ method, path, status }) => ({ method, path, status }))).toEqual([
      { method: "POST", path: "/segment/v1/batch", status: 200 },
    ]);
    expect(requests[0]?.headers.authorization).toBe(basic(door.writeKey));
    const events = await door.stored();
    const library = { library: { name: "@segment/analytics-node", version: "3.1.0" } };
    expect(events.map(({ event, data }) => ({ event, data: data as unknown }))).toEqual([
      { event: "$identify", data: { context: library } },
      { event: "Item Purchased", data: { revenue: 39.95, context: library } },
      { event: "$page", data: { name: "Node", category: "Docs", context: library } },
      { event: "$screen", data: { name: "Home", context: library } },
      { event: "$group", data: { groupId: "g-1", traits: { name: "Acme" }, context: library } },
      { event: "$alias", data: { previousId: "a-1", context: library } },
    ]);
    const skew = Date.parse(events[1]?.occurredAt ?? "") - timestamp.getTime();
    expect(Math.abs(skew)).toBeLessThan(60_000);
    const person = await door.profile(events[0]?.profileId ?? "");
    expect(person).toMatchObject({
      externalId: "019mr8mf4r",
      email: "alex@example.com",
      properties: { email: "alex@example.com", plan: "Pro" },
      mergedFrom: [events[3]?.profileId],
    });
  });

  it(
    requirement(
      "stores one event through injected 503s and a connection cut after the request was taken",
      "S",
      SEGMENT,
    ),
    async () => {
      const requests = await through(["503", "cut-after-request"], async (baseUrl) => {
        const analytics = analyticsNode(baseUrl, door.writeKey);
        analytics.track({ userId: "u-1", event: "Item Purchased", properties: { revenue: 39.95 } });
        await analytics.closeAndFlush();
      });
      expect(requests.map(({ status }) => status)).toEqual([503, 200, 200]);
      expect(requests.map(({ headers }) => headers["x-retry-count"])).toEqual([undefined, "1", "2"]);
      expect(await door.storedOne()).toMatchObject({ event: "Item Purchased", data: { revenue: 39.95 } });
    },
  );

  it(requirement("waits for Retry-After of a 429, and stores one event", "S", SEGMENT), async () => {
    const requests = await through([{ status: 429, headers: { "retry-after": "1" } }], async (baseUrl) => {
      const analytics = analyticsNode(baseUrl, door.writeKey);
      analytics.track({ userId: "u-1", event: "Item Purchased" });
      await analytics.closeAndFlush();
    });
    expect(requests.map(({ status }) => status)).toEqual([429, 200]);
    await door.storedOne();
  });

  it(requirement("does not send again what a wrong key refuses", "S", SEGMENT), async () => {
    const requests = await through([], async (baseUrl) => {
      const analytics = analyticsNode(baseUrl, "unknown");
      analytics.track({ userId: "u-1", event: "Item Purchased" });
      await analytics.closeAndFlush();
    });
    expect(requests.map(({ status }) => status)).toEqual([401]);
  });

  it(requirement("can send an event over 32 KB, which is kept as rejected", "S", SEGMENT), async () => {
    await through([], async (baseUrl) => {
      const analytics = analyticsNode(baseUrl, door.writeKey);
      analytics.track({ userId: "u-1", event: "Large", properties: { text: "x".repeat(33_000) } });
      analytics.track({ userId: "u-1", event: "Small" });
      await analytics.closeAndFlush();
    });
    expect((await door.storedOne()).event).toBe("Small");
    expect(await door.rejected()).toMatchObject([{ reason: "event_too_large", payload: { event: "Large" } }]);
  });
});

describe("rudder-sdk-node", () => {
  const flushed = async (client: Rudder): Promise<void> => {
    await client.flush();
  };

  it(requirement("delivers every call, compressed as it does by default", "S", RUDDERSTACK), async () => {
    const requests = await through([], async (baseUrl) => {
      const client = rudder(baseUrl, door.writeKey);
      client.identify({ userId: "u-1", traits: { email: "alex@example.com", plan: "Pro" } });
      client.track({ userId: "u-1", event: "Item Purchased", properties: { revenue: 39.95 } });
      client.page({ userId: "u-1", name: "Home", category: "Docs" });
      client.screen({ anonymousId: "a-1", name: "Home" });
      client.group({ userId: "u-1", groupId: "g-1", traits: { name: "Acme" } });
      client.alias({ userId: "u-1", previousId: "a-1" });
      await flushed(client);
    });
    expect(requests.length).toBeGreaterThan(0);
    for (const { path, status, headers } of requests) {
      expect({ path, status, encoding: headers["content-encoding"], type: headers["content-type"] }).toEqual({
        path: "/segment/v1/batch",
        status: 200,
        encoding: "gzip",
        type: "application/x-www-form-urlencoded",
      });
    }
    const events = await door.stored();
    const library = { library: { name: "analytics-node", version: "3.0.13" } };
    const names = events.map(({ event }) => event);
    expect(names).toEqual(["$identify", "Item Purchased", "$page", "$screen", "$group", "$alias"]);
    expect(events[1]?.data).toEqual({ revenue: 39.95, context: library });
    expect(await door.profile(events[0]?.profileId ?? "")).toMatchObject({
      externalId: "u-1",
      email: "alex@example.com",
      properties: { plan: "Pro" },
      mergedFrom: [events[3]?.profileId],
    });
    expect(await door.rejected()).toEqual([]);
  });

  it(requirement("delivers without compression too", "S", RUDDERSTACK), async () => {
    const requests = await through([], async (baseUrl) => {
      const client = new Rudder(door.writeKey, { dataPlaneUrl: `${baseUrl}/segment`, gzip: false });
      client.track({ userId: "u-1", event: "Item Purchased" });
      await flushed(client);
    });
    expect(requests.map(({ headers }) => headers["content-encoding"])).toEqual([undefined]);
    await door.storedOne();
  });

  it(
    requirement(
      "stores one event through injected 503s and a connection cut after the request was taken",
      "S",
      RUDDERSTACK,
    ),
    async () => {
      const requests = await through(["503", "cut-after-request"], async (baseUrl) => {
        const client = rudder(baseUrl, door.writeKey);
        client.track({ userId: "u-1", event: "Item Purchased", properties: { revenue: 39.95 } });
        await flushed(client);
      });
      expect(requests.map(({ status }) => status)).toEqual([503, 200, 200]);
      expect(await door.storedOne()).toMatchObject({ event: "Item Purchased", data: { revenue: 39.95 } });
    },
  );
});
