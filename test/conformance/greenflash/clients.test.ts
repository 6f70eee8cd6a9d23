// Greenflash's client as it was recorded: its bytes, and its retries through faults. Its packages cannot be fetched
// from a registry, so requests of the same shape stand in for it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type Fault } from "../../support/faulty-proxy.ts";
import { exchange } from "../raw-exchange.ts";
import { requirement } from "../requirement.ts";
import { anEvent, kept, SDK, SDK_HEADERS, stored, UUID, type Created } from "./calls.ts";
import { caughtUp, readAll } from "../../support/dev-client.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

/** As the SDK wrote it, with a key and a host of ours: names, values and their order. */
function recorded(host: string, key: string, body: string): string {
  return [
    "POST /greenflash/api/v1/events HTTP/1.1",
    `host: ${host}`,
    "connection: keep-alive",
    "Accept: application/json",
    "User-Agent: Greenflash/JS 1.4.0",
    "X-Stainless-Retry-Count: 0",
    "X-Stainless-Lang: js",
    "X-Stainless-Package-Version: 1.4.0",
    "X-Stainless-OS: Linux",
    "X-Stainless-Arch: x64",
    "X-Stainless-Runtime: node",
    "X-Stainless-Runtime-Version: v20.20.2",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    "accept-language: *",
    "sec-fetch-mode: cors",
    "accept-encoding: gzip, deflate",
    `content-length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}

/** The reference's example, with values of its fields' kinds. */
const EXAMPLE = {
  eventType: "upgrade",
  productId: "182bd5e5-0d44-4b50-8888-8dd25736052a",
  value: "149.00",
  externalUserId: "user-123",
  externalOrganizationId: "org-456",
  externalConversationId: "thread-789",
  influence: "positive",
  qualityImpactScore: 0.8,
  valueType: "currency",
  eventAt: "2023-11-07T05:31:56Z",
  properties: { source: "web_app", campaign_id: "123" },
  insertId: "recorded-1",
  sampleRate: 1,
  forceSample: true,
};

interface Tried {
  tries: number;
  status: number;
  created: Created;
}

/**
 * Sends an event as the SDK does: three tries, the same body each, without its pauses.
 *
 * @throws what the last try failed with
 */
async function sendAsSdk(baseURL: string, apiKey: string, event: object): Promise<Tried> {
  for (let retry = 0; ; retry++) {
    try {
      const response = await fetch(`${baseURL}/events`, {
        method: "POST",
        headers: { ...SDK_HEADERS, authorization: `Bearer ${apiKey}`, "x-stainless-retry-count": String(retry) },
        body: JSON.stringify(event),
      });
      const mayRetry = [408, 409, 429].includes(response.status) || response.status >= 500;
      if (response.ok) {
        return { tries: retry + 1, status: response.status, created: await response.json<Created>() };
      }
      if (!mayRetry || retry === 2) throw new Error(`answered ${response.status}`);
    } catch (error) {
      if (retry === 2 || (error as Error).message.startsWith("answered")) throw error;
    }
  }
}

describe("the recorded client", () => {
  it(requirement("takes the bytes that the SDK sends", "S", SDK), async () => {
    const body = JSON.stringify(EXAMPLE);
    const bytes = recorded(`127.0.0.1:${server.port}`, server.dev.apiKey, body);
    const [answer] = await exchange(server.port, bytes);
    expect([answer?.status, answer?.headers["content-type"]]).toEqual([201, "application/json"]);
    const { success, eventId } = JSON.parse(answer?.text ?? "") as Created;
    expect([success, eventId]).toEqual([true, expect.stringMatching(UUID)]);
    const { insertId: _key, eventType: _name, externalUserId: _user, eventAt: _at, ...data } = EXAMPLE;
    expect(await stored(server, eventId)).toMatchObject({
      event: "upgrade",
      profileId: expect.stringMatching(UUID),
      referenceId: "thread-789",
      occurredAt: "2023-11-07T05:31:56.000Z",
      source: "greenflash",
      data,
    });
  });

  it(requirement("answers the same bytes again with a 200", "S", SDK), async () => {
    const event = { ...EXAMPLE, insertId: "recorded-2" };
    const bytes = recorded(`127.0.0.1:${server.port}`, server.dev.apiKey, JSON.stringify(event));
    const [first, again] = await exchange(server.port, bytes, bytes);
    expect([first?.status, again?.status]).toEqual([201, 200]);
    expect(again?.text).toBe(first?.text);
  });

  it(
    requirement("takes what the Python SDK sends, which differs in its headers only", "S", "Python SDK 1.1.1"),
    async () => {
      const response = await fetch(`${server.baseUrl}/greenflash/api/v1/events`, {
        method: "POST",
        headers: {
          ...SDK_HEADERS,
          "user-agent": "Greenflash/Python 1.1.1",
          "x-stainless-lang": "python",
          "x-stainless-async": "false",
          authorization: `Bearer ${server.dev.apiKey}`,
        },
        body: JSON.stringify({ ...EXAMPLE, insertId: "recorded-python" }),
      });
      expect(response.status).toBe(201);
    },
  );

  it(requirement("is reached by another base URL and key", "S", SDK), async () => {
    const [origin, apiKey] = [server.baseUrl, server.dev.apiKey];
    const event = anEvent({ externalUserId: "moved" });
    // region: client
    const baseURL = `${origin}/greenflash/api/v1`;
    const response = await fetch(`${baseURL}/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(event),
    });
    const { eventId } = await response.json<{ success: true; eventId: string }>();
    // endregion
    expect(await stored(server, eventId)).toMatchObject({ event: "upgrade", source: "greenflash" });
  });
});

