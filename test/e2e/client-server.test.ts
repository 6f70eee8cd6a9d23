// The client in Node against the real server, over a network that fails: whatever is refused or cut off, before or
// after the server took it, each event is stored once.
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import Waypost, { ConflictError, WaypostError, type BatchEvent, type ClientOptions } from "../../src/client/index.ts";
import { caughtUp } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../support/faulty-proxy.ts";

let server: DevServer;
let proxy: FaultyProxy;

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
});
afterEach(() => {
  proxy.plan.length = 0;
  proxy.requests.length = 0;
});

/** A client behind the proxy. */
function aClient(options: ClientOptions = {}): Waypost {
  return new Waypost({ apiKey: server.dev.apiKey, baseURL: proxy.baseUrl, ...options });
}

function anEvent(referenceId: string = randomUUID()) {
  return { event: "client.tested", profile: { externalId: "cus_client" }, data: { total: 49 }, referenceId };
}

/** How often events with this reference are stored. */
async function storedCount(referenceId: string): Promise<number> {
  await caughtUp(server);
  const ids: string[] = [];
  for await (const { eventId } of aClient().v1.events.list({ referenceId })) ids.push(eventId);
  expect(new Set(ids).size).toBe(ids.length);
  return ids.length;
}

describe("one event", () => {
  it("is accepted as the published sample sends it", async () => {
    const result = await aClient().v1.events.track(
      {
        event: "order.created",
        profile: { email: "alex@example.com", externalId: "cus_123", properties: { firstName: "Alex", plan: "Pro" } },
        data: { orderId: "ord_9421", total: 49, payment: { token: "tok_live_abc" } },
        redactedDataPaths: ["/event/payment/token"],
        referenceId: "ord_9421",
        occurredAt: "2026-05-31T12:00:00.000Z",
      },
      { headers: { "Idempotency-Key": "order.created:ord_9421" } },
    );
    expect(Object.keys(result)).toEqual([
      "eventId",
      "profileId",
      "matchedJourneys",
      "enrolledJourneys",
      "skippedJourneys",
    ]);
    expect(await aClient().v1.events.retrieve(result.eventId)).toMatchObject({
      eventId: result.eventId,
      profileId: result.profileId,
      data: { orderId: "ord_9421", total: 49, payment: {} },
      source: "api",
    });
  });

  it.each([
    [["503"]],
    [["503", "503"]],
    [["503-after-request"]],
    [["cut-after-request"]],
    [["cut-midway"]],
    [["503", "cut-after-request"]],
    [["cut-after-request", "503-after-request"]],
    [["cut-after-request", "cut-midway"]],
  ] as [Fault[]][])("is stored once over %j", async (faults) => {
    const event = anEvent();
    proxy.plan.push(...faults);
    const { data, attempts, idempotentReplayed } = await aClient().v1.events.track(event).withResponse();
    const firstTaken = proxy.requests.map(({ taken }) => taken).indexOf(202);
    expect(attempts).toBe(faults.length + 1);
    expect(idempotentReplayed).toBe(firstTaken < faults.length);
    expect(await storedCount(event.referenceId)).toBe(1);
    expect(await aClient().v1.events.retrieve(data.eventId)).toMatchObject({ referenceId: event.referenceId });
  });

  it("is stored once when every attempt of a call was cut and the caller sends it again", async () => {
    const event = anEvent();
    const idempotencyKey = randomUUID();
    proxy.plan.push("cut-after-request", "cut-after-request", "cut-after-request");
    const lost = aClient().v1.events.track(event, { idempotencyKey });
    await expect(lost).rejects.toMatchObject({ name: "ConnectionError" });
    const { data, idempotentReplayed } = await aClient().v1.events.track(event, { idempotencyKey }).withResponse();
    expect(idempotentReplayed).toBe(true);
    expect(data.eventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await storedCount(event.referenceId)).toBe(1);
  });

  it("tells another request under the same key from a replay, once", async () => {
    const key = { headers: { "Idempotency-Key": randomUUID() } };
    const event = anEvent();
    await aClient().v1.events.track(event, key);
    proxy.requests.length = 0;
    const other = aClient().v1.events.track({ ...event, event: "client.other" }, key);
    await expect(other).rejects.toBeInstanceOf(ConflictError);
    expect(proxy.requests.map(({ taken }) => taken)).toEqual([409]);
  });

  it("under a key beyond ASCII is the same in a batch", async () => {
    const event = anEvent();
    const idempotencyKey = `größe:日:${randomUUID()}`;
    const { eventId } = await aClient().v1.events.track(event, { idempotencyKey });
    const { results } = await aClient().v1.events.batch({ events: [{ ...event, idempotencyKey }] });
    expect(results).toMatchObject([{ status: "replayed", eventId }]);
  });

  it("can come with its receipt", async () => {
    const { receipt } = await aClient().v1.events.track(
      { event: "order.created", profile: { externalId: "cus_receipt" } },
      { include: "receipt" },
    );
    expect(receipt.journeys).toMatchObject([{ key: "order-follow-up" }]);
  });

  it.each([
    ["AuthenticationError", "unauthorized", { apiKey: "wp_sk_wrong" }, anEvent()],
    ["BadRequestError", "invalid_request", {}, { ...anEvent(), event: "" }],
    ["PayloadTooLargeError", "payload_too_large", {}, { ...anEvent(), data: { text: "x".repeat(300_000) } }],
  ])("is refused as %s with code %s", async (name, code, options, event) => {
    const error: unknown = await aClient(options)
      .v1.events.track(event)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WaypostError);
    expect(error).toMatchObject({ name, code, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    expect(proxy.requests).toHaveLength(1);
  });

  it("is refused as PermissionDeniedError where the key lacks the scope", async () => {
    const reader = aClient({ apiKey: server.dev.eventsKey });
    await expect(reader.v1.events.list()).rejects.toMatchObject({
      name: "PermissionDeniedError",
      details: { required: ["events:read"] },
    });
  });

  it("is a NotFoundError where there is none", async () => {
    await expect(aClient().v1.events.retrieve(randomUUID())).rejects.toMatchObject({
      name: "NotFoundError",
      status: 404,
    });
  });
});

describe("a list", () => {
  it("is read over all its pages, filtered", async () => {
    const referenceId = randomUUID();
    const events = Array.from({ length: 7 }, () => anEvent(referenceId));
    await aClient().v1.events.batch({ events: [...events, anEvent()] });
    await caughtUp(server);
    const sizes: number[] = [];
    const list = aClient().v1.events.list({ referenceId, limit: 3 });
    for await (const page of list.pages()) sizes.push(page.items.length);
    expect(sizes).toEqual([3, 3, 1]);
  });
});

describe("a batch", () => {
  it.each([["503"], ["503-after-request"], ["cut-after-request"], ["cut-midway"]] as Fault[][])(
    "is stored once over %s",
    async (fault) => {
      const referenceId = randomUUID();
      const events: BatchEvent[] = Array.from({ length: 150 }, () => anEvent(referenceId));
      proxy.plan.push(fault);
      const { results, summary } = await aClient().v1.events.batch({ events });
      expect(summary).toMatchObject(fault === "503" ? { accepted: 150 } : { replayed: 150 });
      expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 150 }, (_, i) => i));
      expect(await storedCount(referenceId)).toBe(150);
    },
  );

  it("answers each event by its own merits", async () => {
    const event = { ...anEvent(), idempotencyKey: randomUUID() };
    const { results } = await aClient().v1.events.batch({
      events: [event, event, { ...event, event: "client.other" }, { ...anEvent(), event: "" }],
    });
    expect(results).toMatchObject([
      { index: 0, status: "accepted" },
      { index: 1, status: "replayed" },
      { index: 2, status: "conflict", error: { error: "idempotency_key_reuse" } },
      { index: 3, status: "invalid", error: { error: "invalid_request" } },
    ]);
  });
});

