// The person inside Klaviyo's events: identifiers, properties, what is done to lists.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import {
  anAddress,
  BULK_JOBS,
  bulkItem,
  bulkJob,
  CLIENT_EVENTS,
  EVENTS,
  eventsOf,
  FLAT,
  flatEvent,
  kept,
  metricNamed,
  nestedEvent,
  OPENAPI,
  OURS,
  personOf,
  profileOf,
  REFERENCE,
  refused,
  taken,
  told,
  unique,
  type StoredProfile,
} from "./calls.ts";

const PHONE = "+14155550100";
const PARTIAL = "x-klaviyo-partial-failure";
const COMMUNITY = "Klaviyo community announcement";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

async function flatPerson(profile: object): Promise<StoredProfile> {
  return await personOf(server, await kept(server, flatEvent({ profile }), { revision: FLAT }));
}

async function nestedPerson(attributes: Record<string, unknown>): Promise<StoredProfile> {
  return await personOf(server, await kept(server, nestedEvent({ profile: profileOf(attributes) })));
}

describe("identifiers of a flat profile", () => {
  it(requirement("finds or makes the person by $email, $phone_number and $id", "D", REFERENCE), async () => {
    const [email, id] = [anAddress(), unique("id")];
    const person = await flatPerson({ $email: `  ${email.toUpperCase()} `, $phone_number: PHONE, $id: id });
    expect(person).toMatchObject({ email, phone: PHONE, externalId: id, sources: ["klaviyo"], properties: {} });
    expect((await flatPerson({ $id: id })).id).toBe(person.id);
    expect((await flatPerson({ $phone_number: PHONE })).id).toBe(person.id);
  });

  it(
    requirement("takes names without a dollar sign for identifiers when there is none with one", "A", OURS),
    async () => {
      const email = anAddress();
      expect(await flatPerson({ email, plan: "trial" })).toMatchObject({ email, properties: { plan: "trial" } });
      const other = await flatPerson({ $email: anAddress(), email });
      expect([other.email === email, other.properties]).toEqual([false, { email }]);
    },
  );

  it(requirement("refuses a profile without an identifier", "D", REFERENCE), async () => {
    for (const profile of [{}, { $first_name: "Matt" }, { $email: "null" }, { $email: null }, { $id: " " }]) {
      const answer = await refused(server, EVENTS, flatEvent({ profile }), { revision: FLAT });
      expect(told(answer)).toEqual([400, "/data/attributes/profile"]);
    }
  });

  it(requirement("refuses an address that is none, beside another identifier too", "A", OURS), async () => {
    const profile = { $email: "matt.kemp", $id: unique("id") };
    const answer = await refused(server, EVENTS, flatEvent({ profile }), { revision: FLAT });
    expect(told(answer)).toEqual([400, "/data/attributes/profile/$email"]);
  });

  it(requirement("ignores the exchange token", "A", OURS), async () => {
    expect((await flatPerson({ $email: anAddress(), _kx: "t", $exchange_id: "t" })).properties).toEqual({});
  });
});