describe("retries", () => {
  const FAULTS: [string, Fault[], { tries: number; status: number }][] = [
    ["two 503s before the request is taken", ["503", "503"], { tries: 3, status: 201 }],
    ["a connection cut after the request was taken", ["cut-after-request"], { tries: 2, status: 200 }],
    ["a cut connection and a 503", ["cut-after-request", "503"], { tries: 3, status: 200 }],
    ["two connections cut", ["cut-after-request", "cut-after-request"], { tries: 3, status: 200 }],
  ];
  for (const [what, plan, expected] of FAULTS) {
    it(requirement(`an event with an insertId is one event through ${what}`, "D", SDK), async () => {
      const eventType = `retried through ${what}`;
      const proxy = await startFaultyProxy({ target: server.baseUrl, plan });
      const { created, ...seen } = await sendAsSdk(
        `${proxy.baseUrl}/greenflash/api/v1`,
        server.dev.apiKey,
        anEvent({ eventType, insertId: eventType }),
      );
      await proxy.close();
      expect(seen).toEqual(expected);
      expect(new Set(proxy.requests.map(({ body }) => body.toString())).size).toBe(1);
      await caughtUp(server);
      const events = await readAll<{ event: string; eventId: string }>(server, "/api/v1/events");
      const own = events.filter(({ event }) => event === eventType).map(({ eventId }) => eventId);
      expect(own).toEqual([created.eventId]);
    });
  }

  it(requirement("an event without an insertId is stored once per request that arrived", "S", SDK), async () => {
    const proxy = await startFaultyProxy({ target: server.baseUrl, plan: ["cut-after-request"] });
    const sent = anEvent({ eventType: "no_insert_id" });
    await sendAsSdk(`${proxy.baseUrl}/greenflash/api/v1`, server.dev.apiKey, sent);
    await proxy.close();
    await caughtUp(server);
    const events = await readAll<{ event: string }>(server, "/api/v1/events");
    expect(events.filter(({ event }) => event === "no_insert_id")).toHaveLength(2);
  });

  it(requirement("a request that can never succeed is not tried again", "S", SDK), async () => {
    const proxy = await startFaultyProxy({ target: server.baseUrl, plan: [] });
    const sent = sendAsSdk(`${proxy.baseUrl}/greenflash/api/v1`, server.dev.apiKey, anEvent({ value: 1 }));
    await expect(sent).rejects.toThrow("answered 400");
    expect(proxy.requests).toHaveLength(1);
    await proxy.close();
    expect((await kept(server, anEvent())).event).toBe("upgrade");
  });
});
