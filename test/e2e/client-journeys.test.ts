// The client starts journeys: what it sends, and that a run is started once over a network that fails.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import Waypost, { UnprocessableEntityError } from "../../src/client/index.ts";
import { activateJourney, read } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../support/faulty-proxy.ts";
import { scriptedFetch } from "../support/scripted-fetch.ts";

const KEY = "client-asked";
const JOURNEY = {
  key: KEY,
  name: "Started by the client",
  entry: { api: true },
  steps: [{ id: "rest", type: "delay", for: "P1D" }],
};
const RUN = { runId: "019bf964-302b-7a7f-add2-589343ef9f32", status: "running" };

describe("a trigger's request", () => {
  const answering = () => {
    const { fetch, asked } = scriptedFetch(Response.json(RUN, { status: 202 }));
    return { asked, journeys: new Waypost({ apiKey: "wp_sk_x", fetch }).v1.journeys };
  };

  it("posts the body to the journey's path, under the key that was given", async () => {
    const { asked, journeys } = answering();
    const body = { profile: { userId: "cus_123" }, variables: { orderId: "1" } };
    expect(await journeys.trigger(KEY, body, { idempotencyKey: "k" })).toEqual(RUN);
    expect([asked[0]?.method, asked[0]?.url.pathname]).toEqual(["POST", `/api/v1/journeys/${KEY}/trigger`]);
    expect([asked[0]?.body, asked[0]?.headers.get("idempotency-key")]).toEqual([JSON.stringify(body), "k"]);
  });

  it("makes another key for each call", async () => {
    const { asked, journeys } = answering();
    for (let i = 0; i < 2; i++) await journeys.trigger(KEY, { profile: { userId: "cus_123" } });
    expect(new Set(asked.map(({ headers }) => headers.get("idempotency-key"))).size).toBe(2);
  });

  it.each(["", "../events", "a/b", "a?b"])("is not sent to a path that %j would make of it", async (journeyKey) => {
    const { asked, journeys } = answering();
    const call = journeys.trigger(journeyKey, { profile: { userId: "cus_123" } });
    await expect(call).rejects.toMatchObject({ code: "invalid_journey_key" });
    expect(asked).toEqual([]);
  });
});

describe("a triggered run", () => {
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
    await activateJourney(server, JOURNEY);
  });

  const journeys = () => new Waypost({ apiKey: server.dev.apiKey, baseURL: proxy.baseUrl }).v1.journeys;

  it.each([[[]], [["503-after-request"]], [["cut-after-request"]], [["cut-after-request", "cut-midway"]]] as [
    Fault[],
  ][])("is started once over %j", async (faults) => {
    const profile = { userId: `cus_${randomUUID()}` };
    proxy.plan.push(...faults);
    const enrolled = async () =>
      (await read<{ counts: { enrolled: number } }>(server, `/api/v1/journeys/${KEY}`)).counts;
    const before = (await enrolled()).enrolled;
    const { data, idempotentReplayed } = await journeys().trigger(KEY, { profile }).withResponse();
    expect([data.status, idempotentReplayed]).toEqual(["running", faults.length > 0]);
    expect((await enrolled()).enrolled).toBe(before + 1);
    expect(await read(server, `/api/v1/enrollments/${data.runId}`)).toMatchObject({
      journeyKey: KEY,
      status: "active",
    });
  });

  it("is refused with the reason that keeps the person out", async () => {
    const profile = { userId: `cus_${randomUUID()}` };
    await journeys().trigger(KEY, { profile });
    const error: unknown = await journeys()
      .trigger(KEY, { profile })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnprocessableEntityError);
    expect(error).toMatchObject({ code: "not_eligible", details: { reason: "already_active" } });
  });
});
