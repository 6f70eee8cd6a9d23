// What a page's items become: whose they are, what of them is kept, and what a public key can never do.
import { describe, expect, it } from "vitest";
import { call, issuesIn, NOBODY } from "../../support/api.ts";
import { countInCell, dumpCell } from "../../support/tables.ts";
import { track as trackByKey } from "../../support/workspace.ts";
import {
  aPage,
  aTrack,
  anIdentify,
  eventOf,
  outcomesIn,
  postBatch,
  postSingle,
  profileOf,
  rejectedOf,
} from "./ingest-calls.ts";

describe("a page", () => {
  it("identifies a person, and the items behind it in the batch find them", async () => {
    const page = await aPage();
    const answer = await postBatch(page, [
      aTrack({ event: "too.early" }),
      anIdentify({ userId: "cus_1", traits: { plan: "Pro" } }),
      aTrack({ email: undefined, userId: "cus_1" }),
      { type: "page", messageId: "p", email: "alex@example.com", name: "Pricing" },
    ]);
    expect(outcomesIn(answer)).toEqual(["dropped profile_not_found", "accepted", "accepted", "accepted"]);
    const profiles = [
      await profileOf(page, answer, 1),
      await profileOf(page, answer, 2),
      await profileOf(page, answer, 3),
    ];
    expect(new Set(profiles.map(({ id }) => id)).size).toBe(1);
    expect(profiles[0]).toMatchObject({
      email: "alex@example.com",
      externalId: "cus_1",
      properties: { plan: "Pro" },
      sources: ["ingest"],
    });
  });

  it.each(["track", "page"])("makes nobody by %s, and changes nothing of who is known", async (type) => {
    const page = await aPage();
    const known = await postBatch(page, [anIdentify()]);
    const before = await profileOf(page, known);
    const answer = await postBatch(page, [
      aTrack({ type, email: "new@example.com" }),
      aTrack({ type, email: undefined, userId: "cus_new" }),
      aTrack({ type, userId: "cus_new" }),
      aTrack({ type, email: "new@example.com", properties: { email: "alex@example.com" } }),
      aTrack({ type, traits: { plan: "stolen" } }),
    ]);
    expect(outcomesIn(answer)).toEqual([
      "dropped profile_not_found",
      "dropped profile_not_found",
      "accepted",
      "dropped profile_not_found",
      "accepted",
    ]);
    expect(await countInCell(page.workspace, "profiles")).toBe(1);
    expect(await profileOf(page, known)).toEqual(before);
  });

  it("cannot join two people by identify: nothing at all is changed", async () => {
    const page = await aPage();
    await postBatch(page, [anIdentify({ userId: "cus_1" }), anIdentify({ email: "sam@example.com", userId: "cus_2" })]);
    const before = await dumpCell(page.workspace);
    const answer = await postSingle(page, "identify", anIdentify({ userId: "cus_2", traits: { plan: "stolen" } }));
    expect([answer.status, answer.body.reason]).toEqual([409, "identity_conflict"]);
    expect(await dumpCell(page.workspace)).toEqual(before);
  });
});

