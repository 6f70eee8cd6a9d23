// The batch call, item by item: every outcome with every field of it, order, people, repeats and consent.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { anIdentify, aPageView, aTrack, CONTRACT, OLDER, openDoor, OURS, outcomesIn, type Door } from "./door.ts";

let server: DevServer;
let door: Door;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
  door = await openDoor(server);
  await door.batch(anIdentify({ userId: "wp_1" }), anIdentify({ email: "sam@example.com", userId: "wp_2" }));
});
afterAll(async () => server.stop());

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe("The answer to a batch", () => {
  it(
    requirement("has an outcome for each item, in order, with index and messageId, and a summary", "D", CONTRACT),
    async () => {
      const first = aTrack({ messageId: "m-accepted" });
      await door.batch({ ...first, messageId: "m-duplicate" });
      const { status, body } = await door.batch(
        first,
        aTrack({ messageId: "m-duplicate" }),
        aTrack({ messageId: "m-dropped", email: "nobody@example.com" }),
        anIdentify({ messageId: "m-conflict", userId: "wp_2" }),
        aTrack({ messageId: "m-invalid", event: "" }),
      );
      const final = { duplicate: false, retryable: false };
      expect([status, body]).toEqual([
        200,
        {
          success: true,
          results: [
            { index: 0, messageId: "m-accepted", status: "accepted", eventId: expect.stringMatching(UUID), ...final },
            {
              index: 1,
              messageId: "m-duplicate",
              status: "duplicate",
              reason: "duplicate_occurrence",
              eventId: expect.stringMatching(UUID),
              duplicate: true,
              retryable: false,
            },
            { index: 2, messageId: "m-dropped", status: "dropped", reason: "profile_not_found", ...final },
            { index: 3, messageId: "m-conflict", status: "rejected", reason: "identity_conflict", ...final },
            { index: 4, messageId: "m-invalid", status: "rejected", reason: "invalid_input", ...final },
          ],
          summary: { accepted: 1, duplicate: 1, dropped: 1, rejected: 2, failed: 0 },
        },
      ]);
    },
  );

  it(requirement("is a 200 also when no item was taken", "D", CONTRACT), async () => {
    const { status, body } = await door.batch({}, aTrack({ email: "nobody@example.com" }));
    expect([status, body.success, body.summary]).toEqual([
      200,
      true,
      { accepted: 0, duplicate: 0, dropped: 1, rejected: 1, failed: 0 },
    ]);
  });

  it(requirement("says in x-rejected-events how many items were rejected", "A", OURS), async () => {
    expect((await door.batch(aTrack(), {}, { type: "x" })).headers.get("x-rejected-events")).toBe("2");
    expect((await door.batch(aTrack())).headers.has("x-rejected-events")).toBe(false);
  });
});

describe("identify", () => {
  it(requirement("makes a person with e-mail, userId and traits", "D", CONTRACT), async () => {
    const item = anIdentify({ email: "kim@example.com", userId: "wp_7", traits: { locale: "de-DE", vip: true } });
    const { body } = await door.batch(item);
    const { event, source, profileId } = await door.event(body.results[0].eventId);
    expect([event, source]).toEqual(["$identify", "ingest"]);
    expect(await door.profile(profileId)).toMatchObject({
      email: "kim@example.com",
      externalId: "wp_7",
      properties: { locale: "de-DE", vip: true },
    });
  });

  it(requirement("serves the items behind it in the same batch", "D", CONTRACT), async () => {
    const late = { email: "lou@example.com" };
    const answer = await door.batch(aTrack(late), anIdentify(late), aTrack(late), aPageView(late));
    expect(outcomesIn(answer)).toEqual(["dropped profile_not_found", "accepted", "accepted", "accepted"]);
  });

  it(requirement("needs an e-mail address at the top level: one in traits is none", "D", CONTRACT), async () => {
    const { email: _, ...nobody } = anIdentify({ userId: "wp_8", traits: { email: "eve@example.com" } });
    expect(await door.outcome(nobody)).toBe("rejected invalid_input");
    expect(await door.outcome(aTrack({ email: "eve@example.com" }))).toBe("dropped profile_not_found");
  });

  it(requirement("merges traits by name, and null removes one", "A", OURS), async () => {
    const who = { email: "mio@example.com" };
    await door.batch(anIdentify({ ...who, traits: { a: 1, b: { c: 2 } } }));
    const { body } = await door.batch(anIdentify({ ...who, traits: { a: null, b: { d: 3 } } }));
    const { profileId } = await door.event(body.results[0].eventId);
    expect((await door.profile(profileId)).properties).toEqual({ b: { d: 3 } });
  });

  it(requirement("that names two people is rejected as identity_conflict", "D", CONTRACT), async () => {
    await door.batch(anIdentify({ email: "noa@example.com", userId: "wp_9" }));
    expect(await door.outcome(anIdentify({ email: "noa@example.com", userId: "wp_2" }))).toBe(
      "rejected identity_conflict",
    );
  });
});

