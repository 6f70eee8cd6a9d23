// The way to D1: everything accepted arrives, once, whatever D1 does meanwhile.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Accepted } from "../../src/cell/command.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import * as projector from "../../src/d1/projector.ts";
import { UPSERT_PROFILES } from "../../src/d1/profiles.ts";
import { runAlarm } from "../support/alarm.ts";
import { aCommand, accepted, claimsOf, OPERATOR, thrownBy } from "../support/commands.ts";
import { aroundWrites, d1GoesAway, d1LosesReplies } from "../support/d1-faults.ts";
import { anActiveJourney, readJourney } from "../support/journeys.ts";
import { countInCell, dumpCell, queryCell, rowsInD1 } from "../support/tables.ts";
import { aWorkspace, send, track, type TestWorkspace } from "../support/workspace.ts";

const order = { event: "order.created", profile: { email: "alex@example.com" }, data: { total: 49 } };
const KEY = "order-follow-up";
/** Longer than any backoff. */
const A_MINUTE_MS = 60_000;
beforeEach(() => {
  // Outages are part of it, and logged.
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

/** Lets the flush run until nothing waits. */
async function drain(workspace: TestWorkspace): Promise<void> {
  for (let runs = 0; runs < 10 && !(await isDrained(workspace)); runs++) await runAlarm(workspace.cell, A_MINUTE_MS);
  expect(await isDrained(workspace)).toBe(true);
}

async function isDrained(workspace: TestWorkspace): Promise<boolean> {
  const rows = await Promise.all(
    ["outbox_events", "outbox_changes"].map(async (table) => await countInCell(workspace, table)),
  );
  return rows.every((count) => count === 0);
}

/** For a call made while the object itself works: a stub belongs to who made it. */
function fromInside(workspace: TestWorkspace): TestWorkspace {
  return { ...workspace, cell: env.WORKSPACE_CELL.getByName(workspace.id) };
}

async function idsInD1(workspace: TestWorkspace): Promise<string[]> {
  return (await rowsInD1<{ event_id: string }>(workspace, "user_events")).map(({ event_id }) => event_id);
}

describe("the flush", () => {
  it("brings events, profiles and enrollments as they are in the cell", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const { eventId, profileId } = await (await track(workspace, order)).json<Accepted>();
    await drain(workspace);
    const [journey] = await queryCell<{ id: string }>(workspace, `SELECT id FROM journeys`);
    expect(await rowsInD1(workspace, "user_events")).toMatchObject([
      { event_id: eventId, profile_id: profileId, event: "order.created", data: '{"total":49}' },
    ]);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([
      { profile_id: profileId, email: "alex@example.com", rev: 1 },
    ]);
    expect(await rowsInD1(workspace, "enrollments")).toMatchObject([
      {
        profile_id: profileId,
        event_id: eventId,
        journey_id: journey?.id,
        journey_key: KEY,
        version: 1,
        status: "active",
        step_id: "rest",
      },
    ]);
  });

  it("takes all of a large outbox in one run", async () => {
    const workspace = await aWorkspace();
    const commands = Array.from({ length: 1_200 }, () => aCommand());
    await workspace.cell.acceptMany(OPERATOR, commands);
    await runAlarm(workspace.cell);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
    expect(await idsInD1(workspace)).toHaveLength(1_200);
  });

  it("never has more large profiles in memory than one batch", async () => {
    const workspace = await aWorkspace();
    const propertiesJson = JSON.stringify({ text: "x".repeat(400_000) });
    for (let i = 0; i < 8; i++) {
      await accepted(workspace, { identities: { email: `p${i}@example.com` }, propertiesJson });
    }
    const projected = vi.spyOn(projector, "project");
    await runAlarm(workspace.cell);
    const batches = projected.mock.calls.filter(([, , table]) => table === "profiles").map(([, , , rows]) => rows);
    expect(batches.map((rows) => rows.length)).toEqual([3, 3, 2]);
    expect(await rowsInD1(workspace, "profiles")).toHaveLength(8);
    expect(await isDrained(workspace)).toBe(true);
  });

  it("leaves nothing uncounted that comes while D1 writes, even when the object stops right after", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { eligibility: { reentry: "always", maxActive: 9_999 } });
    await workspace.cell.acceptMany(
      OPERATOR,
      Array.from({ length: 500 }, () => aCommand()),
    );
    let writes = 0;
    aroundWrites("user_events", async (write) => {
      writes += 1;
      if (writes === 1) await accepted(fromInside(workspace));
      return await write();
    });
    await runAlarm(workspace.cell);
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
    await evictDurableObject(workspace.cell);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ matched: 501, enrolled: 501, active: 501 });
    expect(await workspace.cell.health()).toMatchObject({ conservation: { holds: true } });
  });

  it("keeps a profile that changed while D1 wrote it on the list", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { propertiesJson: '{"n":1}' });
    let writes = 0;
    aroundWrites("profiles", async (write) => {
      writes += 1;
      if (writes === 1) await accepted(fromInside(workspace), { propertiesJson: '{"n":2}' });
      return await write();
    });
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ rev: 1, properties: '{"n":1}' }]);
    expect(await countInCell(workspace, "outbox_changes")).toBe(1);
    await drain(workspace);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ rev: 2, properties: '{"n":2}' }]);
  });

  it("never turns a row back when a batch arrives late and again", async () => {
    const workspace = await aWorkspace();
    const batches: string[] = [];
    aroundWrites("profiles", async (write, rowsJson) => {
      batches.push(rowsJson);
      return await write();
    });
    for (const n of [1, 2]) {
      await accepted(workspace, { propertiesJson: `{"n":${n}}` });
      await drain(workspace);
    }
    vi.restoreAllMocks();
    await env.DB.prepare(UPSERT_PROFILES).bind(workspace.id, batches[0]).run();
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ rev: 2, properties: '{"n":2}' }]);
  });
});

