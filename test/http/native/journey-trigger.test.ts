// Starting a run of a journey over HTTP: what is asked, what is answered, what is refused and how.
import { describe, expect, it, vi } from "vitest";
import { Outbox } from "../../../src/cell/outbox.ts";
import type { Scope } from "../../../src/domain/scopes.ts";
import { runAlarm } from "../../support/alarm.ts";
import { call, get, issuesIn, keyOf, type ApiAnswer } from "../../support/api.ts";
import { dumpCell } from "../../support/tables.ts";
import { aKey, anId, aWorkspace, type TestWorkspace } from "../../support/workspace.ts";
import { change, read, withJourney } from "./journey-calls.ts";

const KEY = "order-follow-up";
const ALEX = { email: "alex@example.com" };
const API = { entry: { api: true } };

async function withActive(over: Record<string, unknown> = API): Promise<TestWorkspace> {
  const workspace = await withJourney(over);
  await change(workspace, "activate");
  return workspace;
}

interface Ask {
  body?: unknown;
  /** `null` = no header. */
  key?: string | null;
  journeyKey?: string;
  who?: string;
}

async function trigger(workspace: TestWorkspace, ask: Ask = {}): Promise<ApiAnswer> {
  const { body = { profile: ALEX }, key = crypto.randomUUID(), journeyKey = KEY, who = workspace.apiKey } = ask;
  const headers: Record<string, string> = key === null ? {} : { "idempotency-key": key };
  return await call(keyOf(who), { method: "POST", path: `/api/v1/journeys/${journeyKey}/trigger`, body, headers });
}

async function issuesOf(workspace: TestWorkspace, ask: Ask): Promise<Record<string, string>> {
  const answer = await trigger(workspace, ask);
  expect([answer.status, answer.body.error]).toEqual([400, "invalid_request"]);
  return issuesIn(answer);
}

describe("triggering a journey", () => {
  it("answers the run, which is the enrollment of that id", async () => {
    const workspace = await withActive();
    const answer = await trigger(workspace);
    expect([answer.status, answer.body]).toEqual([202, { runId: expect.any(String), status: "running" }]);
    expect(answer.headers.get("idempotent-replayed")).toBeNull();
    const run = await get(keyOf(workspace.apiKey), `/api/v1/enrollments/${answer.body.runId}`);
    expect([run.status, run.body]).toMatchObject([200, { journeyKey: KEY, status: "active", stepId: "rest" }]);
    expect((await read(workspace)).body.counts).toMatchObject({ matched: 1, enrolled: 1, skipped: 0, active: 1 });
  });

  it("says so when the run ended at once, and goes on saying so", async () => {
    const workspace = await withActive({ ...API, steps: [{ id: "bye", type: "exit" }] });
    const first = await trigger(workspace, { key: "k" });
    expect(first.body.status).toBe("completed");
    const again = await trigger(workspace, { key: "k" });
    expect([again.status, again.text, again.headers.get("idempotent-replayed")]).toEqual([202, first.text, "true"]);
  });

  it("is an event that can be read, with its variables and its receipt", async () => {
    const workspace = await withActive();
    const { body } = await trigger(workspace, { body: { profile: ALEX, variables: { orderId: "1" } } });
    const owner = keyOf(workspace.apiKey);
    const { eventId, profileId } = (await get(owner, `/api/v1/enrollments/${body.runId}`)).body;
    const expected = {
      eventId,
      event: "$trigger",
      source: "trigger",
      profileId,
      data: { orderId: "1" },
      receipt: { journeys: [{ key: KEY, outcome: "enrolled", enrollmentId: body.runId }], warnings: [] },
    };
    expect((await get(owner, `/api/v1/events/${eventId}`)).body).toMatchObject(expected);
    await runAlarm(workspace.cell);
    expect((await get(owner, `/api/v1/events/${eventId}`)).body).toMatchObject(expected);
    const listed = await get(owner, `/api/v1/events?event=%24trigger`);
    expect(listed.body.items).toMatchObject([{ eventId, data: { orderId: "1" } }]);
  });

  it("reads userId as the externalId, and every identity as an event's are read", async () => {
    const workspace = await withActive({ ...API, eligibility: { reentry: "always", maxActive: 9 } });
    const owner = keyOf(workspace.apiKey);
    const personOf = async (profile: object): Promise<unknown> => {
      const { body } = await trigger(workspace, { body: { profile } });
      return (await get(owner, `/api/v1/enrollments/${body.runId}`)).body.profileId;
    };
    const id = await personOf({ email: "Alex@Example.com", userId: "cus_123", properties: { plan: "Pro" } });
    expect(await personOf({ externalId: "cus_123" })).toBe(id);
    expect(await personOf({ externalId: "cus_123", userId: "cus_123" })).toBe(id);
    expect(await personOf({ email: "alex@example.com", anonymousId: "a1" })).toBe(id);
    expect(await personOf({ anonymousId: "a1" })).toBe(id);
    const { body } = await get(owner, `/api/v1/profiles/${String(id)}`);
    expect(body).toMatchObject({ email: "alex@example.com", externalId: "cus_123", properties: { plan: "Pro" } });
  });

  it("ignores an identity that names nobody, with a warning beside what is left", async () => {
    const workspace = await withActive();
    const { body } = await trigger(workspace, { body: { profile: { ...ALEX, userId: "null", anonymousId: " " } } });
    const owner = keyOf(workspace.apiKey);
    const { eventId } = (await get(owner, `/api/v1/enrollments/${body.runId}`)).body;
    expect((await get(owner, `/api/v1/events/${eventId}`)).body.receipt.warnings).toEqual([
      { code: "identity_ignored", message: "The externalId names nobody and was ignored." },
      { code: "identity_ignored", message: "The anonymousId names nobody and was ignored." },
    ]);
  });
});

