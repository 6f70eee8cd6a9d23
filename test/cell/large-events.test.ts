// Events too large for one row: whole in the cell at once, whole in D1, and gone with their time.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { Outbox } from "../../src/cell/outbox.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import { readEvent } from "../../src/d1/user-events.ts";
import { runAlarm } from "../support/alarm.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { aroundWrites, d1GoesAway, d1LosesReplies } from "../support/d1-faults.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { endRun } from "../support/runs.ts";
import { countInCell, queryCell, rowsInD1 } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const MEGABYTE = 1_000_000;
const DAY_MS = 86_400_000;
/** What grows most when it is put into JSON again, and characters of several bytes. */
const LARGE = JSON.stringify({ quotes: '"\\'.repeat(1_100_000), city: "東京😀".repeat(50_000) });

async function fromCell(workspace: TestWorkspace, eventId: string) {
  const found = await workspace.cell.readEvent(OPERATOR, eventId);
  if (!found.ok) throw new Error("the operator was refused");
  return found.value;
}

async function partsInD1(workspace: TestWorkspace): Promise<number> {
  const statement = env.DB.prepare(`SELECT count(*) AS n FROM user_event_parts WHERE workspace_id = ?`);
  return (await statement.bind(workspace.id).first<number>("n")) ?? Number.NaN;
}

describe("a large event", () => {
  it("is in rows of at most a megabyte, and read whole before D1 has it", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace, { dataJson: LARGE });
    expect((await fromCell(workspace, eventId))?.data).toBe(LARGE);
    const rows = await queryCell<{ bytes: number }>(
      workspace,
      `SELECT octet_length(row) AS bytes FROM outbox_events UNION ALL SELECT octet_length(text) FROM text_parts`,
    );
    expect(Math.max(...rows.map(({ bytes }) => bytes))).toBeLessThanOrEqual(MEGABYTE);
  });

  it("is read whole from D1, where each row that is sent is under a megabyte too, and leaves nothing behind", async () => {
    const workspace = await aWorkspace();
    const sent: number[] = [];
    aroundWrites("user_event_parts", async (write, rowsJson) => {
      sent.push(new TextEncoder().encode(rowsJson).byteLength);
      return await write();
    });
    const { eventId } = await accepted(workspace, { dataJson: LARGE });
    await runAlarm(workspace.cell);
    expect(await fromCell(workspace, eventId)).toBeNull();
    expect((await readEvent(env.DB, workspace.id, eventId))?.data).toBe(LARGE);
    expect(await countInCell(workspace, "text_parts")).toBe(0);
    expect(Math.max(...sent)).toBeLessThanOrEqual(MEGABYTE);
    expect(sent.length).toBeGreaterThan(4);
  });

  it("says in a list that its data was left out", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { dataJson: LARGE });
    await runAlarm(workspace.cell);
    const [row] = await rowsInD1<{ data: string | null; data_parts: number }>(workspace, "user_events");
    expect(row).toMatchObject({ data: null, data_parts: expect.any(Number) });
  });

  it("is measured alike when it comes, after a restart and when it goes", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace, { dataJson: LARGE });
    const sizes = await runInDurableObject(workspace.cell, (_, { storage }) => {
      const parts = new TextParts(storage.sql);
      const outbox = new Outbox(storage.sql, parts);
      const row = outbox.readEvent(eventId);
      if (row === null) throw new Error("the event is not in the outbox");
      const one = outbox.bytes;
      outbox.putEvent({ ...row, event_id: "0" });
      const two = outbox.bytes;
      const again = new Outbox(storage.sql, parts).bytes;
      outbox.removeEvents(outbox.oldestEvents(10, Number.MAX_SAFE_INTEGER), new Set([eventId]));
      return { one, second: two - one, restarted: again - one, left: outbox.bytes };
    });
    expect(sizes.one).toBeGreaterThan(new TextEncoder().encode(LARGE).byteLength);
    // The rows differ by the length of the id alone.
    const expected = sizes.one - eventId.length + "0".length;
    expect(sizes).toMatchObject({ second: expected, restarted: expected, left: 0 });
  });

  it("is there once when D1 loses a reply for a part, and when D1 is away in between", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace, { dataJson: LARGE });
    await evictDurableObject(workspace.cell);
    d1LosesReplies("user_event_parts");
    await runAlarm(workspace.cell);
    expect(await readEvent(env.DB, workspace.id, eventId)).toBeNull();
    vi.restoreAllMocks();
    const away = d1GoesAway();
    await runAlarm(workspace.cell, 60_000);
    away.mockRestore();
    expect((await fromCell(workspace, eventId))?.data).toBe(LARGE);
    await runAlarm(workspace.cell, 60_000);
    expect((await readEvent(env.DB, workspace.id, eventId))?.data).toBe(LARGE);
  });

  it("is kept whole when D1 refuses its row", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace, { dataJson: LARGE });
    aroundWrites("user_events", async (write, rowsJson) => {
      if (rowsJson.includes("data_parts")) throw new Error("D1_ERROR: refused: SQLITE_CONSTRAINT");
      return await write();
    });
    await runAlarm(workspace.cell);
    expect(await countInCell(workspace, "quarantine")).toBe(1);
    expect((await fromCell(workspace, eventId))?.data).toBe(LARGE);
  });

  it("starts a journey, whose entry event is whole as long as its run, and goes with it", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const { eventId, enrolled } = await accepted(workspace, { dataJson: LARGE });
    expect(enrolled).toBe(1);
    await runAlarm(workspace.cell);
    const rows = await queryCell<{ text: string }>(
      workspace,
      `SELECT text FROM text_parts WHERE owner = 'entry_event' AND owner_id = ? ORDER BY part`,
      eventId,
    );
    expect(rows.map(({ text }) => text).join("")).toBe(LARGE);
    const [run] = await queryCell<{ id: string }>(workspace, `SELECT id FROM enrollments`);
    await endRun(workspace, run?.id ?? "");
    expect(await countInCell(workspace, "text_parts")).toBe(0);
    expect(await countInCell(workspace, "entry_events")).toBe(0);
  });

  it("is deleted from D1 with all its parts when its time is over", async () => {
    const workspace = await aWorkspace();
    for (let n = 0; n < 4; n++) await accepted(workspace, { dataJson: LARGE });
    await runAlarm(workspace.cell);
    // More than one slice of the deletion takes.
    expect(await partsInD1(workspace)).toBeGreaterThan(20);
    vi.setSystemTime(NOW_MS + 91 * DAY_MS);
    await runAlarm(workspace.cell);
    expect([await partsInD1(workspace), await rowsInD1(workspace, "user_events")]).toEqual([0, []]);
  });
});
