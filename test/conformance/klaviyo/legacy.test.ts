// Klaviyo's first API, `track` and `identify`, as klaviyo-node 1.0.8 and node-klaviyo 1.1.3 send them.
import { Buffer } from "node:buffer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { revokedKey } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import { anAddress, countOf, EVENTS, eventsOf, FLAT, flatEvent, OURS, personOf, taken, unique } from "./calls.ts";

const TRACK = "/klaviyo/api/track";
const IDENTIFY = "/klaviyo/api/identify";
const OLD_CLIENT = "klaviyo-node 1.0.8";
const OLD_CLIENT_POST = "node-klaviyo 1.1.3";
const OLD_DOCS = "Track and Identify, version 1";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

type Fields = Record<string, unknown>;

function tracked(over: Fields = {}): Fields {
  const customer_properties = { $email: anAddress() };
  return { token: server.dev.writeKey, event: unique("metric"), customer_properties, properties: {}, ...over };
}

async function get(path: string, data: string): Promise<[number, string]> {
  const { status, text } = await call(server, `${path}?data=${encodeURIComponent(data)}`, { key: "" });
  return [status, text];
}

async function post(path: string, body: string, contentType: string): Promise<[number, string]> {
  const options = { method: "POST", headers: { "content-type": contentType }, body, key: "" };
  const { status, text } = await call(server, path, options);
  return [status, text];
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");
const TAKEN = [200, "1"];
const REFUSED = [200, "0"];

describe("track", () => {
  for (const path of [TRACK, `${TRACK}/`]) {
    it(requirement(`takes base64 of JSON in the query of GET ${path} and answers 1`, "S", OLD_CLIENT), async () => {
      const email = anAddress();
      const customer_properties = { $email: email, $first_name: "Matt", plan: "trial" };
      const sent = tracked({
        customer_properties,
        properties: { a: 1, $value: 5, $extra: { b: 2 } },
        time: 1_667_865_600,
      });
      expect(await get(path, base64(sent))).toEqual(TAKEN);
      const [event] = await eventsOf(server, sent["event"] as string);
      expect(event).toMatchObject({ source: "klaviyo", occurredAt: "2022-11-08T00:00:00.000Z" });
      expect(event?.data).toEqual({ a: 1, $extra: { b: 2 }, value: 5 });
      const person = await personOf(server, event as { profileId: string });
      expect(person).toMatchObject({ email, properties: { first_name: "Matt", plan: "trial" } });
    });

    it(requirement(`takes a form with JSON as data at POST ${path}`, "S", OLD_CLIENT_POST), async () => {
      const form = (data: string) => new URLSearchParams({ data }).toString();
      const type = "application/x-www-form-urlencoded";
      expect(await post(path, form(JSON.stringify(tracked())), type)).toEqual(TAKEN);
      expect(await post(path, form(base64(tracked())), type)).toEqual(TAKEN);
    });
  }

  it(requirement("takes JSON as the body of a POST", "D", OLD_DOCS), async () => {
    for (const type of ["application/json", "text/plain"]) {
      expect(await post(TRACK, JSON.stringify(tracked()), type)).toEqual(TAKEN);
    }
  });

  it(
    requirement("takes base64 of the other alphabet, and with plus signs that were not escaped", "A", OURS),
    async () => {
      const data = base64(tracked({ properties: { text: "ÿÿÿ>>>???" } }));
      expect(data).toMatch(/[+/]/);
      expect(await get(TRACK, data.replaceAll("+", "-").replaceAll("/", "_"))).toEqual(TAKEN);
      const { text } = await call(server, `${TRACK}?data=${base64(tracked({ properties: { t: "ÿ>>>ÿ" } }))}`, {
        key: "",
      });
      expect(text).toBe("1");
    },
  );

  it(requirement("needs no revision", "S", OLD_CLIENT), async () => {
    expect(await get(TRACK, base64(tracked()))).toEqual(TAKEN);
  });

  it(requirement("answers 0 to what is not valid", "D", OLD_DOCS), async () => {
    for (const sent of [
      tracked({ event: "" }),
      tracked({ event: "x".repeat(128) }),
      tracked({ customer_properties: {} }),
      tracked({ customer_properties: undefined }),
      tracked({ customer_properties: { $phone_number: "12" } }),
      tracked({ properties: [] }),
      tracked({ time: "never" }),
      tracked({ time: 946_684_799 }),
      tracked({ properties: { text: "x".repeat(102_401) } }),
      [],
    ]) {
      const type = "application/x-www-form-urlencoded";
      const body = new URLSearchParams({ data: JSON.stringify(sent) }).toString();
      expect(await post(TRACK, body, type)).toEqual(REFUSED);
    }
    expect(await get(TRACK, "%%%")).toEqual(REFUSED);
    expect(await get(TRACK, "")).toEqual(REFUSED);
    expect(await post(TRACK, "", "application/json")).toEqual(REFUSED);
  });

  it(requirement("answers 0 to a token that is missing, unknown, revoked, or a secret key", "A", OURS), async () => {
    const revoked = await revokedKey(server, server.dev.workspaceId, "write");
    for (const token of [undefined, "AbC123", server.dev.apiKey, revoked, 7]) {
      const sent = tracked({ token });
      expect(await get(TRACK, base64(sent))).toEqual(REFUSED);
      expect(await countOf(server, sent["event"] as string)).toBe(0);
    }
  });

  it(
    requirement("records the first of events with one $event_id, in one space with unique_id", "A", OURS),
    async () => {
      const sent = tracked({ properties: { $event_id: "e1" } });
      expect(await get(TRACK, base64({ ...sent, time: 1_667_865_600 }))).toEqual(TAKEN);
      expect(await get(TRACK, base64({ ...sent, time: 1_667_865_601 }))).toEqual(TAKEN);
      const event = { metric: { name: sent["event"] }, profile: sent["customer_properties"], unique_id: "e1" };
      await taken(server, EVENTS, flatEvent(event), { revision: FLAT });
      expect(await countOf(server, sent["event"] as string)).toBe(1);
    },
  );

  it(requirement("takes the time to the second for an absent $event_id", "A", OURS), async () => {
    const sent = tracked();
    for (const time of [1_667_865_600, "1667865600", 1_667_865_600.9, "2022-11-08T00:00:00Z", 1_667_865_601]) {
      expect(await get(TRACK, base64({ ...sent, time }))).toEqual(TAKEN);
    }
    expect(await countOf(server, sent["event"] as string)).toBe(2);
  });

  it(requirement("keeps the address of an event as its context", "A", OURS), async () => {
    const sent = tracked({ ip: "192.0.2.1", properties: { a: 1 } });
    expect(await get(TRACK, base64(sent))).toEqual(TAKEN);
    expect((await eventsOf(server, sent["event"] as string))[0]?.data).toEqual({ a: 1, context: { ip: "192.0.2.1" } });
  });

  it(requirement("tells the rate, as every endpoint does", "A", OURS), async () => {
    const { headers } = await call(server, `${TRACK}?data=${encodeURIComponent(base64(tracked()))}`, { key: "" });
    expect(headers.get("ratelimit-limit")).toBe("3500");
  });

  it(requirement("refuses a HEAD with 405, and stores nothing", "A", OURS), async () => {
    for (const path of [TRACK, IDENTIFY]) {
      const sent = tracked();
      const data = encodeURIComponent(base64({ ...sent, properties: { $email: anAddress() } }));
      const { status, headers, text } = await call(server, `${path}?data=${data}`, { method: "HEAD", key: "" });
      expect([status, headers.get("allow"), text]).toEqual([405, "GET, POST", ""]);
      expect(await countOf(server, sent["event"] as string)).toBe(0);
    }
  });

  it(requirement("names the methods it takes to every other one", "A", OURS), async () => {
    const { status, headers } = await call(server, TRACK, { method: "PUT", key: "", body: {} });
    expect([status, headers.get("allow")]).toEqual([405, "GET, POST"]);
  });

  it(requirement("has no answer that may be cached", "A", OURS), async () => {
    for (const data of [base64(tracked()), "%%%"]) {
      const { headers } = await call(server, `${TRACK}?data=${encodeURIComponent(data)}`, { key: "" });
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  it(requirement("takes a $value that is a number written as text for the number", "A", OURS), async () => {
    const sent = tracked({ properties: { $value: "12.50" } });
    expect(await get(TRACK, base64(sent))).toEqual(TAKEN);
    expect((await eventsOf(server, sent["event"] as string))[0]?.data).toEqual({ value: 12.5 });
  });

  it(requirement("writes nothing of a request's URL to its output", "A", OURS), async () => {
    const secret = unique("secret").replaceAll(" ", "");
    const data = base64(tracked({ properties: { secret } }));
    expect(await get(TRACK, data)).toEqual(TAKEN);
    expect(await get(TRACK, `${data.slice(0, -8)}x`)).toEqual(REFUSED);
    const output = server.stdout() + server.stderr();
    expect([output.includes(secret), output.includes(data.slice(0, 40)), output.includes("data=")]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe("identify", () => {
  for (const [i, path] of [IDENTIFY, `${IDENTIFY}/`].entries()) {
    it(
      requirement(`finds or makes the person at ${path}, patches properties, and records $identify`, "S", OLD_CLIENT),
      async () => {
        const email = anAddress();
        const first = { token: server.dev.writeKey, properties: { $email: email, $first_name: "Matt", plan: "trial" } };
        expect(await get(path, base64(first))).toEqual(TAKEN);
        const second = { token: server.dev.writeKey, properties: { $email: email, $id: unique("id"), plan: "Pro" } };
        const body = new URLSearchParams({ data: JSON.stringify(second) }).toString();
        expect(await post(path, body, "application/x-www-form-urlencoded")).toEqual(TAKEN);
        const seen = (await eventsOf(server, "$identify", 2 * (i + 1))).slice(-2);
        expect(seen[1]?.profileId).toBe(seen[0]?.profileId);
        const person = await personOf(server, seen[1] as { profileId: string });
        expect(person).toMatchObject({ email, externalId: second.properties.$id });
        expect(person.properties).toEqual({ first_name: "Matt", plan: "Pro" });
      },
    );
  }

  it(requirement("answers 0 to a person without an identifier", "D", OLD_DOCS), async () => {
    const sent = { token: server.dev.writeKey, properties: { $first_name: "Matt" } };
    expect(await get(IDENTIFY, base64(sent))).toEqual(REFUSED);
    expect(await get(IDENTIFY, base64({ token: server.dev.writeKey }))).toEqual(REFUSED);
  });
});