describe("a trigger is refused", () => {
  it("with 400 and what to change", async () => {
    const workspace = await withActive();
    const cases: [Ask, string[]][] = [
      [{ key: null }, ["headers.idempotency-key"]],
      [{ key: "x".repeat(256) }, ["headers.idempotency-key"]],
      [{ body: {} }, ["profile"]],
      [{ body: { profile: [] } }, ["profile"]],
      [{ body: { profile: {} } }, ["profile"]],
      [{ body: { profile: { userId: "undefined" } } }, ["profile"]],
      [{ body: { profile: { email: " alex@example.com" } } }, ["profile.email"]],
      [{ body: { profile: { userId: "" } } }, ["profile.userId"]],
      [{ body: { profile: { externalId: "cus_1", userId: "cus_2" } } }, ["profile.userId"]],
      [{ body: { profile: { anonymousId: 7 } } }, ["profile.anonymousId"]],
      [{ body: { profile: { ...ALEX, properties: [] } } }, ["profile.properties"]],
      [{ body: { profile: ALEX, variables: "none" } }, ["variables"]],
      [{ body: '{"profile":{"email":"alex@example.com"},"variables":{"id":12345678901234567890}}' }, ["variables"]],
    ];
    const before = await dumpCell(workspace);
    for (const [ask, paths] of cases) expect([ask, Object.keys(await issuesOf(workspace, ask))]).toEqual([ask, paths]);
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("with 400 when the profile would be too large, under the request's own path", async () => {
    const workspace = await withActive();
    const large = { text: "x".repeat(30_000) };
    const properties = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`a${i}`, large]));
    for (const name of ["b", "c"]) {
      const patch = Object.fromEntries(Object.entries(properties).map(([key, value]) => [name + key, value]));
      await call(keyOf(workspace.apiKey), {
        method: "PUT",
        path: "/api/v1/profiles",
        body: { ...ALEX, properties: patch },
      });
    }
    expect(await issuesOf(workspace, { body: { profile: { ...ALEX, properties } } })).toEqual({
      "profile.properties": "The profile would hold more than 512 KiB of properties.",
    });
  });

  it("with 422 and the reason that keeps the person out, and its key stays free", async () => {
    const workspace = await withActive();
    await trigger(workspace);
    const refused = await trigger(workspace, { key: "k" });
    expect([refused.status, refused.body]).toEqual([
      422,
      { error: "not_eligible", message: expect.any(String), details: { reason: "already_active" } },
    ]);
    expect((await trigger(workspace, { key: "k", body: { profile: { userId: "cus_123" } } })).status).toBe(202);
  });

  it("with 422 while the journey is a draft or paused, and with 409 once it is archived", async () => {
    const workspace = await withJourney(API);
    const refusal = async (): Promise<unknown[]> => {
      const { status, body } = await trigger(workspace, { key: "k" });
      return [status, body.error];
    };
    expect(await refusal()).toEqual([422, "journey_not_active"]);
    await change(workspace, "activate");
    await change(workspace, "pause");
    expect(await refusal()).toEqual([422, "journey_not_active"]);
    await change(workspace, "activate");
    expect((await trigger(workspace, { key: "k" })).status).toBe(202);
    await change(workspace, "archive");
    expect((await trigger(workspace, { key: "k" })).status).toBe(202);
    const { status, body } = await trigger(workspace);
    expect([status, body.error]).toEqual([409, "journey_archived"]);
  });

  it("with 404 for a journey that does not exist", async () => {
    const { status, body } = await trigger(await withActive(), { journeyKey: "no-such-journey" });
    expect([status, body.error]).toEqual([404, "not_found"]);
  });

  it("with 409 when its key stands for another request, and is told not to try again", async () => {
    const workspace = await withActive();
    await trigger(workspace, { key: "k" });
    const other = await trigger(workspace, { key: "k", body: { profile: ALEX, variables: {} } });
    expect([other.status, other.body.error, other.headers.get("x-should-retry")]).toEqual([
      409,
      "idempotency_key_reuse",
      "false",
    ]);
  });

  it("with 503 and when to try again while too many events wait for D1", async () => {
    const workspace = await withActive();
    vi.spyOn(Outbox.prototype, "full", "get").mockReturnValueOnce(true);
    const { status, body, headers } = await trigger(workspace);
    expect([status, body.error, headers.get("retry-after")]).toEqual([503, "unavailable", "30"]);
  });
});

