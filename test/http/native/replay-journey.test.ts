// POST /api/v1/journeys/{key}/replay: events of the past, let into a journey that was not there, or not open, for them.
import { env } from "cloudflare:workers";
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { runAlarm } from "../../support/alarm.ts";
import { issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { runsOf } from "../../support/runs.ts";
import { countInCell, dumpCell, queryCell, rowsInD1 } from "../../support/tables.ts";
import { aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";
import { change, create, JOURNEYS, order, put, read } from "./journey-calls.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const EVER = { from: "2020-01-01T00:00:00.000Z", to: "2100-01-01T00:00:00.000Z" };

async function replay(workspace: TestWorkspace, over: object = {}, key = "order-follow-up"): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `${JOURNEYS}/${key}/replay`, { ...EVER, ...over });
}

/** Orders of so many people, stored in D1 before any journey is there. */
async function withPast(people: number): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  for (let i = 0; i < people; i++) await order(workspace, { email: `p${i}@example.com` });
  await runAlarm(workspace.cell);
  return workspace;
}

async function active(workspace: TestWorkspace, over: Record<string, unknown> = {}): Promise<void> {
  const { body } = await create(workspace, aJourneyDocument(over));
  expect((await change(workspace, "activate", body.key)).status).toBe(200);
}

async function countsOf(workspace: TestWorkspace): Promise<Record<string, number>> {
  return (await read(workspace)).body.counts;
}

async function orderWith(workspace: TestWorkspace, data: object, over: object = {}): Promise<string> {
  const answer = await track(workspace, {
    event: "order.created",
    profile: { email: "alex@example.com" },
    data,
    ...over,
  });
  return (await answer.json<{ eventId: string }>()).eventId;
}