describe("while D1 is away", () => {
  it("answers 202 all along, and everything arrives once after", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    d1GoesAway();
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) {
      const response = await track(
        workspace,
        { ...order, profile: { email: `p${i % 4}@example.com` } },
        { key: `k${i}` },
      );
      expect(response.status).toBe(202);
      ids.push((await response.json<Accepted>()).eventId);
      if (i % 7 === 0) await runAlarm(workspace.cell, A_MINUTE_MS);
      if (i === 10) await evictDurableObject(workspace.cell);
    }
    const read = await send(`/api/v1/events/${ids[0]}`, { headers: { "x-api-key": workspace.apiKey } });
    expect([read.status, await read.json()]).toMatchObject([200, { eventId: ids[0] }]);
    expect(await countInCell(workspace, "outbox_events")).toBe(20);
    vi.restoreAllMocks();
    expect(await idsInD1(workspace)).toEqual([]);
    await drain(workspace);
    expect(await idsInD1(workspace)).toEqual(ids);
    expect(await rowsInD1(workspace, "profiles")).toHaveLength(4);
    expect(await rowsInD1(workspace, "enrollments")).toHaveLength(4);
  });

  it("counts journeys and keys all the same", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    d1GoesAway();
    await accepted(workspace, { claims: claimsOf(workspace.id, "k") });
    await runAlarm(workspace.cell);
    expect(await queryCell(workspace, `SELECT matched, enrolled, skipped FROM journeys`)).toEqual([
      { matched: 1, enrolled: 1, skipped: 0 },
    ]);
    expect(await queryCell(workspace, `SELECT keys FROM ledger_generations`)).toEqual([{ keys: 1 }]);
    await runAlarm(workspace.cell, A_MINUTE_MS);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ matched: 1, enrolled: 1 });
  });
});

describe("when D1 commits and its reply is lost", () => {
  it.each(["user_events", "profiles", "enrollments"] as const)("writes no row of %s twice", async (table) => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const { eventId } = await accepted(workspace);
    d1LosesReplies(table);
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, table)).toHaveLength(1);
    expect(await isDrained(workspace)).toBe(false);
    vi.restoreAllMocks();
    await drain(workspace);
    expect([await rowsInD1(workspace, table)].flat()).toHaveLength(1);
    expect(await idsInD1(workspace)).toEqual([eventId]);
  });
});

