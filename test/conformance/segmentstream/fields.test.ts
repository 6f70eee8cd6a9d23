// Every field of a SegmentStream hit: what it becomes, left out, at its edges and of the wrong type.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { aHit, aName, anEvent, eventsNamed, kept, OURS, profileOf, REFERENCE, rejected, track } from "./calls.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

const LONGEST = "x".repeat(255);

/** A hit whose event's user is this, under a name of its own. */
function by(user: Record<string, unknown>, over: Record<string, unknown> = {}): Record<string, unknown> {
  return { event: anEvent({ name: aName(), user }), ...over };
}

describe("event", () => {
  it(requirement("event.name is the event, in the caller's words, up to 255 characters", "D", REFERENCE), async () => {
    for (const name of ["Completed Transaction", "Über 東京", "x", LONGEST]) {
      const event = await kept(server, aHit({ event: anEvent({ name, user: { userId: "u" } }) }));
      expect(event).toMatchObject({ event: name, source: "segmentstream" });
    }
  });

  it(requirement("what else the event has is its data, under its names", "D", REFERENCE), async () => {
    const facts = {
      category: "Ecommerce",
      label: "some label",
      nonInteraction: false,
      transaction: { total: 120.13, orderId: "N1", lineItems: [{ product: { id: "123" }, quantity: 1 }] },
      nothing: null,
      $odd: "€",
    };
    const event = await kept(server, { event: { name: aName(), user: { userId: "u" }, ...facts } });
    expect(event.data).toEqual(facts);
  });

  it(
    requirement("names that JavaScript knows are data like others, and so are halves of characters", "A", OURS),
    async () => {
      const name = aName();
      const text = `{"event":{"name":"${name}","user":{"userId":"u","__proto__":1},"__proto__":{"x":1},"constructor":"\\ud800"}}`;
      expect((await track(server, text)).status).toBe(204);
      const [event] = await eventsNamed(server, name);
      expect(JSON.stringify(event?.data)).toBe('{"__proto__":{"x":1},"constructor":"\\ud800"}');
      expect(JSON.stringify((await profileOf(server, event as never)).properties)).toContain('"__proto__":1');
    },
  );

  it(requirement("a number that a double cannot hold is kept as text", "A", OURS), async () => {
    const name = aName();
    await track(server, `{"event":{"name":"${name}","user":{"userId":"u"},"id":12345678901234567890}}`);
    expect((await eventsNamed(server, name))[0]?.data).toEqual({ id: "12345678901234567890" });
  });
});

describe("event.user", () => {
  it(requirement("userId is the user's own id, an anonymousId the device", "D", REFERENCE), async () => {
    const event = await kept(server, by({ userId: "u2783187492", anonymousId: "80ddb140" }));
    expect(await profileOf(server, event)).toMatchObject({
      externalId: "u2783187492",
      aliases: [{ kind: "anonymousId", value: "80ddb140" }],
      sources: ["segmentstream"],
    });
  });

  it(requirement("either id is enough, up to 255 characters", "D", REFERENCE), async () => {
    for (const user of [{ userId: LONGEST }, { anonymousId: LONGEST }, { userId: 17 }]) {
      const event = await kept(server, by(user));
      expect((await kept(server, by(user))).profileId).toBe(event.profileId);
    }
  });

  it(requirement("a visitor who signs in stays the same person", "A", OURS), async () => {
    const before = await kept(server, by({ anonymousId: "visitor" }));
    const signedIn = await kept(server, by({ anonymousId: "visitor", userId: "signed-in" }));
    const later = await kept(server, by({ userId: "signed-in" }));
    expect([signedIn.profileId, later.profileId]).toEqual([before.profileId, before.profileId]);
  });

  it(
    requirement("an id that cannot be one is ignored beside one that can, and the event says so", "A", OURS),
    async () => {
      for (const userId of ["null", `${LONGEST}x`, "\uD800", { id: 1 }]) {
        const { receipt } = await kept(server, by({ userId, anonymousId: "stays" }));
        expect([userId, receipt.warnings.map(({ code }) => code)]).toEqual([userId, ["identity_ignored"]]);
      }
    },
  );

  it(
    requirement("the other facts are the profile's properties, under their names less a leading $", "A", OURS),
    async () => {
      const facts = { firstName: "John", lastName: "Doe", emailHash: "eff8c378", segment: ["a"], phone: "+4915112345" };
      const event = await kept(server, by({ userId: "facts", ...facts, $plan: "Pro", $: 1 }));
      const profile = await profileOf(server, event);
      expect(profile).toMatchObject({ email: null, externalId: "facts" });
      expect(profile.properties).toEqual({ ...facts, plan: "Pro", $: 1 });
    },
  );

  it(requirement("later facts change those of their names only, and null takes one away", "A", OURS), async () => {
    await kept(server, by({ userId: "changes", firstName: "John", lastName: "Doe", plan: "Pro" }));
    const event = await kept(server, by({ userId: "changes", firstName: "Jane", plan: null }));
    expect((await profileOf(server, event)).properties).toEqual({ firstName: "Jane", lastName: "Doe" });
  });

  it(requirement("email is an identity when it is an address, else a property", "A", OURS), async () => {
    const address = await kept(server, by({ userId: "mailed", email: " Alex@Example.com " }));
    const { email: canonical, properties } = await profileOf(server, address);
    expect([canonical, properties]).toEqual(["alex@example.com", {}]);
    const native = await kept(server, by({ anonymousId: "by-mail", email: "alex@example.com" }));
    expect(native.profileId).toBe(address.profileId);
    for (const email of ["855f96e983f1", "null", 5]) {
      const event = await kept(server, by({ userId: `no-address-${email}`, email }));
      expect(await profileOf(server, event)).toMatchObject({ email: null, properties: { email } });
    }
  });

  it(requirement("a user that is no object identifies nobody, and stays with the data", "A", OURS), async () => {
    const name = aName();
    await track(server, { userId: "beside", event: anEvent({ name, user: "John" }) });
    expect((await eventsNamed(server, name))[0]?.data).toEqual({ category: "Auth", user: "John" });
  });
});

