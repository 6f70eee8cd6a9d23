// Klaviyo's "Create Event" on a real server: paths, shapes, people, times and repeats.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activateJourney, call } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { SOON_MS } from "../../support/patience.ts";
import { exchange } from "../raw-exchange.ts";
import { requirement } from "../requirement.ts";
import {
  aJourneyOn,
  anAddress,
  BULK_JOBS,
  CLIENT_EVENTS,
  countOf,
  EVENTS,
  eventsOf,
  FIRST_NESTED,
  FLAT,
  flatEvent,
  kept,
  metricNamed,
  nestedEvent,
  NEWEST,
  OPENAPI,
  OURS,
  personOf,
  profileOf,
  REFERENCE,
  refused,
  send,
  taken,
  told,
  unique,
} from "./calls.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

describe("the request", () => {
  it(requirement("answers 202 with an empty body", "D", REFERENCE), async () => {
    const answer = await taken(server, EVENTS, flatEvent(), { revision: FLAT });
    expect([answer.text, answer.headers.get("content-type")]).toEqual(["", null]);
  });

  for (const path of [EVENTS, `${EVENTS}/`]) {
    it(requirement(`takes both shapes at ${path}`, "D", OPENAPI), async () => {
      const flat = await send(server, path, flatEvent(), { revision: "2023-01-24" });
      const nested = await send(server, path, nestedEvent(), { revision: NEWEST });
      expect([flat.status, nested.status]).toEqual([202, 202]);
    });
  }

  it(
    requirement("reads the flat shape before revision 2023-07-15, the nested one from then on", "D", OPENAPI),
    async () => {
      for (const revision of ["2022-10-17", "2023-01-24", "2023-02-22", FLAT]) {
        await taken(server, EVENTS, flatEvent(), { revision });
        const { errors } = await refused(server, EVENTS, nestedEvent(), { revision });
        expect(errors[0]?.source.pointer).toMatch(/^\/data\/attributes\/(metric|profile)/);
      }
      for (const revision of [FIRST_NESTED, "2023-08-15", "2024-10-15", NEWEST]) {
        await taken(server, EVENTS, nestedEvent(), { revision });
        const { errors } = await refused(server, EVENTS, flatEvent(), { revision });
        expect(errors.map(({ detail }) => detail)).toContain("'data' is a required field for the resource 'metric'.");
      }
    },
  );

  it(requirement("takes a revision with a suffix", "D", REFERENCE), async () => {
    expect((await send(server, EVENTS, nestedEvent(), { revision: "2024-10-15.pre" })).status).toBe(202);
  });

  for (const contentType of ["application/json", "application/vnd.api+json"]) {
    it(requirement(`takes ${contentType} at every revision`, "S", "klaviyo-api 2.1.1 and 23.0.0"), async () => {
      const headers = { "content-type": contentType };
      const flat = await send(server, EVENTS, flatEvent(), { revision: FLAT, headers });
      const nested = await send(server, EVENTS, nestedEvent(), { headers });
      expect([flat.status, nested.status]).toEqual([202, 202]);
    });
  }

  it(requirement("takes the key as Klaviyo-API-Key and as Bearer", "D", OPENAPI), async () => {
    for (const scheme of ["Klaviyo-API-Key", "Bearer"]) {
      const answer = await send(server, EVENTS, nestedEvent(), { authorization: `${scheme} ${server.dev.eventsKey}` });
      expect([scheme, answer.status]).toEqual([scheme, 202]);
    }
  });
});

