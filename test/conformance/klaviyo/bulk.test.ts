// Klaviyo's bulk endpoints and those for browsers on a real server.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, caughtUp, readAll } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { freshWorkspace } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import {
  anAddress,
  BULK_JOBS,
  bulkItem,
  bulkJob,
  CLIENT_BULK,
  CLIENT_EVENTS,
  countOf,
  EVENTS,
  eventsOf,
  kept,
  metricNamed,
  nestedEvent,
  OPENAPI,
  OURS,
  personOf,
  profileOf,
  refused,
  send,
  taken,
  told,
  unique,
} from "./calls.ts";

const FIXTURE = "segmentio/action-destinations, Klaviyo's fixtures";
const ITEMS = "/data/attributes/events-bulk-create/data";

interface Rejected {
  source: string;
  reason: string;
  message: string;
  payload: unknown;
}

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

const as = (apiKey: string): DevServer => ({ ...server, dev: { ...server.dev, apiKey } });
const eventOf = (metric: string, over: object = {}) => ({ metric: metricNamed(metric), ...over });
const clientBulk = (item: Record<string, unknown>) => ({ data: item });

describe("bulk jobs", () => {
  for (const path of [BULK_JOBS, `${BULK_JOBS}/`]) {
    it(
      requirement(`records the events of many profiles at ${path}, and answers 202 with an empty body`, "D", OPENAPI),
      async () => {
        const metric = unique("metric");
        const [ann, bob] = [anAddress(), anAddress()];
        const job = bulkJob([
          bulkItem(
            [eventOf(metric, { unique_id: "1", value: 1 }), eventOf(metric, { unique_id: "2" })],
            profileOf({ email: ann }),
          ),
          bulkItem([eventOf(metric, { unique_id: "1", time: "2022-11-08T00:00:00Z" })], profileOf({ email: bob })),
        ]);
        await taken(server, path, job);
        const events = await eventsOf(server, metric, 3);
        expect(events.map(({ data }) => data)).toEqual([{ value: 1 }, {}, {}]);
        expect(events[0]?.profileId).toBe(events[1]?.profileId);
        const people = await Promise.all(events.map(async (event) => await personOf(server, event)));
        expect(people.map(({ email }) => email)).toEqual([ann, ann, bob]);
      },
    );
  }

  it(requirement("records a repeated job once", "D", OPENAPI), async () => {
    const metric = unique("metric");
    const job = bulkJob([bulkItem([eventOf(metric, { unique_id: "1" }), eventOf(metric, { unique_id: "1" })])]);
    await taken(server, BULK_JOBS, job);
    await taken(server, BULK_JOBS, job);
    expect(await countOf(server, metric)).toBe(1);
  });

  it(requirement("takes 1,000 events and refuses 1,001, over all profiles", "D", OPENAPI), async () => {
    const metric = unique("metric");
    const many = (count: number) => Array.from({ length: count }, (_, i) => eventOf(metric, { unique_id: String(i) }));
    await taken(server, BULK_JOBS, bulkJob([bulkItem(many(500)), bulkItem(many(500))]));
    const answer = await refused(server, BULK_JOBS, bulkJob([bulkItem(many(500)), bulkItem(many(501))]));
    expect(told(answer)).toEqual([400, ITEMS]);
    await caughtUp(server);
    const all = await readAll<{ event: string }>(server, "/api/v1/events");
    expect(all.filter(({ event }) => event === metric)).toHaveLength(1_000);
  });

  it(requirement("refuses the whole request for one bad item, and says which", "W", FIXTURE), async () => {
    const metric = unique("metric");
    const good = bulkItem([eventOf(metric)]);
    const bad = bulkItem([eventOf(metric)], profileOf({ email: "no address" }));
    for (const [items, pointer] of [
      [[bad, good], `${ITEMS}/0/attributes/email`],
      [[good, bad], `${ITEMS}/1/attributes/email`],
      [[good, bulkItem([eventOf(metric, { time: "never" })])], `${ITEMS}/1/attributes/events/data/0/attributes/time`],
      [[good, { type: "event-bulk-create" }], `${ITEMS}/1`],
    ] as const) {
      expect(told(await refused(server, BULK_JOBS, bulkJob([...items])))).toEqual([400, pointer]);
    }
    expect(await countOf(server, metric)).toBe(0);
  });

  it(requirement("ignores phone numbers that are none beside other identifiers, and says so", "A", OURS), async () => {
    const item = bulkItem([eventOf(unique("metric"))], profileOf({ email: anAddress(), phone_number: "12" }));
    const answer = await taken(server, BULK_JOBS, bulkJob([item]));
    expect(answer.headers.get("x-klaviyo-partial-failure")).toBe("phone_number");
  });

  it(
    requirement(
      "keeps an event that turns out to be about nobody among the rejected ones, and records the others",
      "A",
      OURS,
    ),
    async () => {
      const metric = unique("metric");
      const nobody = profileOf({ id: "01GDDKASAP8TKDDA2GRZDSVP4H" });
      const job = bulkJob([bulkItem([eventOf(metric)], nobody), bulkItem([eventOf(metric)])]);
      const answer = await taken(server, BULK_JOBS, job);
      expect(answer.headers.get("x-rejected-events")).toBe("1");
      expect(await eventsOf(server, metric)).toHaveLength(1);
      const [rejected] = await readAll<Rejected>(server, "/api/v1/rejected-events");
      expect(rejected).toMatchObject({
        source: "klaviyo",
        reason: "profile_not_found",
        payload: { profile: nobody.data },
      });
    },
  );

  it(
    requirement("keeps every event of a job that is about nobody, however large they are together", "A", OURS),
    async () => {
      const { apiKey } = await freshWorkspace(server);
      const metric = unique("metric");
      const text = "x".repeat(100_000);
      const profile = profileOf({ id: "01GDDKASAP8TKDDA2GRZDSVP4H", properties: { a: text, b: text, c: text } });
      const events = Array.from({ length: 115 }, (_, i) => eventOf(metric, { unique_id: String(i) }));
      const authorization = `Klaviyo-API-Key ${apiKey}`;
      const answer = await taken(server, BULK_JOBS, bulkJob([bulkItem(events, profile)]), { authorization });
      expect(answer.headers.get("x-rejected-events")).toBe("115");
      const rejected = await readAll<Rejected>(as(apiKey), "/api/v1/rejected-events");
      expect(rejected).toHaveLength(115);
      expect(rejected[0]?.payload).toMatchObject({ profile: profile.data, event: { unique_id: "114" } });
    },
  );

  it(
    requirement("keeps an event of more than half a megabyte whole, when it turns out to be about nobody", "A", OURS),
    async () => {
      const { apiKey } = await freshWorkspace(server);
      const texts = Array.from({ length: 40 }, (_, i) => [`t${i}`, "x".repeat(100_000)]);
      const properties = Object.fromEntries(texts) as Record<string, string>;
      const item = bulkItem([eventOf(unique("metric"), { properties })], profileOf({ id: "nobody" }));
      await taken(server, BULK_JOBS, bulkJob([item]), { authorization: `Klaviyo-API-Key ${apiKey}` });
      const [rejected] = await readAll<Rejected>(as(apiKey), "/api/v1/rejected-events");
      expect(rejected?.payload).toMatchObject({ event: { properties } });
    },
  );

  it(requirement("keeps no key that stands in an event, however deep", "A", OURS), async () => {
    const { apiKey, writeKey } = await freshWorkspace(server);
    const properties = { notes: [{ text: `use ${apiKey} or ${writeKey}.` }] };
    const item = bulkItem([eventOf(unique("metric"), { properties })], profileOf({ id: "nobody" }));
    await taken(server, BULK_JOBS, bulkJob([item]), { authorization: `Klaviyo-API-Key ${apiKey}` });
    const [rejected] = await readAll<Rejected>(as(apiKey), "/api/v1/rejected-events");
    expect(rejected?.payload).toMatchObject({
      event: { properties: { notes: [{ text: "use wp_sk_removed or wp_wk_removed." }] } },
    });
  });

  it(requirement("takes a job without items", "A", OURS), async () => {
    expect((await send(server, BULK_JOBS, bulkJob([]))).status).toBe(202);
  });

  it(requirement("is not there before revision 2024-05-15", "D", OPENAPI), async () => {
    const { status, errors } = await refused(server, BULK_JOBS, bulkJob([]), { revision: "2024-02-15" });
    expect([status, errors[0]?.detail]).toEqual([404, "No valid revisions found for method"]);
    await taken(server, BULK_JOBS, bulkJob([]), { revision: "2024-05-15" });
  });
});

