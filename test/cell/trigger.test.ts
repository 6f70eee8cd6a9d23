// A trigger starts one run of one journey, once, whatever is retried. What is refused: trigger-refused.test.ts.
import { abortAllDurableObjects, createExecutionContext, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { KeyLedger } from "../../src/cell/key-ledger.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import worker from "../../src/index.ts";
import { unpackReceipt } from "../../src/domain/receipt.ts";
import type { UserEventRow } from "../../src/domain/event.ts";
import { runAlarm } from "../support/alarm.ts";
import { LEDGER_SECRETS, OPERATOR, thrownBy } from "../support/commands.ts";
import { withData } from "../support/decisions.ts";
import { anActiveJourney, changeJourney, editJourney, readJourney } from "../support/journeys.ts";
import { endsOf, linesOf, pass, readRun } from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { countInCell, dumpCell, queryCell, rowsInD1 } from "../support/tables.ts";
import { aTrigger, KEY, postTrigger, refusalOf, trigger, triggerClaims, triggered } from "../support/triggers.ts";
import { aWorkspace, track, type TestWorkspace } from "../support/workspace.ts";

const HOUR_MS = 3_600_000;
const API = { entry: { api: true } };
const BODY = { profile: { email: "alex@example.com", properties: { plan: "Pro" } }, variables: { orderId: "1" } };

/** Journeys whose runs stand like this when they have taken their first steps. */
const STANDING: [string, unknown[]][] = [
  ["running", [{ id: "rest", type: "delay", for: "PT1H" }]],
  ["completed", [{ id: "bye", type: "exit" }]],
  [
    "failed",
    [
      {
        id: "hook",
        type: "webhook",
        url: "https://example.com/h",
        headers: { "x-order": { $state: "/event/list" } },
        onFailure: "fail",
      },
    ],
  ],
];
async function withTrigger(over: Record<string, unknown> = API): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, over);
  return workspace;
}

async function countsOf(workspace: TestWorkspace): Promise<object> {
  return (await readJourney(workspace.cell, KEY)).counts;
}

async function textOf(response: Promise<Response>): Promise<string> {
  return await (await response).text();
}

describe("a trigger", () => {
  it.each([
    ["by triggers alone", API],
    ["by an event too", { entry: { event: "order.created" } }],
    [
      "by an event that its filter would not let in",
      { entry: { event: "order.created", filter: { $state: "/event/total", gte: 40 } } },
    ],
  ])("starts a run of a journey that is started %s", async (_, over) => {
    const workspace = await withTrigger(over);
    const { runId } = await triggered(workspace, withData({ total: 1 }));
    expect(await readRun(workspace, runId)).toMatchObject({ status: "active", stepId: "rest", version: 1 });
    expect(await countsOf(workspace)).toMatchObject({ matched: 1, enrolled: 1, skipped: 0, active: 1 });
  });

  it("is a user event, whose receipt names the run", async () => {
    const workspace = await withTrigger();
    const { runId } = await triggered(workspace, withData({ orderId: "1" }));
    const { eventId, profileId } = await readRun(workspace, runId);
    await runAlarm(workspace.cell);
    const [event, ...others] = await rowsInD1<UserEventRow>(workspace, "user_events");
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      event_id: eventId,
      event: "$trigger",
      source: "trigger",
      profile_id: profileId,
      data: '{"orderId":"1"}',
    });
    expect(unpackReceipt(event?.receipt ?? "").journeys).toMatchObject([
      { key: KEY, version: 1, outcome: "enrolled", reason: "enrolled", enrollmentId: runId },
    ]);
    expect(await countsOf(workspace)).toMatchObject({ matched: 1, enrolled: 1, skipped: 0, active: 1 });
  });

  it("hands its variables to the steps of the run, as the event's data", async () => {
    const steps = [
      { id: "rest", type: "delay", for: "PT1H" },
      { id: "large", type: "branch", if: { $state: "/event/total", gte: 50 }, then: "much", else: "bye" },
      { id: "much", type: "update_profile", set: { total: { $state: "/event/total" } } },
      { id: "bye", type: "exit" },
    ];
    const workspace = await withTrigger({ ...API, steps });
    const { runId } = await triggered(workspace, withData({ total: 80 }));
    await pass(workspace, HOUR_MS);
    expect(await linesOf(workspace, runId)).toContain("updated much");
    const [profile] = await queryCell<{ properties: string }>(workspace, `SELECT properties FROM profiles`);
    expect(profile?.properties).toBe('{"total":80}');
  });

  it("starts the published version of the journey it names, and no other journey", async () => {
    const workspace = await withTrigger({ entry: { event: "$trigger" } });
    await anActiveJourney(workspace.cell, { key: "other", entry: { event: "$trigger" } });
    await editJourney(workspace.cell, KEY, { steps: [{ id: "bye", type: "exit" }] });
    const { runId, status } = await triggered(workspace);
    expect([(await runsOf(workspace)).map(({ id }) => id), status]).toEqual([[runId], "running"]);
    expect((await readJourney(workspace.cell, "other")).counts).toMatchObject({ matched: 0, enrolled: 0 });
  });

  it("is heard by the person's runs that wait for it, before it starts one", async () => {
    const steps = [{ id: "again", type: "wait_for_event", event: "$trigger", timeout: "P1D" }];
    const workspace = await withTrigger({ ...API, steps, eligibility: { reentry: "always" } });
    const first = await triggered(workspace);
    const second = await triggered(workspace);
    expect(await readRun(workspace, first.runId)).toMatchObject({ status: "completed" });
    expect(await readRun(workspace, second.runId)).toMatchObject({ status: "active" });
  });

  it("finds, makes and merges people as an event does, and patches their properties", async () => {
    const workspace = await withTrigger({ ...API, eligibility: { reentry: "always", maxActive: 9 } });
    const visitor = await triggered(workspace, {
      identities: { anonymousId: "a1" },
      propertiesJson: '{"from":"page"}',
    });
    await triggered(workspace, {
      identities: { anonymousId: "a1", email: "alex@example.com" },
      propertiesJson: '{"plan":"Pro"}',
    });
    const [person, ...others] = await queryCell(workspace, `SELECT id, properties, sources FROM profiles`);
    expect(others).toEqual([]);
    expect(person).toEqual({
      id: (await readRun(workspace, visitor.runId)).profileId,
      properties: '{"from":"page","plan":"Pro"}',
      sources: '["trigger"]',
    });
  });

  it("counts by the value of the journey's key, which it carries itself", async () => {
    const workspace = await withTrigger({ ...API, eligibility: { key: "/event/orderId" } });
    expect(await refusalOf(workspace, withData({}))).toBe("key_missing");
    await triggered(workspace, withData({ orderId: "1" }));
    await triggered(workspace, withData({ orderId: "2" }));
    expect(await refusalOf(workspace, withData({ orderId: "1" }))).toBe("already_active");
  });
});