describe("a transaction that fails", () => {
  it("leaves the outbox's size as it was, and counts nothing again", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace);
    const { bytes } = await runInDurableObject(workspace.cell, (_, { storage }) =>
      new Outbox(storage.sql, new TextParts(storage.sql)).size(),
    );
    const restored = vi.spyOn(Outbox.prototype, "restore");
    const failing = vi.spyOn(Outbox.prototype, "putEvent").mockImplementationOnce(function fail(this: Outbox, row) {
      failing.mockRestore();
      this.putEvent(row);
      throw new Error("after the row was put");
    });
    expect(await thrownBy(workspace, async (cell) => await cell.accept(OPERATOR, aCommand()))).toMatch(/after the row/);
    expect(restored).toHaveBeenCalledWith({ events: 1, bytes });
    expect(await workspace.cell.health()).toMatchObject({ outbox: 1 });
  });
});

describe("what a failing flush logs", () => {
  it("is the error's name and its places, never its text", async () => {
    const workspace = await aWorkspace();
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Outbox.prototype, "oldestEvents").mockImplementation(() => {
      throw new TypeError("cannot read alex@example.com");
    });
    await accepted(workspace);
    await runAlarm(workspace.cell);
    const [line] = logged.mock.calls.map(([text]) => JSON.parse(String(text)) as Record<string, unknown>);
    expect(line).toEqual({ level: "error", at: "alarm", lane: "flush", error: "TypeError", where: expect.any(Array) });
    expect(line?.where).toContainEqual(expect.stringMatching(/^at .*flushEvents/));
    expect(JSON.stringify(logged.mock.calls)).not.toContain("alex@example.com");
  });
});

describe("a row that D1 refuses for good", () => {
  it("is put aside, the others arrive, and the event stays readable by id", async () => {
    const workspace = await aWorkspace();
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await accepted(workspace)).eventId);
    await queryCell(
      workspace,
      `UPDATE outbox_events SET row = json_set(row, '$.received_at', NULL) WHERE event_id = ?`,
      ids[2] as string,
    );
    await drain(workspace);
    expect(await idsInD1(workspace)).toEqual(ids.filter((_, i) => i !== 2));
    expect(await queryCell(workspace, `SELECT table_name, row_id, error FROM quarantine`)).toEqual([
      { table_name: "user_events", row_id: ids[2], error: expect.stringMatching(/^SQLITE_CONSTRAINT_NOTNULL/) },
    ]);
    const response = await send(`/api/v1/events/${ids[2]}`, { headers: { "x-api-key": workspace.apiKey } });
    expect([response.status, await response.json()]).toMatchObject([200, { eventId: ids[2], event: "order.created" }]);
    expect((await workspace.cell.health()).quarantined).toBe(1);
  });

  it("holds up no other profile", async () => {
    const workspace = await aWorkspace();
    const bad = await accepted(workspace, { identities: { email: "bad@example.com" } });
    await accepted(workspace, { identities: { email: "good@example.com" } });
    await queryCell(
      workspace,
      `UPDATE profiles SET properties = ? WHERE id = ?`,
      JSON.stringify({ a: '"'.repeat(900_000) }),
      bad.profileId,
    );
    await drain(workspace);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ email: "good@example.com" }]);
    expect(await queryCell(workspace, `SELECT row_id FROM quarantine`)).toEqual([{ row_id: bad.profileId }]);
  });
});