describe("who may trigger", () => {
  it("is a key with journeys:trigger, and none that has every other scope of journeys and events", async () => {
    const workspace = await withActive();
    const lacking: Scope[] = ["journeys:read", "journeys:write", "events:write"];
    const refused = await trigger(workspace, { who: await aKey(workspace.id, lacking) });
    expect([refused.status, refused.body.details]).toEqual([403, { required: ["journeys:trigger"] }]);
    expect((await trigger(workspace, { who: await aKey(workspace.id, ["journeys:trigger"]) })).status).toBe(202);
  });

  it("starts nothing in another workspace, whose journey is unknown here, and shares no key with it", async () => {
    const [theirs, own] = [await withActive(), await aWorkspace()];
    expect((await trigger(theirs, { who: own.apiKey, key: "k" })).status).toBe(404);
    expect((await read(theirs)).body.counts).toMatchObject({ matched: 0 });
    const [a, b] = [await trigger(theirs, { key: "k" }), await trigger(await withActive(), { key: "k" })];
    expect([a.status, b.status, a.body.runId === b.body.runId]).toEqual([202, 202, false]);
  });

  it("is told nothing of what was sent", async () => {
    const workspace = await withActive();
    const secret = `secret-${anId()}`;
    await trigger(workspace, { key: "k" });
    const answers = [
      await trigger(workspace, { body: { profile: { email: secret, userId: secret.repeat(9) } } }),
      await trigger(workspace, { body: { profile: { userId: `a${secret}`, externalId: secret } } }),
      await trigger(workspace, { body: { profile: ALEX, variables: { secret } } }),
      await trigger(workspace, { key: "k", body: { profile: { userId: secret } } }),
      await trigger(workspace, { journeyKey: secret }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 422, 409, 404]);
    for (const { text } of answers) expect(text).not.toContain(secret);
  });
});