describe("a messageId", () => {
  it("stands for one event: what comes under it later changes nothing, not even the person", async () => {
    const page = await aPage();
    const first = await postBatch(page, [anIdentify({ messageId: "m", traits: { plan: "Pro" } })]);
    const later = await postBatch(page, [
      anIdentify({ messageId: "m", traits: { plan: "Free" } }),
      aTrack({ messageId: "m" }),
    ]);
    expect(outcomesIn(later)).toEqual(["duplicate duplicate_occurrence", "duplicate duplicate_occurrence"]);
    expect(later.body.results[1].eventId).toBe(first.body.results[0].eventId);
    expect((await profileOf(page, first)).properties).toEqual({ plan: "Pro" });
    expect(await countInCell(page.workspace, "outbox_events")).toBe(1);
  });

  it("stays unused when its item was dropped or rejected", async () => {
    const page = await aPage();
    const once = { messageId: "m" };
    expect(outcomesIn(await postBatch(page, [aTrack(once)]))).toEqual(["dropped profile_not_found"]);
    expect(outcomesIn(await postBatch(page, [aTrack({ ...once, event: 7 })]))).toEqual(["rejected invalid_input"]);
    const withoutConsent = await postBatch(page, [aTrack(once)], { consent: { analytics: false } });
    expect(outcomesIn(withoutConsent)).toEqual(["dropped analytics_consent_revoked"]);
    expect(outcomesIn(await postBatch(page, [anIdentify(), aTrack(once)]))).toEqual(["accepted", "accepted"]);
  });

  it("never meets an idempotency key that a backend chose", async () => {
    const page = await aPage();
    const body = { event: "order.created", profile: { email: "alex@example.com" } };
    expect((await trackByKey(page.workspace, body, { key: "same" })).status).toBe(202);
    expect(outcomesIn(await postBatch(page, [aTrack({ messageId: "same" })]))).toEqual(["accepted"]);
  });

  it("may be missing: then each item is an event of its own", async () => {
    const page = await aPage();
    const item = aTrack({ messageId: undefined });
    const answer = await postBatch(page, [anIdentify(), item, item]);
    expect(outcomesIn(answer)).toEqual(["accepted", "accepted", "accepted"]);
    expect(answer.body.results[2].messageId).toBeNull();
  });
});

describe("what is kept of an item", () => {
  it("is the event's data, with what the page says of itself under context", async () => {
    const page = await aPage();
    const consent = { analytics: true, marketing: false };
    const item = aTrack({
      properties: { items: 2, context: { tab: "cart" } },
      context: { page: { path: "/cart" }, source: "overwritten" },
      source: "woocommerce",
      timestamp: "2026-11-01T12:00:00+02:00",
    });
    const answer = await postBatch(page, [anIdentify(), item], { consent });
    expect(await eventOf(page, answer, 1)).toMatchObject({
      event: "cart.updated",
      source: "ingest",
      occurredAt: "2026-11-01T10:00:00.000Z",
      data: { items: 2, context: { tab: "cart", page: { path: "/cart" }, source: "woocommerce", consent } },
    });
    expect(await eventOf(page, answer, 0)).toMatchObject({ event: "$identify", data: { context: { consent } } });
  });

  it("is no data at all where the page says nothing", async () => {
    const page = await aPage();
    const answer = await postBatch(page, [anIdentify({ traits: { plan: "Pro" } }), aTrack()]);
    expect([(await eventOf(page, answer, 0)).data, (await eventOf(page, answer, 1)).data]).toEqual([null, null]);
  });

  it("is a page's name, over a property of that name", async () => {
    const page = await aPage();
    const view = { type: "page", email: "alex@example.com", name: "Pricing", properties: { name: "x", path: "/p" } };
    const answer = await postBatch(page, [anIdentify(), view]);
    expect(await eventOf(page, answer, 1)).toMatchObject({ event: "$page", data: { name: "Pricing", path: "/p" } });
  });

  it("holds names that JavaScript has a meaning for", async () => {
    const page = await aPage();
    const body = `{"writeKey":"${page.writeKey}","batch":[
      {"type":"identify","email":"alex@example.com","traits":{"__proto__":{"plan":"Pro"},"constructor":1}},
      {"type":"track","email":"alex@example.com","event":"e","properties":{"__proto__":2,"toString":"3"}}]}`;
    const answer = await call(NOBODY, { method: "POST", path: "/api/v1/ingest/batch", body });
    expect(outcomesIn(answer)).toEqual(["accepted", "accepted"]);
    const own = (value: object) => Object.entries(value);
    expect(own((await profileOf(page, answer)).properties)).toEqual([
      ["__proto__", { plan: "Pro" }],
      ["constructor", 1],
    ]);
    expect(own((await eventOf(page, answer, 1)).data)).toEqual([
      ["__proto__", 2],
      ["toString", "3"],
    ]);
  });
});