describe("a profile that D1 refuses again and again", () => {
  it("is in quarantine once, as it was the last time", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace);
    for (const [rev, letter] of [
      [2, "x"],
      [3, "y"],
    ] as const) {
      const properties = JSON.stringify({ [letter]: '"'.repeat(900_000) });
      await queryCell(
        workspace,
        `UPDATE profiles SET properties = ?, rev = ? WHERE id = ?`,
        properties,
        rev,
        profileId,
      );
      await queryCell(workspace, `INSERT OR IGNORE INTO outbox_changes VALUES ('profiles', ?, 0)`, profileId);
      // Something to flush for.
      await accepted(workspace, { identities: { email: `${letter}@example.com` } });
      await drain(workspace);
    }
    expect(await queryCell(workspace, `SELECT row_id, row ->> '$.rev' AS rev FROM quarantine`)).toEqual([
      { row_id: profileId, rev: 3 },
    ]);
    expect((await workspace.cell.health()).quarantined).toBe(1);
  });
});

describe("how far D1 is behind", () => {
  /** D1 takes events and no profiles. */
  function profilesGoAway(): void {
    aroundWrites("profiles", async () => await Promise.reject(new Error("D1_ERROR: Network connection lost.")));
  }

  it("covers profiles that wait, from when they first changed", async () => {
    const workspace = await aWorkspace();
    profilesGoAway();
    const start = Date.now();
    await accepted(workspace, { propertiesJson: '{"n":1}' });
    await runAlarm(workspace.cell, A_MINUTE_MS);
    await accepted(workspace, { propertiesJson: '{"n":2}' });
    await runAlarm(workspace.cell, A_MINUTE_MS);
    expect(await workspace.cell.health()).toMatchObject({
      outbox: 0,
      outboxChanges: 1,
      oldestOutboxSeconds: 0,
      projectionLagSeconds: (Date.now() - start) / 1_000,
    });
    vi.restoreAllMocks();
    await drain(workspace);
    expect(await workspace.cell.health()).toMatchObject({ outboxChanges: 0, projectionLagSeconds: 0 });
  });

  it("is counted anew for a profile that D1 has in an earlier state", async () => {
    const workspace = await aWorkspace();
    let writes = 0;
    aroundWrites("profiles", async (write) => {
      writes += 1;
      await accepted(fromInside(workspace), { propertiesJson: `{"n":${writes}}` });
      return await write();
    });
    await accepted(workspace, { propertiesJson: '{"n":0}' });
    for (let run = 0; run < 5; run++) await runAlarm(workspace.cell, A_MINUTE_MS);
    expect(await workspace.cell.health()).toMatchObject({ outboxChanges: 1, projectionLagSeconds: 0 });
  });
});

describe("an outbox past its bound", () => {
  it("answers 503 with Retry-After, writes nothing, and still answers replays", async () => {
    const workspace = await aWorkspace();
    const first = await (await track(workspace, order, { key: "old" })).text();
    const before = await dumpCell(workspace);
    vi.spyOn(Outbox.prototype, "full", "get").mockReturnValue(true);
    const refused = await track(workspace, order, { key: "new" });
    expect([refused.status, await refused.json()]).toMatchObject([503, { error: "unavailable" }]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    const replay = await track(workspace, order, { key: "old" });
    expect([replay.status, await replay.text()]).toEqual([202, first]);
    expect((await track(workspace, { ...order, event: "other" }, { key: "old" })).status).toBe(409);
    expect(await dumpCell(workspace)).toEqual(before);
    vi.restoreAllMocks();
    expect((await track(workspace, order, { key: "new" })).status).toBe(202);
  });

  it("is measured alike when rows come, when they go, and after a restart", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { dataJson: '{"city":"東京"}' });
    await runInDurableObject(workspace.cell, (_, { storage }) => {
      const outbox = new Outbox(storage.sql, new TextParts(storage.sql));
      const [first] = outbox.oldestEvents(1, 1);
      const bytes = new TextEncoder().encode(first?.json).byteLength;
      expect(outbox.bytes).toBe(bytes);
      outbox.putEvent({ ...JSON.parse(first?.json ?? ""), event_id: "0" });
      expect(new Outbox(storage.sql, new TextParts(storage.sql)).size()).toEqual(outbox.size());
      outbox.removeEvents(outbox.oldestEvents(2, Number.MAX_SAFE_INTEGER));
      expect([outbox.bytes, outbox.events]).toEqual([0, 0]);
    });
  });
});