describe("sentAt", () => {
  it(
    requirement("sentAt is when the event happened, and the instant of receipt when left out", "D", REFERENCE),
    async () => {
      const sent = await kept(server, aHit({ sentAt: "2019-02-21T10:56:10.723Z" }));
      const none = await kept(server, aHit());
      expect([sent.occurredAt, none.occurredAt]).toEqual(["2019-02-21T10:56:10.723Z", none.receivedAt]);
    },
  );

  it(requirement("sentAt is any ISO 8601 date, UTC where it has no offset", "A", OURS), async () => {
    const instants = await Promise.all(
      ["2019-02-21", "2019-02-21T10:56", "2019-02-21T10:56:10+05:30"].map(async (sentAt) => {
        const { event } = { event: anEvent({ name: aName(), user: { userId: sentAt } }) };
        return (await kept(server, { event, sentAt })).occurredAt;
      }),
    );
    expect(instants).toEqual(["2019-02-21T00:00:00.000Z", "2019-02-21T10:56:00.000Z", "2019-02-21T05:26:10.000Z"]);
  });

  it(
    requirement("a sentAt that cannot be read stays in data.context, and the event is of now", "A", OURS),
    async () => {
      for (const sentAt of ["yesterday", "", 1_550_746_570_723, null, {}]) {
        const event = await kept(server, by({ userId: "unreadable" }, { sentAt, context: { ip: "127.0.0.1" } }));
        expect(event.occurredAt).toBe(event.receivedAt);
        expect(event.data["context"]).toEqual({ sentAt, ip: "127.0.0.1" });
      }
    },
  );
});

describe("context and integrations", () => {
  const context = {
    ip: "123.22.334.55",
    userAgent: "Mozilla/5.0",
    os: { name: "macOS", version: "14" },
    location: { city: "Berlin", country: "DE", region: "BE" },
    device: { type: "desktop", model: "Mac", vendor: "Apple" },
    browser: { name: "Chrome", version: "126.0", major: "126" },
    campaign: { name: "spring", medium: "cpc", source: "ads", term: "shoes", content: "a" },
  };

  it(requirement("context is data.context", "A", OURS), async () => {
    const event = await kept(server, aHit({ context }));
    expect(event.data).toEqual({ category: "Auth", context });
  });

  it(requirement("integrations are data.integrations", "A", OURS), async () => {
    const integrations = { "Google Analytics": { clientId: "1.2" }, Facebook: false };
    const event = await kept(server, aHit({ integrations }));
    expect(event.data).toEqual({ category: "Auth", integrations });
  });

  it(requirement("an event's own context and integrations stay, under the hit's", "A", OURS), async () => {
    const own = { context: { ip: "own", step: 2 }, integrations: { a: 1 } };
    const event = { ...anEvent({ name: aName(), user: { userId: "own" } }), ...own };
    expect((await kept(server, { event })).data).toEqual({ category: "Auth", ...own });
    expect((await kept(server, { event, context: { ip: "hit" }, integrations: { b: 2 } })).data).toEqual({
      category: "Auth",
      context: { ip: "hit", step: 2 },
      integrations: { a: 1, b: 2 },
    });
  });

  it(requirement("a context or integrations of another type are kept under their own name", "A", OURS), async () => {
    for (const value of ["text", 7, [1], null]) {
      const event = await kept(server, by({ userId: "odd" }, { context: value, integrations: value }));
      expect(event.data).toMatchObject({ context: { context: value }, integrations: { integrations: value } });
    }
  });

  it(requirement("what else stands beside the event is kept in data.context", "A", OURS), async () => {
    const event = await kept(server, aHit({ website: { type: "desktop" }, projectName: "Demo", version: 7 }));
    expect(event.data["context"]).toEqual({ website: { type: "desktop" }, projectName: "Demo", version: 7 });
  });

  it(requirement("a projectId is a credential, and kept nowhere", "A", OURS), async () => {
    const { writeKey } = server.dev;
    const event = await kept(server, aHit({ projectId: writeKey }));
    await track(server, { projectId: writeKey, event: { note: `the key is ${writeKey}` } });
    expect(JSON.stringify([event, await profileOf(server, event), await rejected(server)])).not.toContain(writeKey);
  });
});