describe("a buffer", () => {
  it("stores each event once over faults in every batch", async () => {
    const referenceId = randomUUID();
    const buffer = aClient().buffer({ maxItems: 20 });
    proxy.plan.push(
      "503",
      "cut-after-request",
      "cut-midway",
      "ok",
      "503-after-request",
      "ok",
      "cut-after-request",
      "503",
    );
    const results = Array.from({ length: 100 }, async () => await buffer.track(anEvent(referenceId)));
    await buffer.close();
    const ids = (await Promise.all(results)).map(({ eventId }) => eventId);
    expect(new Set(ids).size).toBe(100);
    expect(await storedCount(referenceId)).toBe(100);
  });

  it("gives each event its own outcome", async () => {
    const event = anEvent();
    const idempotencyKey = randomUUID();
    await aClient().v1.events.track(event, { idempotencyKey });
    const buffer = aClient().buffer();
    const calls = [
      buffer.track(anEvent()).withResponse(),
      buffer.track(event, { idempotencyKey }).withResponse(),
      buffer.track({ ...event, event: "client.other" }, { idempotencyKey }),
      buffer.track({ ...anEvent(), event: "" }),
    ];
    const outcomes = Promise.allSettled(calls);
    await buffer.flush();
    expect(await outcomes).toMatchObject([
      { value: { idempotentReplayed: false } },
      { value: { idempotentReplayed: true } },
      { reason: { name: "ConflictError", code: "idempotency_key_reuse" } },
      { reason: { name: "BadRequestError", code: "invalid_request" } },
    ]);
  });
});
