import { beforeEach, describe, expect, it } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anActiveJourney, aJourney, editJourney } from "../../support/journeys.ts";
import { aUserEventRow } from "../../d1/builders.ts";
import { dumpCell, queryCell, rowsInD1 } from "../../support/tables.ts";
import { aKey, anId, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const PERSON = { email: "alex@example.com", properties: { plan: "Pro" } };

let workspace: TestWorkspace;
beforeEach(async () => {
  workspace = await aWorkspace();
  const filter = [
    { $state: "/event/total", gte: 40 },
    { $state: "/profile/plan", eq: "Pro" },
  ];
  await anActiveJourney(workspace.cell, { entry: { event: "order.created", filter } });
});

async function explain(body: unknown, key = "order-follow-up"): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `/api/v1/journeys/${key}/explain`, body);
}

const anOrder = (data: object) => ({ event: "order.created", data });

async function tracked(body: object): Promise<{ eventId: string; profileId: string }> {
  return await (await track(workspace, { event: "order.created", profile: PERSON, ...body })).json();
}

describe("POST /api/v1/journeys/{key}/explain", () => {
  it("compares clause by clause, for a person and an event that are made up", async () => {
    const { status, body } = await explain({ profile: PERSON, event: anOrder({ total: 30 }) });
    expect([status, body]).toEqual([
      200,
      {
        outcome: "skipped",
        reason: "filter_failed",
        detail: { path: "/event/total", operator: "gte" },
        version: 1,
        clauses: [
          { path: "/event/total", operator: "gte", expected: 40, actual: 30, passed: false },
          { path: "/profile/plan", operator: "eq", expected: "Pro", actual: "Pro", passed: true },
        ],
        recorded: null,
      },
    ]);
  });

  it("reads the identity as the profile's e-mail, and takes junk for none", async () => {
    const requires = { eligibility: { requires: ["externalId"] } };
    await aJourney(workspace.cell, { key: "known", ...requires });
    const about = async (profile: object) => (await explain({ profile, event: anOrder({}) }, "known")).body.reason;
    expect([await about({ externalId: "cus_1" }), await about({ externalId: "null" }), await about({})]).toEqual([
      "enrolled",
      "identity_required",
      "identity_required",
    ]);
    const filter = { $state: "/profile/email", eq: "alex@example.com" };
    await aJourney(workspace.cell, { key: "alex", entry: { event: "order.created", filter } });
    const profile = { email: "Alex@Example.com", properties: { email: "other@example.com" } };
    expect((await explain({ profile, event: anOrder({}) }, "alex")).body.outcome).toBe("enrolled");
  });

  it("decides a stored event on its person as they are now, beside what its receipt recorded", async () => {
    const { eventId, profileId } = await tracked({ data: { total: 50 } });
    const recorded = { outcome: "enrolled", reason: "enrolled", version: 1 };
    const now = { outcome: "skipped", reason: "already_active", recorded };
    expect((await explain({ eventId })).body).toMatchObject(now);
    expect((await explain({ eventId, profileId })).body).toMatchObject(now);
    expect((await explain({ eventId, profile: PERSON })).body).toMatchObject({ outcome: "enrolled", recorded });
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, "user_events")).toHaveLength(1);
    expect((await explain({ eventId })).body).toMatchObject(now);
  });

  it("has nothing recorded of a journey that the event did not meet", async () => {
    const { eventId } = await tracked({ data: { total: 50 } });
    await aJourney(workspace.cell, { key: "later" });
    expect((await explain({ eventId }, "later")).body).toMatchObject({ outcome: "enrolled", recorded: null });
  });

  it("decides an event that waits in quarantine", async () => {
    const { eventId } = await tracked({ data: { total: 50 } });
    const row = aUserEventRow({ event_id: eventId, data: '{"total":7}' });
    await queryCell(workspace, `DELETE FROM outbox_events`);
    const bindings = [anId(), Date.now(), "user_events", eventId, "SQLITE_TOOBIG", JSON.stringify(row)];
    await queryCell(workspace, `INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)`, ...bindings);
    expect((await explain({ eventId, profile: PERSON })).body).toMatchObject({ reason: "filter_failed" });
  });

  it("hides what is no longer kept, and does not know what hangs on it", async () => {
    const secret = "4242-explain";
    const redacted = { data: { total: 50, card: secret }, redactedDataPaths: ["/event/card", "/event/total"] };
    const { eventId } = await tracked(redacted);
    const answer = await explain({ eventId, profile: PERSON });
    expect(answer.body).toMatchObject({
      outcome: "unknown_redacted",
      reason: null,
      clauses: [{ path: "/event/total", actual: null, redacted: true, passed: null }, { passed: true }],
      recorded: { outcome: "enrolled", reason: "enrolled", version: 1 },
    });
    expect((await explain({ eventId, profile: { ...PERSON, properties: {} } })).body.reason).toBe("filter_failed");
    expect(answer.text).not.toContain(secret);
  });

  it("takes any version, and knows that another name is not listened to", async () => {
    await editJourney(workspace.cell, "order-follow-up", { entry: { event: "order.paid" } });
    const sample = { profile: PERSON, event: anOrder({ total: 50 }) };
    expect((await explain(sample)).body).toMatchObject({ version: 1, outcome: "enrolled" });
    expect((await explain({ ...sample, version: 2 })).body).toMatchObject({
      version: 2,
      outcome: "not_listening",
      reason: null,
      clauses: [],
    });
    await aJourney(workspace.cell, { key: "by-hand", entry: { api: true } });
    expect((await explain(sample, "by-hand")).body.outcome).toBe("not_listening");
  });

  it("gives a lone surrogate and odd keys back as they were sent", async () => {
    const filter = { $state: "/event/text", exists: true };
    await aJourney(workspace.cell, { key: "odd", entry: { event: "order.created", filter } });
    const body = '{"profile":{},"event":{"event":"order.created","data":{"text":{"__proto__":"\\ud800"}}}}';
    expect((await explain(body, "odd")).text).toContain('"actual":{"__proto__":"\\ud800"}');
  });

  it("is 404 for a journey, a version, an event or a profile that is not there", async () => {
    const sample = { profile: PERSON, event: anOrder({}) };
    const answers = [
      await explain(sample, "nothing"),
      await explain({ ...sample, version: 2 }),
      await explain({ eventId: anId() }),
      await explain({ eventId: "nothing" }),
      await explain({ profileId: anId(), event: anOrder({}) }),
    ];
    expect(answers.map(({ status, body }) => [status, body.error])).toEqual(answers.map(() => [404, "not_found"]));
  });

  it.each([
    [{}, ["event", "profile"]],
    [{ event: { event: "a" } }, ["profile"]],
    [{ event: { event: "a" }, eventId: "x", profile: {}, profileId: "y" }, ["event", "profile"]],
    [{ event: {}, profile: { email: "nobody", phone: "12" } }, ["event.event", "profile.email", "profile.phone"]],
    [{ event: { event: "a", occurredAt: "now" }, profile: [] }, ["event.occurredAt", "profile"]],
    [{ version: 0, eventId: "x" }, ["version"]],
    [{ version: "1", eventId: 7 }, ["eventId", "version"]],
  ])("is 400 for %j", async (body, paths) => {
    const answer = await explain(body);
    expect([answer.status, Object.keys(issuesIn(answer)).toSorted()]).toEqual([400, paths]);
  });

  it("stores nothing", async () => {
    const { eventId } = await tracked({ data: { total: 50 } });
    await explain({ eventId });
    const before = await dumpCell(workspace);
    await explain({ eventId });
    await explain({ profile: { email: "new@example.com" }, event: anOrder({ total: 50 }) });
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("needs journeys:read alone", async () => {
    const reader = keyOf(await aKey(workspace.id, ["journeys:read"]));
    const { eventId } = await tracked({ data: { total: 50 } });
    expect((await post(reader, "/api/v1/journeys/order-follow-up/explain", { eventId })).status).toBe(200);
  });
});