describe("browsers", () => {
  for (const path of [CLIENT_EVENTS, `${CLIENT_EVENTS}/`]) {
    it(
      requirement(`takes an event at ${path} with a write key as company_id and no Authorization`, "D", OPENAPI),
      async () => {
        expect(await kept(server, nestedEvent(), { path })).toMatchObject({ source: "klaviyo" });
      },
    );
  }

  it(requirement("takes the flat shape before revision 2023-07-15", "D", OPENAPI), async () => {
    const event = { profile: { $email: anAddress() }, metric: { name: unique("metric") }, properties: {} };
    const body = { data: { type: "event", attributes: event } };
    expect((await send(server, CLIENT_EVENTS, body, { revision: "2023-02-22" })).status).toBe(202);
  });

  for (const path of [CLIENT_BULK, `${CLIENT_BULK}/`]) {
    it(requirement(`takes many events of one profile at ${path}`, "D", OPENAPI), async () => {
      const metric = unique("metric");
      const item = bulkItem([eventOf(metric, { unique_id: "1" }), eventOf(metric, { unique_id: "2" })]);
      await taken(server, path, clientBulk(item));
      const [first, second] = await eventsOf(server, metric, 2);
      expect(second?.profileId).toBe(first?.profileId);
    });
  }

  it(requirement("takes 1,000 events of one profile and refuses 1,001", "D", OPENAPI), async () => {
    const metric = unique("metric");
    const many = (count: number) => Array.from({ length: count }, (_, i) => eventOf(metric, { unique_id: String(i) }));
    await taken(server, CLIENT_BULK, clientBulk(bulkItem(many(1_000))));
    const answer = await refused(server, CLIENT_BULK, clientBulk(bulkItem(many(1_001))));
    expect(told(answer)).toEqual([400, "/data/attributes/events/data"]);
  });

  it(requirement("names the field of a bad profile in a client's bulk", "A", OURS), async () => {
    const item = bulkItem([eventOf(unique("metric"))], profileOf({ email: "no address" }));
    const answer = await refused(server, CLIENT_BULK, clientBulk(item));
    expect(told(answer)).toEqual([400, "/data/attributes/profile/data/attributes/email"]);
  });

  it(requirement("refuses a company_id that is missing, unknown, or a secret key", "A", OURS), async () => {
    for (const companyId of ["", "AbC123", server.dev.apiKey]) {
      const { status, errors } = await refused(server, CLIENT_EVENTS, nestedEvent(), { companyId });
      expect([status, errors[0]?.code, errors[0]?.source]).toEqual([
        401,
        "not_authenticated",
        { parameter: "company_id" },
      ]);
    }
  });

  it(requirement("refuses a write key where a private key is needed", "A", OURS), async () => {
    const authorization = `Klaviyo-API-Key ${server.dev.writeKey}`;
    expect((await send(server, EVENTS, nestedEvent(), { authorization })).status).toBe(401);
  });

  it(requirement("answers a browser's preflight for the revision and content-type headers", "A", OURS), async () => {
    const response = await fetch(`${server.baseUrl}${CLIENT_EVENTS}?company_id=${server.dev.writeKey}`, {
      method: "OPTIONS",
      headers: {
        origin: "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,revision",
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(response.headers.get("access-control-allow-headers")).toBe("content-type,revision");
    expect(response.headers.get("access-control-allow-methods")?.split(",")).toContain("POST");
  });

  it(requirement("lets a page read every answer, errors too", "A", OURS), async () => {
    const origin = "https://shop.example";
    for (const companyId of [server.dev.writeKey, "wrong"]) {
      const answer = await send(server, CLIENT_EVENTS, nestedEvent(), { companyId, headers: { origin } });
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect(answer.headers.get("access-control-expose-headers")).toContain("RateLimit-Remaining");
    }
  });

  it(requirement("refuses a key that was revoked, on every path", "A", OURS), async () => {
    const admin = { authorization: `Bearer ${server.dev.adminToken}` };
    const make = async (kind: string) => {
      const body = { workspaceId: server.dev.workspaceId, kind, label: "t", scopes: ["events:write"] };
      const made = await call(server, "/api/v1/api-keys", { method: "POST", headers: admin, body });
      const { id, key } = JSON.parse(made.text) as { id: string; key: string };
      await call(server, `/api/v1/api-keys/${id}`, { method: "DELETE", headers: admin });
      return key;
    };
    const companyId = await make("write");
    const authorization = `Klaviyo-API-Key ${await make("secret")}`;
    for (const [path, body] of [
      [EVENTS, nestedEvent()],
      [EVENTS, {}],
      [BULK_JOBS, bulkJob([bulkItem([eventOf(unique("metric"))])])],
      [BULK_JOBS, bulkJob([])],
      [CLIENT_EVENTS, nestedEvent()],
      [CLIENT_BULK, {}],
    ] as const) {
      const { status, errors } = await refused(server, path, body, { authorization, companyId });
      expect([path, status, errors[0]?.code]).toEqual([path, 401, "not_authenticated"]);
    }
  });
});