describe("consent", () => {
  it("that was revoked for analytics drops every item, and nothing of them is kept anywhere", async () => {
    const page = await aPage();
    await postBatch(page, [anIdentify()]);
    const before = await dumpCell(page.workspace);
    const answer = await postBatch(page, [anIdentify({ email: "new@example.com" }), aTrack(), { type: "track" }, 7], {
      consent: { analytics: false, marketing: true },
    });
    expect(new Set(outcomesIn(answer))).toEqual(new Set(["dropped analytics_consent_revoked"]));
    expect(answer.body.summary).toEqual({ accepted: 0, duplicate: 0, dropped: 4, rejected: 0, failed: 0 });
    expect(answer.headers.has("x-rejected-events")).toBe(false);
    expect(await dumpCell(page.workspace)).toEqual(before);
  });

  it.each([[null], [{}], [{ analytics: null }], [{ marketing: false }], [{ analytics: true }]])(
    "%j lets items through",
    async (consent) => {
      expect(outcomesIn(await postBatch(await aPage(), [anIdentify()], { consent }))).toEqual(["accepted"]);
    },
  );

  it.each([
    [7, "consent"],
    [[], "consent"],
    [{ analytics: "false" }, "consent.analytics"],
    [{ marketing: 1 }, "consent.marketing"],
  ])("%j is not clear enough: the batch is refused", async (consent, where) => {
    const page = await aPage();
    const answer = await postBatch(page, [anIdentify()], { consent });
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [where]]);
    expect(await countInCell(page.workspace, "profiles")).toBe(0);
  });
});

describe("a rejected item", () => {
  it("is kept for a week with what was wrong, less a key in it", async () => {
    const page = await aPage();
    await postBatch(page, [anIdentify({ userId: "cus_1" }), anIdentify({ email: "sam@example.com", userId: "cus_2" })]);
    const wrong = aTrack({ messageId: "m", event: "" });
    const torn = anIdentify({ messageId: "n", userId: "cus_2" });
    const answer = await postBatch(page, [{ ...wrong, writeKey: page.writeKey }, aTrack(), torn, 7]);
    expect(answer.headers.get("x-rejected-events")).toBe("3");
    const kept = await rejectedOf(page);
    expect(kept.map(({ payload }: { payload: unknown }) => payload).toReversed()).toEqual([
      { ...wrong, writeKey: "wp_wk_removed" },
      torn,
      7,
    ]);
    expect(kept.at(-1)).toMatchObject({
      source: "ingest",
      reason: "invalid_input",
      message: "event: Must not be empty.",
    });
    expect(kept.at(-2)).toMatchObject({ reason: "identity_conflict", message: "The item names two different people." });
    expect(JSON.stringify(await dumpCell(page.workspace))).not.toContain(page.writeKey);
  });

  it("that is too deep to look into is kept without its payload", async () => {
    const page = await aPage();
    const body = `{"writeKey":"${page.writeKey}","batch":[{"messageId":"deep","x":${"[".repeat(100_000)}${"]".repeat(100_000)}}]}`;
    const answer = await call(NOBODY, { method: "POST", path: "/api/v1/ingest/batch", body });
    expect([outcomesIn(answer), answer.body.results[0].messageId]).toEqual([["rejected invalid_input"], "deep"]);
    expect(await rejectedOf(page)).toMatchObject([
      { message: expect.stringContaining("nested deeper"), payload: null },
    ]);
  });

  it("that would make a profile too large changes nothing of it", async () => {
    const page = await aPage();
    const texts = (name: string) => ({ [name]: Array.from({ length: 7 }, () => "x".repeat(30_000)) });
    const answer = await postBatch(page, [
      anIdentify({ traits: texts("a") }),
      anIdentify({ traits: texts("b") }),
      anIdentify({ traits: { plan: "Pro" } }),
    ]);
    expect(outcomesIn(answer)).toEqual(["accepted", "accepted", "accepted"]);
    const tooMuch = await postSingle(page, "identify", anIdentify({ traits: texts("c") }));
    expect([tooMuch.status, issuesIn(tooMuch)]).toEqual([
      400,
      { traits: "The profile would hold more than 512 KiB of properties." },
    ]);
    expect(Object.keys((await profileOf(page, answer)).properties)).toEqual(["a", "b", "plan"]);
  });
});
