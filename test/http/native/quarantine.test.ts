// What D1 refuses: seen with the reason, tried again, or given up.
import { describe, expect, it, vi } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { get, keyOf, post } from "../../support/api.ts";
import { accepted } from "../../support/commands.ts";
import { aroundWrites } from "../../support/d1-faults.ts";
import { countInCell, queryCell, rowsInD1 } from "../../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../../support/workspace.ts";
const LARGE = JSON.stringify({ text: "x".repeat(1_000_000) });

/** An event that D1 has refused, and the id of its row in quarantine. */
async function aRefusedEvent(workspace: TestWorkspace, dataJson = '{"total":1}') {
  const { eventId } = await accepted(workspace, { dataJson });
  // One fault at a time: it would go through the one before it.
  vi.restoreAllMocks();
  aroundWrites("user_events", async (write, rowsJson) => {
    if (rowsJson.includes(eventId)) throw new Error("D1_ERROR: refused: SQLITE_CONSTRAINT");
    return await write();
  });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  await runAlarm(workspace.cell);
  const [row] = await queryCell<{ id: string }>(workspace, `SELECT id FROM quarantine WHERE row_id = ?`, eventId);
  return { eventId, rowId: row?.id ?? "" };
}

async function idsInD1(workspace: TestWorkspace): Promise<unknown[]> {
  return (await rowsInD1<{ event_id: string }>(workspace, "user_events")).map(({ event_id }) => event_id);
}

describe("a row in quarantine", () => {
  it("is listed with its table, its id and D1's reason", async () => {
    const workspace = await aWorkspace();
    const { eventId, rowId } = await aRefusedEvent(workspace);
    const { status, body } = await get(keyOf(workspace.apiKey), "/api/v1/quarantine");
    expect([status, body]).toEqual([
      200,
      {
        items: [
          {
            id: rowId,
            at: expect.stringMatching(/^2036-.*Z$/),
            table: "user_events",
            rowId: eventId,
            error: "SQLITE_CONSTRAINT: D1 refuses this row",
          },
        ],
        nextCursor: null,
      },
    ]);
  });

  it("is listed page by page, newest first", async () => {
    const workspace = await aWorkspace();
    const first = await aRefusedEvent(workspace);
    const second = await aRefusedEvent(workspace);
    const page = await get(keyOf(workspace.apiKey), "/api/v1/quarantine?limit=1");
    const rest = await get(keyOf(workspace.apiKey), `/api/v1/quarantine?cursor=${String(page.body.nextCursor)}`);
    expect([page.body.items[0].id, rest.body.items[0].id, rest.body.nextCursor]).toEqual([
      second.rowId,
      first.rowId,
      null,
    ]);
  });

  it.each([
    ["plain", '{"total":1}'],
    ["large", LARGE],
  ])("arrives in D1 when it is tried again and D1 takes it: %s", async (_, dataJson) => {
    const workspace = await aWorkspace();
    const { eventId, rowId } = await aRefusedEvent(workspace, dataJson);
    vi.restoreAllMocks();
    const answer = await post(keyOf(workspace.apiKey), `/api/v1/quarantine/${rowId}/retry`);
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect((await workspace.cell.health()).outbox).toBe(1);
    await runAlarm(workspace.cell);
    expect(await idsInD1(workspace)).toEqual([eventId]);
    expect(await workspace.cell.health()).toMatchObject({ outbox: 0, quarantined: 0 });
    const { body } = await get(keyOf(workspace.apiKey), `/api/v1/events/${eventId}`);
    expect(body.data).toEqual(JSON.parse(dataJson));
    expect(await countInCell(workspace, "text_parts")).toBe(0);
  });

  it("is back when D1 refuses it again, and its journeys are counted once", async () => {
    const workspace = await aWorkspace();
    const { eventId, rowId } = await aRefusedEvent(workspace);
    await post(keyOf(workspace.apiKey), `/api/v1/quarantine/${rowId}/retry`);
    await runAlarm(workspace.cell);
    expect(await queryCell(workspace, `SELECT row_id FROM quarantine`)).toEqual([{ row_id: eventId }]);
    expect(await workspace.cell.health()).toMatchObject({ outbox: 0, quarantined: 1 });
  });

  it("that is a profile is sent as the profile is now", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace);
    await runAlarm(workspace.cell);
    const bindings = ["01a1fdd7-9628-7000-8cb5-f900071352b4", 0, "profiles", profileId, "SQLITE_CONSTRAINT", "{}"];
    await queryCell(workspace, `INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)`, ...bindings);
    await queryCell(workspace, `UPDATE profiles SET properties = '{"plan":"Pro"}', rev = rev + 1`);
    await post(keyOf(workspace.apiKey), `/api/v1/quarantine/${bindings[0]}/retry`);
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([{ properties: '{"plan":"Pro"}' }]);
    expect(await countInCell(workspace, "quarantine")).toBe(0);
  });

  it.each([
    ["plain", '{"total":1}'],
    ["large", LARGE],
  ])("is nowhere once it was dropped: %s", async (_, dataJson) => {
    const workspace = await aWorkspace();
    const { eventId, rowId } = await aRefusedEvent(workspace, dataJson);
    const answer = await post(keyOf(workspace.apiKey), `/api/v1/quarantine/${rowId}/drop`);
    expect(answer.status).toBe(204);
    await runAlarm(workspace.cell, 60_000);
    expect((await get(keyOf(workspace.apiKey), `/api/v1/events/${eventId}`)).status).toBe(404);
    expect([await countInCell(workspace, "quarantine"), await countInCell(workspace, "text_parts")]).toEqual([0, 0]);
  });

  it("that is not there is a 404", async () => {
    const workspace = await aWorkspace();
    const { rowId } = await aRefusedEvent(workspace);
    const other = await aWorkspace();
    for (const action of ["retry", "drop"]) {
      const path = `/api/v1/quarantine/${rowId}/${action}`;
      expect((await post(keyOf(other.apiKey), path)).status).toBe(404);
    }
    expect(await countInCell(workspace, "quarantine")).toBe(1);
  });
});
