// One key, one event: whatever is retried, together or after a restart, changes nothing and gets the same bytes.
import { abortAllDurableObjects, createExecutionContext, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { JourneyStore } from "../../src/cell/journey-store.ts";
import { KeyLedger } from "../../src/cell/key-ledger.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import type { WorkspaceCell } from "../../src/cell/workspace-cell.ts";
import worker from "../../src/index.ts";
import { runAlarm } from "../support/alarm.ts";
import {
  aCommand,
  accept,
  accepted,
  claimsOf,
  claimsUnder,
  LEDGER_SECRETS,
  OPERATOR,
  thrownBy,
} from "../support/commands.ts";
import { anActiveJourney, readJourney } from "../support/journeys.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, track, type TestWorkspace } from "../support/workspace.ts";

const order = {
  event: "order.created",
  profile: { email: "alex@example.com", externalId: "cus_123" },
  data: { total: 49 },
};
beforeEach(() => {
  // Outages are part of it, and logged.
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

describe("one key", () => {
  it("makes one event, one profile and one enrollment of 40 identical requests at once", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const responses = await Promise.all(
      Array.from({ length: 40 }, async () => await track(workspace, order, { key: "k" })),
    );
    const bodies = new Set(await Promise.all(responses.map(async (response) => await response.text())));
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 202));
    expect(responses.filter(({ headers }) => headers.get("idempotent-replayed") === null)).toHaveLength(1);
    expect(bodies.size).toBe(1);
    expect(JSON.parse([...bodies][0] as string)).toMatchObject({
      matchedJourneys: 1,
      enrolledJourneys: 1,
      skippedJourneys: 0,
    });
    for (const table of ["outbox_events", "profiles", "enrollments", "entry_events", "ledger_1"]) {
      expect([table, await countInCell(workspace, table)]).toEqual([table, 1]);
    }
  });

  const interruptions: [string, (cell: TestWorkspace["cell"]) => Promise<unknown>][] = [
    ["an eviction", async (cell) => await evictDurableObject(cell)],
    ["a crash of every object", async () => await abortAllDurableObjects()],
    ["its event has reached D1", async (cell) => await runAlarm(cell)],
  ];

  it.each(interruptions)("gets the same bytes after %s", async (_, happens) => {
    const { id, apiKey, cell } = await aWorkspace();
    await anActiveJourney(cell);
    const first = await (await track({ apiKey }, order, { key: "k" })).text();
    await happens(cell);
    // A stub of an object that crashed stays broken.
    const workspace = { id, apiKey, cell: env.WORKSPACE_CELL.getByName(id) };
    const again = await Promise.all(
      Array.from({ length: 40 }, async () => await track(workspace, order, { key: "k" })),
    );
    expect(new Set(await Promise.all(again.map(async (response) => await response.text())))).toEqual(new Set([first]));
    expect(await countInCell(workspace, "profiles")).toBe(1);
    expect(await countInCell(workspace, "enrollments")).toBe(1);
  });

  it("gets the same bytes and no enrollment after a journey was activated in between", async () => {
    const workspace = await aWorkspace();
    const first = await (await track(workspace, order, { key: "k" })).text();
    await anActiveJourney(workspace.cell);
    expect(await (await track(workspace, order, { key: "k" })).text()).toBe(first);
    expect(await countInCell(workspace, "enrollments")).toBe(0);
  });

  it("gets the same receipt as long as the event is kept", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const first = await (await track(workspace, order, { key: "k", query: "?include=receipt" })).text();
    const waiting = await (await track(workspace, order, { key: "k", query: "?include=receipt" })).text();
    await runAlarm(workspace.cell);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
    const projected = await (await track(workspace, order, { key: "k", query: "?include=receipt" })).text();
    expect([waiting, projected]).toEqual([first, first]);
  });

  it("replays and conflicts across a rotation of the ledger's secrets", async () => {
    const workspace = await aWorkspace();
    const post = async (secrets: string, body: unknown): Promise<Response> => {
      const request = new Request("http://waypost.test/api/v1/events", {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": workspace.apiKey, "idempotency-key": "k" },
        body: JSON.stringify(body),
      });
      return await worker.fetch(request, { ...env, LEDGER_SECRETS: secrets }, createExecutionContext());
    };
    const first = await post(LEDGER_SECRETS.before, order);
    const again = await post(LEDGER_SECRETS.after, order);
    expect([again.status, await again.text(), again.headers.get("idempotent-replayed")]).toEqual([
      202,
      await first.text(),
      "true",
    ]);
    expect((await post(LEDGER_SECRETS.after, { ...order, data: { total: 50 } })).status).toBe(409);
    const gone = LEDGER_SECRETS.after.split(",")[0] as string;
    expect((await post(gone, order)).headers.get("idempotent-replayed")).toBeNull();
  });

  it("changes nothing at all with another request, whatever differs", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    await track(workspace, order, { key: "k" });
    const before = await dumpCell(workspace);
    for (const other of [
      { ...order, profile: { ...order.profile, email: "blake@example.com" } },
      { ...order, profile: { email: "alex@example.com" } },
      { ...order, event: "order.paid" },
      { ...order, data: { total: 49, more: null } },
      { ...order, occurredAt: "2026-05-31T12:00:00.000Z" },
      { ...order, redactedDataPaths: ["/event/total"] },
    ]) {
      const response = await track(workspace, other, { key: "k" });
      expect([response.status, response.headers.get("x-should-retry")]).toEqual([409, "false"]);
    }
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("is spent by no refusal of the cell", async () => {
    const workspace = await aWorkspace();
    const claims = claimsOf(workspace.id, "k");
    const before = await dumpCell(workspace);
    expect(await accept(workspace, aCommand({ people: "find", claims }))).toEqual({ kind: "profile_not_found" });
    const propertiesJson = JSON.stringify({ a: "x".repeat(512 * 1024) });
    expect(await accept(workspace, aCommand({ claims, propertiesJson }))).toEqual({ kind: "profile_too_large" });
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await accept(workspace, aCommand({ claims }))).toMatchObject({ kind: "accepted", replayed: false });
  });

  it("is optional: events without one are never replays", async () => {
    const workspace = await aWorkspace();
    const first = await accepted(workspace);
    const second = await accepted(workspace);
    expect(second.eventId > first.eventId).toBe(true);
    expect(await countInCell(workspace, "ledger_1")).toBe(0);
  });

  it("is found under the oldest secret when many are listed", async () => {
    const workspace = await aWorkspace();
    const made = await accepted(workspace, { claims: claimsUnder(LEDGER_SECRETS.before, workspace.id, "k") });
    const again = await accepted(workspace, { claims: claimsUnder(LEDGER_SECRETS.after, workspace.id, "k") });
    expect(again).toEqual({ ...made, replayed: true, receiptJson: null });
  });
});