describe("the key of a trigger", () => {
  it("begins one run of 40 identical requests at once, and all get the same bytes", async () => {
    const workspace = await withTrigger({ ...API, eligibility: { reentry: "always", maxActive: 99 } });
    const responses = await Promise.all(
      Array.from({ length: 40 }, async () => await postTrigger(workspace, BODY, { key: "k" })),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 202));
    expect(responses.filter(({ headers }) => headers.get("idempotent-replayed") === null)).toHaveLength(1);
    const bodies = new Set(await Promise.all(responses.map(async (response) => await response.text())));
    const [run] = await runsOf(workspace);
    expect([...bodies]).toEqual([JSON.stringify({ runId: run?.id, status: "running" })]);
    for (const table of ["outbox_events", "profiles", "enrollments", "entry_events", "ledger_1"]) {
      expect([table, await countInCell(workspace, table)]).toEqual([table, 1]);
    }
    expect(await countsOf(workspace)).toMatchObject({ matched: 1, enrolled: 1, active: 1 });
  });

  const since: [string, (workspace: TestWorkspace) => Promise<unknown>][] = [
    ["an eviction", async ({ cell }) => await evictDurableObject(cell)],
    ["a crash of every object", async () => await abortAllDurableObjects()],
    ["its event has reached D1", async ({ cell }) => await runAlarm(cell)],
    ["the run has moved on to its end", async (workspace) => await pass(workspace, HOUR_MS)],
    [
      "the run was cancelled",
      async (workspace) => {
        for (const { id } of await runsOf(workspace)) await workspace.cell.cancelEnrollment(OPERATOR, id);
      },
    ],
    ["the journey was paused", async ({ cell }) => await changeJourney(cell, KEY, "pause")],
    ["the journey was archived", async ({ cell }) => await changeJourney(cell, KEY, "archive")],
    [
      "the journey has another version",
      async ({ cell }) => {
        await editJourney(cell, KEY, { entry: { event: "paid" }, steps: [{ id: "bye", type: "exit" }] });
        await changeJourney(cell, KEY, "activate");
      },
    ],
    [
      "the person was erased",
      async (workspace) => {
        const [{ profile_id } = { profile_id: "" }] = await runsOf(workspace);
        await workspace.cell.eraseProfile(OPERATOR, profile_id, new Uint8Array(32));
      },
    ],
    [
      "D1 is too far behind to take new events",
      async () => vi.spyOn(Outbox.prototype, "full", "get").mockReturnValue(true),
    ],
  ];

  it.each(since)("gets the same bytes after %s", async (_, happens) => {
    const { id, apiKey, cell } = await withTrigger({ ...API, steps: STANDING[0]?.[1] });
    const first = await textOf(postTrigger({ apiKey }, BODY, { key: "k" }));
    expect(JSON.parse(first)).toMatchObject({ status: "running" });
    await happens({ id, apiKey, cell });
    // A stub of an object that crashed stays broken.
    const workspace = { id, apiKey, cell: env.WORKSPACE_CELL.getByName(id) };
    const again = await postTrigger(workspace, BODY, { key: "k" });
    expect([again.status, await again.text(), again.headers.get("idempotent-replayed")]).toEqual([202, first, "true"]);
    expect(await countInCell(workspace, "enrollments")).toBe(1);
  });

  it.each(STANDING)("keeps that the run was %s when it was answered first", async (status, steps) => {
    const workspace = await withTrigger({ ...API, steps });
    const claims = triggerClaims(workspace.id, "k");
    const first = await triggered(workspace, { claims, ...withData({ list: [1] }) });
    expect(first).toMatchObject({ replayed: false, status });
    await runAlarm(workspace.cell);
    await evictDurableObject(workspace.cell);
    expect(await triggered(workspace, { claims })).toEqual({ ...first, replayed: true });
  });

  it("replays and conflicts across a rotation of the ledger's secrets", async () => {
    const workspace = await withTrigger();
    const post = async (secrets: string, body: unknown): Promise<Response> => {
      const request = new Request(`http://waypost.test/api/v1/journeys/${KEY}/trigger`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": workspace.apiKey, "idempotency-key": "k" },
        body: JSON.stringify(body),
      });
      return await worker.fetch(request, { ...env, LEDGER_SECRETS: secrets }, createExecutionContext());
    };
    const first = await post(LEDGER_SECRETS.before, BODY);
    const again = await post(LEDGER_SECRETS.after, BODY);
    expect([again.status, await again.text(), again.headers.get("idempotent-replayed")]).toEqual([
      202,
      await first.text(),
      "true",
    ]);
    expect((await post(LEDGER_SECRETS.after, { ...BODY, variables: {} })).status).toBe(409);
    expect(await countInCell(workspace, "enrollments")).toBe(1);
  });

  it("changes nothing at all with another request, whatever differs", async () => {
    const workspace = await withTrigger();
    await anActiveJourney(workspace.cell, { key: "other", ...API });
    await postTrigger(workspace, BODY, { key: "k" });
    const before = await dumpCell(workspace);
    const { profile, variables } = BODY;
    const others: [unknown, string][] = [
      [BODY, "other"],
      [BODY, "no-such-journey"],
      [{ profile }, KEY],
      [{ profile, variables: {} }, KEY],
      [{ profile, variables: { orderId: 1 } }, KEY],
      [{ profile: { email: profile.email }, variables }, KEY],
      [{ profile: { ...profile, email: "Alex@example.com" }, variables }, KEY],
      [{ profile: { ...profile, userId: "cus_123" }, variables }, KEY],
      [{ profile: { ...profile, anonymousId: "a1" }, variables }, KEY],
    ];
    for (const [body, journeyKey] of others) {
      const response = await postTrigger(workspace, body, { key: "k", journeyKey });
      expect([body, response.status, response.headers.get("x-should-retry")]).toEqual([body, 409, "false"]);
    }
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("is apart from the same key of an event", async () => {
    const workspace = await withTrigger();
    const event = { event: "seen", profile: BODY.profile };
    const answers = [
      await track(workspace, event, { key: "k" }),
      await postTrigger(workspace, BODY, { key: "k" }),
      await track(workspace, event, { key: "k" }),
      await postTrigger(workspace, BODY, { key: "k" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(answers.map(({ headers }) => headers.get("idempotent-replayed"))).toEqual([null, null, "true", "true"]);
  });
});

describe("one transaction", () => {
  const failures: [string, () => unknown][] = [
    ["the ledger", () => vi.spyOn(KeyLedger.prototype, "record").mockImplementationOnce(fail)],
    ["the outbox", () => vi.spyOn(Outbox.prototype, "putEvent").mockImplementationOnce(fail)],
  ];

  it.each(failures)("leaves nothing behind when %s fails, in the tables or in memory", async (_, breaks) => {
    const workspace = await withTrigger();
    const command = aTrigger(workspace);
    const before = await dumpCell(workspace);
    breaks();
    expect(await thrownBy(workspace, async (cell) => await cell.trigger(OPERATOR, command))).toBe("broken on purpose");
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await countsOf(workspace)).toMatchObject({ matched: 0, enrolled: 0 });
    expect(await workspace.cell.trigger(OPERATOR, command)).toMatchObject({ ok: true, value: { replayed: false } });
    expect([await endsOf(workspace), (await workspace.cell.health()).outbox]).toEqual([["active"], 1]);
    expect(await countsOf(workspace)).toMatchObject({ matched: 1, enrolled: 1, active: 1 });
  });

  it("writes nothing for a caller who may not act here", async () => {
    const workspace = await withTrigger();
    const before = await dumpCell(workspace);
    const stranger = { kind: "key", keyId: workspace.id, digest: new Uint8Array(32) } as const;
    expect(await workspace.cell.trigger(stranger, aTrigger(workspace))).toEqual({
      ok: false,
      error: { code: "unauthorized" },
    });
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await trigger(workspace)).toMatchObject({ ok: true });
  });
});

function fail(): never {
  throw new Error("broken on purpose");
}