describe("identifiers of a nested profile", () => {
  it(
    requirement("finds or makes the person by email, phone_number, external_id and anonymous_id", "D", OPENAPI),
    async () => {
      const [email, external_id, anonymous_id] = [anAddress(), unique("id"), unique("device")];
      const phone_number = "+14155550122";
      const person = await nestedPerson({ email, phone_number, external_id, anonymous_id });
      expect(person).toMatchObject({ email, phone: phone_number, externalId: external_id, properties: {} });
      expect(person.aliases).toContainEqual({ kind: "anonymousId", value: anonymous_id });
      expect((await nestedPerson({ anonymous_id })).id).toBe(person.id);
    },
  );

  it(requirement("finds the person by the id of the profile", "D", OPENAPI), async () => {
    const person = await nestedPerson({ email: anAddress() });
    expect((await nestedPerson({ id: person.id })).id).toBe(person.id);
    const data = { type: "profile", id: person.id };
    expect((await personOf(server, await kept(server, nestedEvent({ profile: { data } })))).id).toBe(person.id);
  });

  it(
    requirement("passes an unknown id over beside another identifier, and refuses it alone with 404", "A", OURS),
    async () => {
      const email = anAddress();
      expect(await nestedPerson({ id: "01GDDKASAP8TKDDA2GRZDSVP4H", email })).toMatchObject({ email });
      const event = nestedEvent({ profile: profileOf({ id: "01GDDKASAP8TKDDA2GRZDSVP4H" }) });
      const answer = await refused(server, EVENTS, event);
      expect([answer.status, answer.errors[0]?.code]).toEqual([404, "not_found"]);
    },
  );

  it(requirement("refuses a profile without an identifier", "D", OPENAPI), async () => {
    for (const attributes of [{}, { first_name: "Matt" }, { _kx: "token" }]) {
      const answer = await refused(server, EVENTS, nestedEvent({ profile: profileOf(attributes) }));
      expect(told(answer)).toEqual([400, "/data/attributes/profile/data/attributes"]);
    }
  });

  it(requirement("takes _kx and knows nobody by it", "A", OURS), async () => {
    const one = await nestedPerson({ email: anAddress(), _kx: "same" });
    const two = await nestedPerson({ email: anAddress(), _kx: "same" });
    expect([one.id === two.id, one.properties]).toEqual([false, {}]);
  });

  it(
    requirement(
      "ignores a phone number that is none beside another identifier, and says so in a header",
      "W",
      COMMUNITY,
    ),
    async () => {
      const metric = unique("metric");
      const profile = profileOf({ email: anAddress(), phone_number: "4155550100" });
      const answer = await taken(server, EVENTS, nestedEvent({ metric: metricNamed(metric), profile }));
      expect(answer.headers.get(PARTIAL)).toBe("phone_number");
      const [event] = await eventsOf(server, metric);
      expect(event?.receipt.warnings.map(({ code }) => code)).toEqual(["identity_ignored"]);
      expect(await personOf(server, event as { profileId: string })).toMatchObject({ phone: null });
    },
  );

  it(requirement("says nothing of a partial failure when there is none", "W", COMMUNITY), async () => {
    const profile = profileOf({ email: anAddress(), phone_number: "+14155550111" });
    expect((await taken(server, EVENTS, nestedEvent({ profile }))).headers.get(PARTIAL)).toBeNull();
  });

  it(requirement("refuses a phone number that is none when there is nothing else", "W", COMMUNITY), async () => {
    const answer = await refused(server, EVENTS, nestedEvent({ profile: profileOf({ phone_number: "12" }) }));
    expect(told(answer)).toEqual([400, "/data/attributes/profile/data/attributes/phone_number"]);
    expect(answer.headers.get(PARTIAL)).toBeNull();
  });

  it(requirement("refuses an identifier longer than 255 characters", "A", OURS), async () => {
    await nestedPerson({ external_id: `${unique("id")} `.padEnd(255, "x") });
    const answer = await refused(server, EVENTS, nestedEvent({ profile: profileOf({ external_id: "x".repeat(256) }) }));
    expect(told(answer)).toEqual([400, "/data/attributes/profile/data/attributes/external_id"]);
  });
});