describe("one transaction", () => {
  const failures: [string, () => unknown][] = [
    ["the ledger", () => vi.spyOn(KeyLedger.prototype, "record").mockImplementationOnce(fail)],
    ["the outbox", () => vi.spyOn(Outbox.prototype, "putEvent").mockImplementationOnce(fail)],
    ["the journeys", () => vi.spyOn(JourneyStore.prototype, "listeningTo").mockImplementationOnce(fail)],
  ];

  it.each(failures)("leaves nothing behind when %s fails, in the tables or in memory", async (_, breaks) => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 9 } });
    await accepted(workspace);
    const before = await dumpCell(workspace);
    breaks();
    const command = aCommand({ claims: claimsOf(workspace.id, "k") });
    expect(await thrownBy(workspace, async (cell) => await cell.accept(OPERATOR, command))).toBe("broken on purpose");
    expect(await dumpCell(workspace)).toEqual(before);
    expect((await workspace.cell.health()).outbox).toBe(1);
    expect((await readJourney(workspace.cell, "order-follow-up")).counts).toMatchObject({
      matched: 1,
      enrolled: 1,
      active: 1,
    });
    const next = await accepted(workspace, { claims: claimsOf(workspace.id, "k") });
    expect([next.replayed, next.enrolled]).toEqual([false, 1]);
    await runAlarm(workspace.cell);
    expect((await readJourney(workspace.cell, "order-follow-up")).counts).toMatchObject({
      matched: 2,
      enrolled: 2,
      active: 2,
    });
    expect((await workspace.cell.health()).outbox).toBe(0);
  });

  it("takes back the changes of a journey that failed half way", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const stop = Reflect.get(JourneyStore.prototype, "stop");
    vi.spyOn(JourneyStore.prototype, "stop").mockImplementationOnce(function (this: JourneyStore, ...args) {
      Reflect.apply(stop, this, args);
      fail();
    });
    const pause = async (cell: WorkspaceCell): Promise<unknown> =>
      await cell.changeJourney(OPERATOR, "order-follow-up", "pause");
    expect(await thrownBy(workspace, pause)).toBe("broken on purpose");
    expect((await accepted(workspace)).enrolled).toBe(1);
  });

  it("gives ids that go on after a restart with the clock set back", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace);
    await runAlarm(workspace.cell);
    await evictDurableObject(workspace.cell);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect((await accepted(workspace)).eventId > eventId).toBe(true);
  });
});

describe("counting", () => {
  it("forgets no event that was accepted after a restart with the clock set back", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 9 } });
    await accepted(workspace);
    vi.setSystemTime(Date.now() + 3_600_000);
    // Mints an id that no event gets, and counts up to it while D1 keeps the first event waiting.
    await accept(workspace, aCommand({ people: "find", identities: { email: "nobody@example.com" } }));
    vi.spyOn(env.DB, "prepare").mockImplementation(fail);
    await runAlarm(workspace.cell);
    for (let restart = 0; restart < 2; restart++) {
      await evictDurableObject(workspace.cell);
      vi.setSystemTime(Date.now() - 1_800_000);
      await accepted(workspace);
    }
    await evictDurableObject(workspace.cell);
    expect((await readJourney(workspace.cell, "order-follow-up")).counts).toMatchObject({ enrolled: 3, active: 3 });
  });
});

describe("a revoked key", () => {
  it("ends before anything is written", async () => {
    const workspace = await aWorkspace();
    const [{ id: keyId } = { id: "" }] = await queryCell<{ id: string }>(workspace, `SELECT id FROM api_keys`);
    await workspace.cell.revokeKey(OPERATOR, keyId);
    const before = await dumpCell(workspace);
    expect((await track(workspace, order)).status).toBe(401);
    expect(await dumpCell(workspace)).toEqual(before);
  });
});

function fail(): never {
  throw new Error("broken on purpose");
}
