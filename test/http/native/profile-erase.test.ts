// DELETE /api/v1/profiles/{id}: gone for every later call, and what retries and Klaviyo's clients are told afterwards.
import { describe, expect, it } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { call, get, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { aKey, aWorkspace, send, track, type TestWorkspace } from "../../support/workspace.ts";

const PROFILES = "/api/v1/profiles";
const HOUR_MS = 3_600_000;

const order = {
  event: "order.created",
  profile: { email: "alex@example.com", externalId: "cus_1", properties: { plan: "Pro" } },
  data: { total: 49 },
  referenceId: "ord_1",
};

interface Fields {
  eventId: string;
  profileId: string;
}

async function ordered(workspace: TestWorkspace, key?: string): Promise<Fields> {
  return await (await track(workspace, order, key === undefined ? {} : { key })).json<Fields>();
}

async function erase(workspace: TestWorkspace, profileId: string): Promise<ApiAnswer> {
  return await call(keyOf(workspace.apiKey), { method: "DELETE", path: `${PROFILES}/${profileId}` });
}

/** An event as Klaviyo's servers' clients send it. */
async function klaviyo(workspace: TestWorkspace, time: string | null, uniqueId: string): Promise<number> {
  const attributes = {
    properties: { total: 49 },
    metric: { data: { type: "metric", attributes: { name: "Placed Order" } } },
    profile: { data: { type: "profile", attributes: { email: "alex@example.com" } } },
    unique_id: uniqueId,
    ...(time === null ? {} : { time }),
  };
  const headers = {
    authorization: `Klaviyo-API-Key ${workspace.apiKey}`,
    revision: "2025-01-15",
    "content-type": "application/json",
  };
  const body = JSON.stringify({ data: { type: "event", attributes } });
  return (await send("/klaviyo/api/events/", { method: "POST", headers, body })).status;
}

async function peopleIn(workspace: TestWorkspace): Promise<number> {
  await runAlarm(workspace.cell);
  return (await post(keyOf(workspace.apiKey), PROFILES)).body.profileCount;
}

describe("DELETE /api/v1/profiles/{id}", () => {
  it("answers 204 without a body, and 404 to every later call", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await ordered(workspace);
    await runAlarm(workspace.cell);
    const answer = await erase(workspace, profileId);
    expect([answer.status, answer.text]).toEqual([204, ""]);
    const later = [
      await erase(workspace, profileId),
      ...(await Promise.all(
        ["", "/events", "/export"].map((path) => get(keyOf(workspace.apiKey), `${PROFILES}/${profileId}${path}`)),
      )),
    ];
    expect(later.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  });

  it("empties lists, and leaves events and enrollments without the person", async () => {
    const workspace = await aWorkspace();
    const { key } = await anActiveJourney(workspace.cell);
    const { profileId, eventId } = await ordered(workspace);
    await runAlarm(workspace.cell);
    await erase(workspace, profileId);
    expect(await peopleIn(workspace)).toBe(0);
    const who = keyOf(workspace.apiKey);
    expect((await get(who, `/api/v1/events?profileId=${profileId}`)).body.items).toEqual([]);
    expect((await get(who, `/api/v1/events?referenceId=ord_1`)).body.items).toEqual([]);
    expect((await get(who, "/api/v1/events")).body.items).toMatchObject([
      { eventId, event: "order.created", profileId: null, data: null, referenceId: null, redactedDataPaths: [] },
    ]);
    const { items } = (await get(who, `/api/v1/journeys/${key}/enrollments`)).body;
    expect(items).toMatchObject([{ status: "cancelled", reason: "profile_erased", eventId }]);
    expect((await get(who, `/api/v1/enrollments/${items[0].id}`)).body).toMatchObject({
      status: "cancelled",
      timeline: [{ kind: "ended" }],
    });
  });

  it("needs profiles:write", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await ordered(workspace);
    const reader = await aKey(workspace.id, ["profiles:read"]);
    const answer = await call(keyOf(reader), { method: "DELETE", path: `${PROFILES}/${profileId}` });
    expect([answer.status, answer.body.details]).toEqual([403, { required: ["profiles:write"] }]);
    expect((await get(keyOf(reader), `${PROFILES}/${profileId}`)).status).toBe(200);
  });

  it("leaves another workspace's profile alone", async () => {
    const [owner, other] = [await aWorkspace(), await aWorkspace()];
    const { profileId } = await ordered(owner);
    expect((await erase(other, profileId)).status).toBe(404);
    expect((await get(keyOf(owner.apiKey), `${PROFILES}/${profileId}`)).status).toBe(200);
  });
});

describe("after an erasure", () => {
  it("a known key replays the same bytes and brings nobody back", async () => {
    const workspace = await aWorkspace();
    const first = await (await track(workspace, order, { key: "k" })).text();
    await erase(workspace, (JSON.parse(first) as Fields).profileId);
    const again = await track(workspace, order, { key: "k" });
    expect([again.status, again.headers.get("idempotent-replayed"), await again.text()]).toEqual([202, "true", first]);
    expect(await peopleIn(workspace)).toBe(0);
  });

  it("a known key still shows what the journeys decided", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const first = await (await track(workspace, order, { key: "k", query: "?include=receipt" })).text();
    await erase(workspace, (JSON.parse(first) as Fields).profileId);
    await runAlarm(workspace.cell);
    expect(await (await track(workspace, order, { key: "k", query: "?include=receipt" })).text()).toBe(first);
  });

  it("a new key makes a new person", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await ordered(workspace);
    await erase(workspace, profileId);
    const next = await ordered(workspace);
    expect(next.profileId).not.toBe(profileId);
    expect((await get(keyOf(workspace.apiKey), `${PROFILES}/${next.profileId}`)).body.email).toBe("alex@example.com");
  });

  it("Klaviyo's clients are told 202 for what happened before, and it is dropped", async () => {
    const workspace = await aWorkspace();
    const anHourAgo = new Date(Date.now() - HOUR_MS).toISOString();
    expect(await klaviyo(workspace, anHourAgo, "known")).toBe(202);
    const { profileId } = await ordered(workspace);
    await erase(workspace, profileId);
    expect(await klaviyo(workspace, anHourAgo, "known")).toBe(202);
    expect(await klaviyo(workspace, anHourAgo, "late")).toBe(202);
    expect(await peopleIn(workspace)).toBe(0);
    expect(await klaviyo(workspace, null, "known")).toBe(202);
    expect(await peopleIn(workspace)).toBe(0);
  });

  it("Klaviyo's clients make a new person with an event that claims no time of its own", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await ordered(workspace);
    await erase(workspace, profileId);
    expect(await klaviyo(workspace, null, "new")).toBe(202);
    expect(await peopleIn(workspace)).toBe(1);
  });
});
