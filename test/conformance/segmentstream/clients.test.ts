// A backend on SegmentStream's HTTP API: the documented example as bytes, and retries through faults.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy, type Fault } from "../../support/faulty-proxy.ts";
import { exchange } from "../raw-exchange.ts";
import { requirement } from "../requirement.ts";
import { aName, basic, eventsNamed, profileOf, REFERENCE } from "./calls.ts";

const EXAMPLE_NAME = "Registered";
/** The documentation's example call, word for word. */
const EXAMPLE = `{
  "hitId": "4c59d330-35c7-11e9-8f27-8d1d7d4690e7",
  "sentAt": "2019-02-21T10:56:10.723Z",
  "event": {
    "category": "Auth",
    "name": "${EXAMPLE_NAME}",
    "label": "some label",
    "user": {
      "anonymousId": "80ddb140-35c6-11e9-bd56-eb1c05e6de18",
      "emailHash": "eff8c37862c7a2f0019448289bdd0869c30ae7f07060e4be9d",
      "userId": "u2783187492",
      "firstName": "John",
      "lastName": "Doe"
    },
    "nonInteraction": false
  },
  "context": {
    "ip": "123.22.334.55"
  }
}`;

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

describe("the HTTP API's client", () => {
  it(requirement("takes the documented example call", "D", REFERENCE), async () => {
    const [answer] = await exchange(
      server.port,
      [
        "POST /segmentstream/track HTTP/1.1",
        "Host: track.segmentstream.com",
        `Authorization: ${basic(server.dev.writeKey)}`,
        "content-type: application/json",
        `content-length: ${Buffer.byteLength(EXAMPLE)}`,
        "",
        EXAMPLE,
      ].join("\r\n"),
    );
    expect([answer?.status, answer?.text]).toEqual([204, ""]);
    const [event] = await eventsNamed(server, EXAMPLE_NAME);
    expect(event).toMatchObject({
      occurredAt: "2019-02-21T10:56:10.723Z",
      source: "segmentstream",
      data: { category: "Auth", label: "some label", nonInteraction: false, context: { ip: "123.22.334.55" } },
    });
    expect(await profileOf(server, event as NonNullable<typeof event>)).toMatchObject({
      externalId: "u2783187492",
      aliases: [{ kind: "anonymousId", value: "80ddb140-35c6-11e9-bd56-eb1c05e6de18" }],
      properties: {
        emailHash: "eff8c37862c7a2f0019448289bdd0869c30ae7f07060e4be9d",
        firstName: "John",
        lastName: "Doe",
      },
    });
  });

  it(requirement("is reached by another URL and token", "D", REFERENCE), async () => {
    const [origin, token, name] = [server.baseUrl, server.dev.writeKey, aName()];
    const hit = { hitId: "moved-1", event: { name, user: { userId: "moved" } } };
    // region: track
    const response = await fetch(`${origin}/segmentstream/track`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${token}:`)}`, "content-type": "application/json" },
      body: JSON.stringify(hit),
    });
    // endregion
    expect(response.status).toBe(204);
    expect(await eventsNamed(server, name)).toHaveLength(1);
  });

  const FAULTS: [string, Fault[]][] = [
    ["two 503s before it was taken", ["503", "503"]],
    ["a connection cut after it was taken", ["cut-after-request"]],
    ["a cut connection and a 503", ["cut-after-request", "503"]],
    ["two connections cut", ["cut-after-request", "cut-after-request"]],
  ];
  for (const [what, plan] of FAULTS) {
    it(requirement(`a hit with a hitId is one event through ${what}`, "D", REFERENCE), async () => {
      const name = aName();
      const proxy = await startFaultyProxy({ target: server.baseUrl, plan });
      const hit = JSON.stringify({ hitId: name, event: { name, user: { userId: "retried" } } });
      await untilTaken(`${proxy.baseUrl}/segmentstream/track`, hit);
      await proxy.close();
      expect(proxy.requests).toHaveLength(plan.length + 1);
      expect(await eventsNamed(server, name)).toHaveLength(1);
    });
  }
});

/** Sends a hit until it is answered with a 204, as a backend's queue does. */
async function untilTaken(url: string, body: string): Promise<void> {
  const headers = { authorization: basic(server.dev.writeKey), "content-type": "application/json" };
  for (let tries = 0; tries < 5; tries++) {
    const response = await fetch(url, { method: "POST", headers, body }).catch(() => null);
    if (response?.status === 204) return;
  }
  throw new Error("the hit was never taken");
}