describe("properties", () => {
  it(
    requirement("keeps special fields without their dollar sign and all others as they are", "D", REFERENCE),
    async () => {
      const special = {
        $first_name: "Matt",
        $last_name: "Kemp",
        $city: "Boston",
        $region: "MA",
        $country: "US",
        $zip: "02110",
        $image: "http://example.com/i.png",
        $consent: ["email", "sms"],
      };
      const person = await flatPerson({ $email: anAddress(), ...special, plan: "trial", seats: 3, city: "Paris" });
      expect(person.properties).toEqual({
        first_name: "Matt",
        last_name: "Kemp",
        city: "Boston",
        region: "MA",
        country: "US",
        zip: "02110",
        image: "http://example.com/i.png",
        consent: ["email", "sms"],
        plan: "trial",
        seats: 3,
      });
    },
  );

  it(
    requirement("keeps the fields of a nested profile, its location and its own properties", "D", OPENAPI),
    async () => {
      const location = { city: "Boston", latitude: "42.36", longitude: -71.06, ip: "192.0.2.1" };
      const fields = { first_name: "Matt", organization: "Acme", locale: "en-US", title: "Boss", location };
      const properties = { plan: "trial", first_name: "Other" };
      const person = await nestedPerson({ email: anAddress(), ...fields, properties });
      expect(person.properties).toEqual({ ...fields, plan: "trial" });
    },
  );

  it(requirement("removes a property that is null", "A", OURS), async () => {
    const email = anAddress();
    await nestedPerson({ email, first_name: "Matt", properties: { plan: "trial", seats: 1 } });
    const person = await nestedPerson({ email, first_name: null, properties: { plan: null } });
    expect(person.properties).toEqual({ seats: 1 });
  });

  it(requirement("refuses properties that would make a profile larger than 512 KiB", "A", OURS), async () => {
    const email = anAddress();
    const parts = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`p${i}`, "x".repeat(100_000)]));
    await nestedPerson({ email, properties: parts });
    const more = profileOf({ email, properties: { more: "x".repeat(30_000) } });
    const metric = unique("metric");
    const answer = await refused(server, EVENTS, nestedEvent({ metric: metricNamed(metric), profile: more }));
    expect(told(answer)).toEqual([400, "/data/attributes/profile"]);
    const all = profileOf({ email: anAddress(), properties: { ...parts, p5: "x".repeat(30_000) } });
    expect(told(await refused(server, EVENTS, nestedEvent({ profile: all })))).toEqual([
      400,
      "/data/attributes/profile/data/attributes",
    ]);
  });
});

describe("meta.patch_properties", () => {
  const patching = (email: string, patch_properties: object) => ({ email, meta: { patch_properties } });

  it(requirement("appends values to lists, once each", "D", OPENAPI), async () => {
    const email = anAddress();
    await nestedPerson({ email, properties: { tags: ["a"], color: "red" } });
    const append = { tags: ["b", "a", "c"], color: "blue", fresh: "x" };
    const person = await nestedPerson(patching(email, { append }));
    expect(person.properties).toEqual({ tags: ["a", "b", "c"], color: ["red", "blue"], fresh: ["x"] });
  });

  it(requirement("takes values out of lists", "D", OPENAPI), async () => {
    const email = anAddress();
    await nestedPerson({ email, properties: { tags: ["a", "b", "a", { x: 1 }], plan: "a" } });
    const person = await nestedPerson(patching(email, { unappend: { tags: ["a", { x: 1 }], plan: "a", none: "a" } }));
    expect(person.properties).toEqual({ tags: ["b"], plan: "a" });
  });

  it(requirement("removes properties named by one name or by a list of names", "D", OPENAPI), async () => {
    const email = anAddress();
    await nestedPerson({ email, first_name: "Matt", properties: { a: 1, b: 2, c: 3 } });
    expect((await nestedPerson(patching(email, { unset: "a" }))).properties).toEqual({
      first_name: "Matt",
      b: 2,
      c: 3,
    });
    expect((await nestedPerson(patching(email, { unset: ["b", "first_name"] }))).properties).toEqual({ c: 3 });
  });

  it(requirement("takes meta beside the attributes too", "D", "OpenAPI description, 2023-07-15"), async () => {
    const email = anAddress();
    await nestedPerson({ email, properties: { tags: ["a"] } });
    const profile = profileOf({ email });
    Object.assign(profile.data, { meta: { patch_properties: { append: { tags: "b" } } } });
    const event = await kept(server, nestedEvent({ profile }), { revision: "2023-07-15" });
    expect((await personOf(server, event)).properties).toEqual({ tags: ["a", "b"] });
    await taken(server, BULK_JOBS, bulkJob([bulkItem([{ metric: metricNamed(unique("metric")) }], profile)]));
  });

  it(requirement("takes patch_identifiers, changes no identifier, and says so in the receipt", "A", OURS), async () => {
    const meta = { patch_identifiers: { append: { external_id: unique("id") }, unappend: null } };
    const event = await kept(server, nestedEvent({ profile: profileOf({ email: anAddress(), meta }) }));
    expect(event.receipt.warnings.map(({ code }) => code)).toEqual(["identity_ignored"]);
    expect(await personOf(server, event)).toMatchObject({ externalId: null, properties: {} });
  });

  it(requirement("refuses a patch that is not of its shape", "A", OURS), async () => {
    const at = "/data/attributes/profile/data/attributes/meta/patch_properties";
    for (const [patch, pointer] of [
      [{ append: ["a"] }, `${at}/append`],
      [{ unappend: "a" }, `${at}/unappend`],
      [{ unset: { a: 1 } }, `${at}/unset`],
    ] as const) {
      const answer = await refused(server, EVENTS, nestedEvent({ profile: profileOf(patching(anAddress(), patch)) }));
      expect(told(answer)).toEqual([400, pointer]);
    }
  });
});