describe("track and page", () => {
  it(requirement("find a person by e-mail, by userId or by both", "D", CONTRACT), async () => {
    const { body } = await door.batch(
      anIdentify({ email: "ray@example.com", userId: "wp_10" }),
      aTrack({ email: "ray@example.com" }),
      aTrack({ email: undefined, userId: "wp_10" }),
      aPageView({ email: "ray@example.com", userId: "wp_10" }),
    );
    const events = await Promise.all(
      body.results.map(async ({ eventId }: { eventId: string }) => await door.event(eventId)),
    );
    expect(new Set(events.map(({ profileId }) => profileId)).size).toBe(1);
  });

  it(requirement("never make a person", "D", CONTRACT), async () => {
    const before = await door.profileCount();
    const answer = await door.batch(
      aTrack({ email: "new@example.com" }),
      aPageView({ email: undefined, userId: "wp_new" }),
      aTrack({ email: undefined, userId: "wp_new", properties: { email: "alex@example.com" } }),
    );
    expect(new Set(outcomesIn(answer))).toEqual(new Set(["dropped profile_not_found"]));
    expect(await door.profileCount()).toBe(before);
  });

  it(requirement("keep properties, name, context, source and time of the event", "D", CONTRACT), async () => {
    const timestamp = "2026-10-05T08:00:00+02:00";
    const properties = { items: 2, list: [null, "x"] };
    const { body } = await door.batch(
      aTrack({ properties, source: "woocommerce", timestamp }),
      aPageView({ name: "Pricing", properties: { path: "/pricing" } }),
    );
    const [track, page] = [await door.event(body.results[0].eventId), await door.event(body.results[1].eventId)];
    expect(track).toMatchObject({
      event: "cart.updated",
      data: { ...properties, context: { source: "woocommerce" } },
      occurredAt: "2026-10-05T06:00:00.000Z",
    });
    expect(page).toMatchObject({ event: "$page", data: { name: "Pricing", path: "/pricing" } });
    expect(page.occurredAt).toBe(page.receivedAt);
  });

  it(requirement("start journeys that listen to them", "A", OURS), async () => {
    const headers = { "content-type": "application/json", "x-api-key": door.apiKey };
    const write = async (path: string, body: object) =>
      await fetch(`${server.baseUrl}/api/v1/journeys${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const entry = { event: "cart.abandoned", filter: { $state: "/event/context/consent/marketing", eq: true } };
    await write("", { key: "cart", name: "Cart", entry, steps: [{ id: "end", type: "exit" }] });
    await write("/cart/activate", {});
    const item = (marketing: boolean) => ({
      batch: [aTrack({ event: "cart.abandoned" })],
      consent: { analytics: true, marketing },
    });
    const outcomes = [];
    for (const marketing of [false, true]) {
      const { body } = await door.post("batch", item(marketing));
      const { receipt } = (await door.event(body.results[0].eventId)) as unknown as {
        receipt: { journeys: { reason: string }[] };
      };
      outcomes.push(receipt.journeys.map(({ reason }) => reason));
    }
    expect(outcomes).toEqual([["filter_failed"], ["enrolled"]]);
  });
});

describe("messageId", () => {
  it(requirement("is one event however often it comes, also forty times at once", "D", CONTRACT), async () => {
    const item = aTrack();
    const answers = await Promise.all(Array.from({ length: 40 }, async () => await door.batch(item)));
    const results = answers.map(({ body }) => body.results[0] as { status: string; eventId: string });
    expect(results.filter(({ status }) => status === "accepted").length).toBe(1);
    expect(new Set(results.map(({ eventId }) => eventId)).size).toBe(1);
  });

  it(requirement("of a dropped item stays unused", "D", CONTRACT), async () => {
    const item = aTrack({ email: "pat@example.com" });
    expect(await door.outcome(item)).toBe("dropped profile_not_found");
    const answer = await door.batch(anIdentify({ email: "pat@example.com" }), item);
    expect(outcomesIn(answer)).toEqual(["accepted", "accepted"]);
  });

  it(requirement("repeats inside one batch: the second is a duplicate", "D", CONTRACT), async () => {
    const item = aTrack();
    const answer = await door.batch(item, item);
    expect(outcomesIn(answer)).toEqual(["accepted", "duplicate duplicate_occurrence"]);
    expect(answer.body.results[1].eventId).toBe(answer.body.results[0].eventId);
  });
});

describe("Consent", () => {
  it(requirement("that is revoked for analytics drops every item, identify too", "D", CONTRACT), async () => {
    const consent = { analytics: false, marketing: true };
    const batch = [anIdentify({ email: "no@example.com" }), aTrack(), aPageView(), {}];
    const answer = await door.post("batch", { batch, consent });
    expect(answer.status).toBe(200);
    expect(outcomesIn(answer)).toEqual(batch.map(() => "dropped analytics_consent_revoked"));
    expect(await door.outcome(aTrack({ email: "no@example.com" }))).toBe("dropped profile_not_found");
  });

  it(requirement("that is given is kept with the event", "A", OURS), async () => {
    const consent = { analytics: true, marketing: false };
    const { body } = await door.post("batch", { batch: [aTrack()], consent });
    expect((await door.event(body.results[0].eventId)).data).toEqual({ context: { consent } });
  });

  it(requirement("that is not true or false refuses the batch", "A", OURS), async () => {
    const { status, body } = await door.post("batch", { batch: [aTrack()], consent: { analytics: "yes" } });
    expect([status, body.error, body.details.issues]).toEqual([
      400,
      "invalid_request",
      [{ path: "consent.analytics", message: "Must be true or false." }],
    ]);
  });
});

describe("The older shape", () => {
  it(requirement("an anonymousId beside an e-mail or userId is passed over", "S", OLDER), async () => {
    const anonymousId = "0f7c5a9e-anon";
    const answer = await door.batch(
      anIdentify({ email: "old@example.com", userId: "wp_11", anonymousId }),
      aTrack({ email: undefined, userId: "wp_11", anonymousId, context: { page: { path: "/" } } }),
    );
    expect(outcomesIn(answer)).toEqual(["accepted", "accepted"]);
    const { profileId, data } = await door.event(answer.body.results[1].eventId);
    expect(data).toEqual({ context: { page: { path: "/" } } });
    expect(JSON.stringify(await door.profile(profileId))).not.toContain(anonymousId);
  });

  it.each(["track", "page"])(
    requirement("a %s with nothing but an anonymousId is rejected", "D", CONTRACT),
    async (type) => {
      expect(await door.outcome({ ...aTrack({ type, anonymousId: "anon" }), email: undefined })).toBe(
        "rejected invalid_input",
      );
    },
  );

  it(requirement("an item without a messageId is taken, each time as a new event", "S", OLDER), async () => {
    const item = aTrack({ messageId: undefined });
    const answer = await door.batch(item, item);
    expect(answer.body.results).toMatchObject([
      { index: 0, messageId: null, status: "accepted" },
      { index: 1, messageId: null, status: "accepted" },
    ]);
    expect(answer.body.results[0].eventId).not.toBe(answer.body.results[1].eventId);
  });
});