describe("a replay", () => {
  it("lets events in that were stored before the journey was there", async () => {
    const workspace = await withPast(3);
    await active(workspace);
    const answer = await replay(workspace);
    expect([answer.status, answer.body]).toEqual([
      202,
      {
        replayId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        events: 3,
        enrolled: 3,
        skipped: {},
        alreadyDecided: 0,
        dryRun: false,
        nextCursor: null,
      },
    ]);
    const runs = await runsOf(workspace);
    const stored = await rowsInD1<{ event_id: string }>(workspace, "user_events");
    expect(runs.map(({ event_id }) => event_id).toSorted()).toEqual(stored.map(({ event_id }) => event_id));
    expect(await countsOf(workspace)).toMatchObject({ matched: 3, enrolled: 3, skipped: 0, active: 3 });
  });

  it("starts a journey once for an event, however often it is replayed and whatever became of the run", async () => {
    const workspace = await withPast(2);
    await active(workspace, { eligibility: { reentry: "always", maxActive: 99 } });
    await replay(workspace);
    expect((await replay(workspace)).body).toMatchObject({ events: 2, enrolled: 0, alreadyDecided: 2, skipped: {} });
    expect(await runsOf(workspace)).toHaveLength(2);
    expect(await countsOf(workspace)).toMatchObject({ matched: 2, enrolled: 2, skipped: 0 });
  });

  it("starts a journey once for an event when many replay at once", async () => {
    const workspace = await withPast(4);
    await active(workspace, { eligibility: { reentry: "always", maxActive: 99 } });
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await replay(workspace)));
    const sum = answers.reduce((total, { body }) => total + body.enrolled, 0);
    expect([sum, (await runsOf(workspace)).length]).toEqual([4, 4]);
    expect(await countsOf(workspace)).toMatchObject({ matched: 4, enrolled: 4 });
  });

  it("goes on after a failure between two slices without letting anything in twice", async () => {
    const workspace = await withPast(130);
    await active(workspace, { eligibility: { reentry: "always", maxActive: 99 } });
    const prepare = env.DB.prepare.bind(env.DB);
    let pages = 0;
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      if (sql.includes("INDEXED BY user_events_by_event") && (pages += 1) === 2) throw new Error("gone");
      return prepare(sql);
    });
    expect((await replay(workspace)).status).toBe(503);
    expect(await runsOf(workspace)).toHaveLength(100);
    vi.restoreAllMocks();
    await evictDurableObject(workspace.cell);
    expect((await replay(workspace)).body).toMatchObject({ events: 130, enrolled: 30, alreadyDecided: 100 });
    expect(await runsOf(workspace)).toHaveLength(130);
    expect(await countsOf(workspace)).toMatchObject({ matched: 130, enrolled: 130, active: 130 });
  });

  it("leaves an event alone that the journey has decided, for whatever reason", async () => {
    const workspace = await aWorkspace();
    await active(workspace, { entry: { event: "order.created", filter: { $state: "/event/total", gte: 40 } } });
    await orderWith(workspace, { total: 50 });
    await orderWith(workspace, { total: 10 });
    await runAlarm(workspace.cell);
    // The next version would take what was skipped.
    await put(workspace, "order-follow-up", aJourneyDocument({ eligibility: { reentry: "always", maxActive: 99 } }));
    await change(workspace, "activate");
    expect((await replay(workspace)).body).toMatchObject({ events: 2, enrolled: 0, alreadyDecided: 2 });
    expect(await runsOf(workspace)).toHaveLength(1);
  });

  it("lets in what came while the journey was paused", async () => {
    const workspace = await aWorkspace();
    await active(workspace);
    await change(workspace, "pause");
    await order(workspace);
    await runAlarm(workspace.cell);
    await change(workspace, "activate");
    expect((await replay(workspace)).body).toMatchObject({ events: 1, enrolled: 1 });
  });

  it("takes events too that have not reached the read model", async () => {
    const workspace = await aWorkspace();
    await order(workspace);
    await active(workspace);
    expect(await rowsInD1(workspace, "user_events")).toEqual([]);
    expect((await replay(workspace)).body).toMatchObject({ events: 1, enrolled: 1, nextCursor: null });
    await runAlarm(workspace.cell);
    expect((await replay(workspace)).body).toMatchObject({ events: 1, enrolled: 0, alreadyDecided: 1 });
  });

  it("takes no event of another name, and none outside its time", async () => {
    const workspace = await aWorkspace();
    const eventId = await orderWith(workspace, {});
    await track(workspace, { event: "other", profile: { email: "b@example.com" } });
    await runAlarm(workspace.cell);
    await active(workspace);
    const at = Number.parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16);
    const iso = (ms: number): string => new Date(ms).toISOString();
    const before = await replay(workspace, { from: iso(at - 1_000), to: iso(at) });
    const after = await replay(workspace, { from: iso(at + 1), to: iso(at + 1_000) });
    expect([before.body.events, after.body.events]).toEqual([0, 0]);
    expect((await replay(workspace, { from: iso(at), to: iso(at + 1) })).body).toMatchObject({
      events: 1,
      enrolled: 1,
    });
  });

  it("honours eligibility, oldest event first", async () => {
    const workspace = await aWorkspace();
    const first = await orderWith(workspace, { orderId: "a" });
    await orderWith(workspace, { orderId: "b" });
    await runAlarm(workspace.cell);
    await active(workspace);
    expect((await replay(workspace)).body).toMatchObject({ enrolled: 1, skipped: { already_active: 1 } });
    expect((await runsOf(workspace)).map(({ event_id }) => event_id)).toEqual([first]);
    expect(await countsOf(workspace)).toMatchObject({ matched: 1, enrolled: 1, skipped: 0 });
  });

  it("decides on the profile as it is now, and follows a merge", async () => {
    const workspace = await aWorkspace();
    await track(workspace, { event: "order.created", profile: { email: "lead@example.com" } });
    const last = await track(workspace, {
      event: "signed.up",
      profile: { email: "lead@example.com", externalId: "c-1", properties: { plan: "Pro" } },
    });
    const { profileId } = await last.json<{ profileId: string }>();
    await runAlarm(workspace.cell);
    await active(workspace, { entry: { event: "order.created", filter: { $state: "/profile/plan", eq: "Pro" } } });
    await replay(workspace);
    expect((await runsOf(workspace)).map(({ profile_id }) => profile_id)).toEqual([profileId]);
  });

  it("keeps the entry event's data for the run, once for the runs of two journeys", async () => {
    const workspace = await aWorkspace();
    const eventId = await orderWith(workspace, { total: 50 });
    await runAlarm(workspace.cell);
    for (const key of ["one", "two"]) {
      await active(workspace, { key });
      await replay(workspace, {}, key);
    }
    expect(await queryCell(workspace, `SELECT * FROM entry_events`)).toEqual([
      { event_id: eventId, event: "order.created", data: '{"total":50}', runs: 2 },
    ]);
  });

  it("says unknown_redacted where the filter hangs on a value that is not kept, and decides where it does not", async () => {
    const workspace = await aWorkspace();
    const redactedDataPaths = ["/event/card"];
    await orderWith(workspace, { card: "1234", total: 50 }, { redactedDataPaths });
    await runAlarm(workspace.cell);
    await active(workspace, {
      key: "by-card",
      entry: { event: "order.created", filter: { $state: "/event/card", eq: "1234" } },
    });
    await active(workspace, {
      key: "by-total",
      entry: { event: "order.created", filter: { $state: "/event/total", gte: 40 } },
    });
    expect((await replay(workspace, {}, "by-card")).body).toMatchObject({
      events: 1,
      enrolled: 0,
      skipped: { unknown_redacted: 1 },
    });
    expect((await replay(workspace, {}, "by-total")).body).toMatchObject({ enrolled: 1 });
  });

  it("leaves stored events and their receipts as they are", async () => {
    const workspace = await withPast(2);
    await active(workspace);
    const before = await rowsInD1(workspace, "user_events");
    await replay(workspace);
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, "user_events")).toEqual(before);
    expect(await rowsInD1(workspace, "enrollments")).toHaveLength(2);
  });

  it("counts for the runaway guard, which stops it as it stops events", async () => {
    const workspace = await withPast(4);
    await active(workspace, { runaway: { enrollments: 2, per: "P1D" } });
    expect((await replay(workspace)).body).toMatchObject({ enrolled: 2, skipped: { runaway_stopped: 2 } });
    expect((await read(workspace)).body.stoppedAt).not.toBeNull();
  });
});