describe("what a browser may do", () => {
  it(requirement("finds or makes the person, and patches properties", "D", OPENAPI), async () => {
    const email = anAddress();
    const sent = nestedEvent({ profile: profileOf({ email, properties: { plan: "trial" } }) });
    const person = await personOf(server, await kept(server, sent, { path: CLIENT_EVENTS }));
    expect(person).toMatchObject({ email, properties: { plan: "trial" } });
  });

  it(requirement("adds no identifier to a person who exists, and answers 202", "D", OPENAPI), async () => {
    const email = anAddress();
    const person = await nestedPerson({ email });
    const sent = nestedEvent({
      profile: profileOf({ email, external_id: unique("id"), phone_number: "+14155550199" }),
    });
    const event = await kept(server, sent, { path: CLIENT_EVENTS });
    expect(event.profileId).toBe(person.id);
    expect(await personOf(server, event)).toMatchObject({ externalId: null, phone: null });
  });

  it(requirement("joins no two people", "A", OURS), async () => {
    const [email, anonymous_id] = [anAddress(), unique("device")];
    const known = await nestedPerson({ email });
    const visitor = await nestedPerson({ anonymous_id });
    await taken(server, CLIENT_EVENTS, nestedEvent({ profile: profileOf({ email, anonymous_id }) }));
    expect((await nestedPerson({ anonymous_id })).id).toBe(visitor.id);
    expect((await nestedPerson({ email })).id).toBe(known.id);
  });
});

describe("the same event through Waypost's own API", () => {
  it(requirement("starts the same journey for the same person", "A", OURS), async () => {
    const metric = unique("order.placed");
    const document = {
      key: "both-doors",
      name: "Both doors",
      entry: {
        event: metric,
        filter: {
          $and: [
            { $state: "/event/value", gte: 100 },
            { $state: "/profile/plan", eq: "Pro" },
          ],
        },
      },
      eligibility: { reentry: "always", maxActive: 5 },
      steps: [{ id: "rest", type: "delay", for: "P1D" }],
    };
    expect((await call(server, "/api/v1/journeys", { method: "POST", body: document })).status).toBe(201);
    expect((await call(server, "/api/v1/journeys/both-doors/activate", { method: "POST", body: {} })).status).toBe(200);
    const email = anAddress();
    const native = { event: metric, profile: { email, properties: { plan: "Pro" } }, data: { value: 250 } };
    const headers = { "idempotency-key": unique("key") };
    const answer = await call(server, "/api/v1/events", { method: "POST", headers, body: native });
    expect(JSON.parse(answer.text)).toMatchObject({ matchedJourneys: 1, enrolledJourneys: 1 });
    const profile = profileOf({ email, properties: { plan: "Pro" } });
    await taken(server, EVENTS, nestedEvent({ metric: metricNamed(metric), profile, value: 250 }));
    const [first, second] = await eventsOf(server, metric, 2);
    expect(second?.profileId).toBe(first?.profileId);
    expect([first?.source, second?.source]).toEqual(["api", "klaviyo"]);
    const started = [first, second].map((event) =>
      event?.receipt.journeys.map(({ key, version, outcome, reason }) => ({ key, version, outcome, reason })),
    );
    expect(started[1]).toEqual(started[0]);
    expect(started[0]).toEqual([{ key: "both-doors", version: 1, outcome: "enrolled", reason: "enrolled" }]);
  });
});