describe("the event", () => {
  it(requirement("keeps the metric's name, the properties, the value and the instant", "D", REFERENCE), async () => {
    const properties = { Brand: "Kids Book", Categories: ["Fiction"], $extra: { URL: "http://www.example.com/p" } };
    const time = "2022-11-08T00:00:00";
    const event = await kept(server, flatEvent({ properties, time, value: 9.99 }), { revision: "2023-01-24" });
    expect(event).toMatchObject({ source: "klaviyo", occurredAt: "2022-11-08T00:00:00.000Z" });
    expect(event.data).toEqual({ ...properties, value: 9.99 });
  });

  it(requirement("keeps value_currency beside the value", "D", "OpenAPI description, 2024-02-15"), async () => {
    const { data } = await kept(server, nestedEvent({ value: 9.99, value_currency: "USD" }));
    expect(data).toEqual({ value: 9.99, value_currency: "USD" });
  });

  it(requirement("takes a value that is a number written as text for the number", "A", OURS), async () => {
    for (const [value, stored] of [
      ["9.99", 9.99],
      ["-1e3", -1_000],
      ["007", "007"],
      ["12345678901234567890", "12345678901234567890"],
    ]) {
      expect((await kept(server, nestedEvent({ value }))).data).toEqual({ value: stored });
    }
  });

  it(requirement("answers with no byte of a body also to whom accepts compressed ones", "A", OURS), async () => {
    const body = JSON.stringify(nestedEvent());
    const { port } = new URL(server.baseUrl);
    const head = [
      `POST ${EVENTS} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      `Authorization: Klaviyo-API-Key ${server.dev.apiKey}`,
      `revision: ${NEWEST}`,
      "Accept-Encoding: gzip, deflate, br",
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    const [answer] = await exchange(Number(port), `${head.join("\r\n")}\r\n\r\n${body}`);
    expect([answer?.status, answer?.bodyBytes]).toEqual([202, 0]);
  });

  it(requirement("keeps a property called value, and the value as $value", "A", OURS), async () => {
    const { data } = await kept(server, nestedEvent({ properties: { value: "high" }, value: 9.99 }));
    expect(data).toEqual({ value: "high", $value: 9.99 });
  });

  it(requirement("keeps names such as __proto__ as data", "A", OURS), async () => {
    const metric = unique("metric");
    const text = JSON.stringify(nestedEvent({ metric: metricNamed(metric) })).replace(
      '"properties":{}',
      '"properties":{"__proto__":{"a":1},"constructor":2}',
    );
    await taken(server, EVENTS, text);
    const [event] = await eventsOf(server, metric);
    expect(JSON.stringify(event?.data)).toBe('{"__proto__":{"a":1},"constructor":2}');
  });

  it(requirement("takes null for every optional field", "D", "OpenAPI description, 2024-03-22"), async () => {
    const nothing = { time: null, value: null, value_currency: null, unique_id: null, backfill: null };
    const profile = profileOf({ email: anAddress(), phone_number: null, first_name: null, location: null, meta: null });
    expect((await kept(server, nestedEvent({ ...nothing, profile }))).data).toEqual({});
    await taken(server, EVENTS, nestedEvent({ ...nothing, profile }), { revision: FIRST_NESTED });
  });

  it(
    requirement("records an event with backfill and starts no journey by it", "D", "OpenAPI description, 2026-04-30"),
    async () => {
      const metric = unique("metric");
      await activateJourney(server, aJourneyOn("backfill", metric));
      const at = (backfill: boolean) => nestedEvent({ metric: metricNamed(metric), backfill });
      await taken(server, EVENTS, at(true));
      await taken(server, EVENTS, at(false));
      const events = await eventsOf(server, metric, 2);
      expect(events.map(({ receipt }) => receipt.journeys.map(({ outcome }) => outcome))).toEqual([[], ["enrolled"]]);
    },
  );
});

describe("the time", () => {
  for (const [sent, stored] of [
    ["2022-11-08T00:00:00.789Z", "2022-11-08T00:00:00.000Z"],
    ["2022-11-08T00:00:59.999+02:00", "2022-11-07T22:00:59.000Z"],
  ]) {
    it(requirement(`truncates ${sent} to the second`, "D", REFERENCE), async () => {
      expect((await kept(server, nestedEvent({ time: sent }))).occurredAt).toBe(stored);
    });
  }

  it(requirement("takes a time without a zone for UTC", "A", OURS), async () => {
    expect((await kept(server, nestedEvent({ time: "2022-11-08T13:14:15" }))).occurredAt).toBe(
      "2022-11-08T13:14:15.000Z",
    );
  });

  it(
    requirement("takes the second in which the event is received for an event without a time", "D", REFERENCE),
    async () => {
      const { occurredAt, receivedAt } = await kept(server, nestedEvent());
      expect(occurredAt).toMatch(/:\d\d\.000Z$/);
      const delayMs = Date.parse(receivedAt) - Date.parse(occurredAt);
      // The Worker's clock, to the second, and the cell's a little later, on a machine that may be busy.
      expect([delayMs >= 0, delayMs < SOON_MS]).toEqual([true, true]);
    },
  );

  it(requirement("refuses a time before the year 2000", "D", REFERENCE), async () => {
    await taken(server, EVENTS, flatEvent({ time: "2000-01-01T00:00:00Z" }), { revision: FLAT });
    const early = await refused(server, EVENTS, flatEvent({ time: "1999-12-31T23:59:59Z" }), { revision: FLAT });
    expect(told(early)).toEqual([400, "/data/attributes/time"]);
    const next = { revision: "2026-04-15" };
    expect(told(await refused(server, EVENTS, nestedEvent({ time: "1999-12-31T23:59:59Z" }), next))).toEqual([
      400,
      "/data/attributes/time",
    ]);
  });

  it(
    requirement("takes a time from 1990 on from revision 2026-07-15", "D", "OpenAPI description, 2026-07-15"),
    async () => {
      await taken(server, EVENTS, nestedEvent({ time: "1990-01-01T00:00:00Z" }));
      expect(told(await refused(server, EVENTS, nestedEvent({ time: "1989-12-31T23:59:59Z" })))).toEqual([
        400,
        "/data/attributes/time",
      ]);
    },
  );

  it(requirement("refuses a time more than a year ahead", "D", REFERENCE), async () => {
    const inOneYear = new Date();
    inOneYear.setUTCFullYear(inOneYear.getUTCFullYear() + 1);
    const shifted = (ms: number) => nestedEvent({ time: new Date(inOneYear.getTime() + ms).toISOString() });
    await taken(server, EVENTS, shifted(-1_000));
    expect(told(await refused(server, EVENTS, shifted(600_000)))).toEqual([400, "/data/attributes/time"]);
  });

  it(requirement("refuses what is no date-time", "D", REFERENCE), async () => {
    for (const time of ["yesterday", "2022-02-30T00:00:00Z", 1_667_865_600, {}]) {
      expect(told(await refused(server, EVENTS, nestedEvent({ time })))).toEqual([400, "/data/attributes/time"]);
    }
  });
});

describe("repeats", () => {
  it(requirement("records the first of events with one unique_id, profile and metric", "D", REFERENCE), async () => {
    const metric = metricNamed(unique("metric"));
    const email = anAddress();
    const sent = (properties: object, plan: string) =>
      nestedEvent({ metric, properties, unique_id: "u1", profile: profileOf({ email, properties: { plan } }) });
    await taken(server, EVENTS, sent({ n: 1 }, "Pro"));
    await taken(server, EVENTS, sent({ n: 2 }, "Free"));
    const name = (metric["data"] as { attributes: { name: string } }).attributes.name;
    expect(await countOf(server, name)).toBe(1);
    const [event] = await eventsOf(server, name);
    expect(event?.data).toEqual({ n: 1 });
    expect((await personOf(server, event as { profileId: string })).properties).toEqual({ plan: "Pro" });
  });

  it(requirement("records one unique_id once for each profile and each metric", "D", REFERENCE), async () => {
    const metric = unique("metric");
    const other = unique("metric");
    const profile = { $email: anAddress() };
    await taken(server, EVENTS, flatEvent({ metric: { name: metric }, profile, unique_id: "u" }), { revision: FLAT });
    await taken(server, EVENTS, flatEvent({ metric: { name: other }, profile, unique_id: "u" }), { revision: FLAT });
    await taken(server, EVENTS, flatEvent({ metric: { name: metric }, unique_id: "u" }), { revision: FLAT });
    expect([await countOf(server, metric), await countOf(server, other)]).toEqual([2, 1]);
  });

  it(requirement("finds the person of a repeat by any identifier", "A", OURS), async () => {
    const metric = unique("metric");
    const [email, id] = [anAddress(), unique("id")];
    const sent = (profile: object) => flatEvent({ metric: { name: metric }, profile, unique_id: "u" });
    await taken(server, EVENTS, sent({ $email: email, $id: id }), { revision: FLAT });
    await taken(server, EVENTS, sent({ $id: id }), { revision: FLAT });
    expect(await countOf(server, metric)).toBe(1);
  });

  it(requirement("takes the time to the second for an absent unique_id", "D", REFERENCE), async () => {
    const metric = unique("metric");
    const profile = { $email: anAddress() };
    const at = (time: string) => flatEvent({ metric: { name: metric }, profile, time });
    await taken(server, EVENTS, at("2022-11-08T10:00:00.100Z"), { revision: FLAT });
    await taken(server, EVENTS, at("2022-11-08T10:00:00.900Z"), { revision: FLAT });
    await taken(server, EVENTS, at("2022-11-08T11:00:00+01:00"), { revision: FLAT });
    await taken(server, EVENTS, at("2022-11-08T10:00:01Z"), { revision: FLAT });
    expect(await countOf(server, metric)).toBe(2);
  });

  it(requirement("keeps a unique_id apart from a second that is written the same", "A", OURS), async () => {
    const metric = unique("metric");
    const profile = { $email: anAddress() };
    const event = { metric: { name: metric }, profile, time: "2022-11-08T10:00:00Z" };
    const seconds = String(Date.parse(event.time) / 1_000);
    await taken(server, EVENTS, flatEvent(event), { revision: FLAT });
    await taken(server, EVENTS, flatEvent({ ...event, unique_id: seconds }), { revision: FLAT });
    expect(await countOf(server, metric)).toBe(2);
  });

  it(requirement("takes an empty unique_id for none", "A", OURS), async () => {
    const metric = unique("metric");
    const profile = { $email: anAddress() };
    for (const time of ["2022-11-08T10:00:00Z", "2022-11-08T10:00:01Z"]) {
      const event = flatEvent({ metric: { name: metric }, profile, time, unique_id: "" });
      await taken(server, EVENTS, event, { revision: FLAT });
    }
    expect(await countOf(server, metric)).toBe(2);
  });

  it(requirement("is one space with the events of browsers and of bulk jobs", "A", OURS), async () => {
    const metric = metricNamed(unique("metric"));
    const email = anAddress();
    const event = nestedEvent({ metric, unique_id: "u", profile: profileOf({ email }) });
    await taken(server, EVENTS, event);
    await taken(server, CLIENT_EVENTS, event);
    const { profile, ...fields } = event.data.attributes;
    const item = {
      type: "event-bulk-create",
      attributes: { profile, events: { data: [{ type: "event", attributes: fields }] } },
    };
    const job = { data: { type: "event-bulk-create-job", attributes: { "events-bulk-create": { data: [item] } } } };
    await taken(server, BULK_JOBS, job);
    expect(await countOf(server, (metric["data"] as { attributes: { name: string } }).attributes.name)).toBe(1);
  });

  it(requirement("never meets an idempotency key of Waypost's own API", "A", OURS), async () => {
    const metric = unique("metric");
    const email = anAddress();
    const native = { event: metric, profile: { email } };
    const headers = { "idempotency-key": "u1" };
    const first = await call(server, "/api/v1/events", { method: "POST", headers, body: native });
    expect(first.status).toBe(202);
    const event = { metric: { name: metric }, profile: { $email: email }, unique_id: "u1" };
    await taken(server, EVENTS, flatEvent(event), { revision: FLAT });
    expect(await countOf(server, metric)).toBe(2);
  });
});

describe("other paths, methods and keys", () => {
  it(requirement("answers a path that is not there with a JSON:API error", "A", OURS), async () => {
    const { status, errors } = await refused(server, "/klaviyo/api/profiles", {});
    expect([status, errors[0]?.code]).toEqual([404, "not_found"]);
  });

  it(requirement("answers another method with 405 and Allow", "A", OURS), async () => {
    const answer = await call(server, EVENTS, { method: "PUT", body: {} });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ status: 405, code: "method_not_allowed" }] });
  });

  it(requirement("is refused with the key of Waypost's own header", "A", OURS), async () => {
    const headers = { "x-api-key": server.dev.apiKey };
    expect((await send(server, EVENTS, nestedEvent(), { authorization: null, headers })).status).toBe(401);
  });
});