describe("a replay in parts", () => {
  it("takes as many events as its limit, and goes on from its cursor until all are looked at", async () => {
    const workspace = await withPast(5);
    await active(workspace);
    const seen = [];
    let cursor: string | null = null;
    do {
      const { body }: ApiAnswer = await replay(workspace, { limit: 2, cursor });
      seen.push([body.events, body.enrolled]);
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([
      [2, 2],
      [2, 2],
      [1, 1],
    ]);
  });

  it("has no cursor when its limit is just enough", async () => {
    const workspace = await withPast(2);
    await active(workspace);
    expect((await replay(workspace, { limit: 2 })).body).toMatchObject({ events: 2, nextCursor: null });
  });
});

describe("a dry run", () => {
  it("says what the replay then does, and writes nothing", async () => {
    const workspace = await aWorkspace();
    for (const email of ["a", "b", "a", "c", "b", "a"]) await order(workspace, { email: `${email}@example.com` });
    await runAlarm(workspace.cell);
    await active(workspace, {
      eligibility: { reentry: "always", maxActive: 2 },
      runaway: { enrollments: 4, per: "P1D" },
    });
    const before = await dumpCell(workspace);
    const dry = await replay(workspace, { dryRun: true });
    expect(await dumpCell(workspace)).toEqual(before);
    const real = await replay(workspace);
    expect(real.body.enrolled).toBe(4);
    expect({ ...dry.body, dryRun: false, replayId: "" }).toEqual({ ...real.body, replayId: "" });
  });

  it("counts over slices, by what the journey counts by", async () => {
    const workspace = await aWorkspace();
    for (let i = 0; i < 120; i++) await orderWith(workspace, { orderId: `o-${i % 110}` });
    await runAlarm(workspace.cell);
    await active(workspace, { eligibility: { key: "/event/orderId", cap: { enrollments: 105, per: "P1D" } } });
    const dry = (await replay(workspace, { dryRun: true })).body;
    expect(dry).toMatchObject({ events: 120, enrolled: 105, skipped: { already_active: 10, capped: 5 } });
    expect(await countInCell(workspace, "enrollments")).toBe(0);
    expect((await replay(workspace)).body).toMatchObject({ enrolled: 105, skipped: dry.skipped });
  });
});

describe("a replay is refused", () => {
  it("for a journey that is not active, with 422", async () => {
    const workspace = await withPast(1);
    await create(workspace);
    const draft = await replay(workspace);
    await change(workspace, "activate");
    await change(workspace, "pause");
    const paused = await replay(workspace);
    expect([draft.status, draft.body.error, paused.status]).toEqual([422, "journey_not_active", 422]);
    await change(workspace, "archive");
    expect((await replay(workspace)).body.error).toBe("journey_archived");
  });

  it("for a journey that a trigger starts, with 400", async () => {
    const workspace = await aWorkspace();
    await active(workspace, { entry: { api: true } });
    expect(issuesIn(await replay(workspace))).toEqual({ key: expect.stringContaining("trigger") });
  });

  it.each([
    [{ from: undefined }, "from"],
    [{ to: "yesterday" }, "to"],
    [{ to: EVER.from }, "to"],
    [{ limit: 0 }, "limit"],
    [{ limit: 10_001 }, "limit"],
    [{ dryRun: "yes" }, "dryRun"],
    [{ cursor: "x" }, "cursor"],
  ])("with the body %j, with 400", async (over, path) => {
    const workspace = await aWorkspace();
    await active(workspace);
    const answer = await replay(workspace, over);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
  });
});
