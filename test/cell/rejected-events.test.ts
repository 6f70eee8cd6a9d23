// What a door could not take: kept for a week, readable, bounded, and never of another workspace.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { RejectedEvents, type RejectedEvent } from "../../src/cell/rejected-events.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import { uuidV7 } from "../../src/domain/ids.ts";
import { PART_BYTES } from "../../src/domain/text-parts.ts";
import { runAlarm } from "../support/alarm.ts";
import { NOW_MS } from "../support/clock.ts";
import { OPERATOR } from "../support/commands.ts";
import { get, keyOf } from "../support/api.ts";
import { countInCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const DAY_MS = 86_400_000;
/** Two hundred megabytes on a busy machine; three seconds on an idle one. */
const FILLING_MS = 60_000;

function aRejectedEvent(over: Partial<RejectedEvent> = {}): RejectedEvent {
  return { source: "segment", reason: "invalid_item", message: "It has no name.", payloadJson: '{"a":1}', ...over };
}

/** Of how many rejected events there are parts. */
async function partOwnersOf(workspace: TestWorkspace): Promise<number | undefined> {
  const sql = `SELECT count(DISTINCT owner_id) AS owners FROM text_parts WHERE owner = 'rejected_event'`;
  return (await queryCell<{ owners: number }>(workspace, sql))[0]?.owners;
}

describe("rejected events", () => {
  it("are listed newest first, with what was sent", async () => {
    const workspace = await aWorkspace();
    const texts = ["1", "2", "3"];
    await workspace.cell.keepRejected(
      OPERATOR,
      texts.map((n) => aRejectedEvent({ payloadJson: `{"n":${n}}` })),
    );
    const { status, body } = await get(keyOf(workspace.apiKey), "/api/v1/rejected-events?limit=2");
    expect(status).toBe(200);
    const at = new Date(NOW_MS).toISOString();
    const rest = { at, source: "segment", reason: "invalid_item", message: "It has no name." };
    expect(body.items).toEqual([
      { ...rest, payload: { n: 3 } },
      { ...rest, payload: { n: 2 } },
    ]);
    const next = await get(keyOf(workspace.apiKey), `/api/v1/rejected-events?cursor=${String(body.nextCursor)}`);
    expect(next.body).toEqual({ items: [{ ...rest, payload: { n: 1 } }], nextCursor: null });
  });

  it("keep a payload of any size whole", async () => {
    const workspace = await aWorkspace();
    const payload = { text: "é".repeat(1_500_000) };
    await workspace.cell.keepRejected(OPERATOR, [aRejectedEvent({ payloadJson: JSON.stringify(payload) })]);
    const { body } = await get(keyOf(workspace.apiKey), "/api/v1/rejected-events");
    expect(body.items).toEqual([expect.objectContaining({ payload })]);
  });

  it("are listed no more at once than a page may hold, parts included", async () => {
    const workspace = await aWorkspace();
    const payloadJson = JSON.stringify("x".repeat(2_500_000));
    const sent = [1, 2, 3].map((n) => aRejectedEvent({ payloadJson, message: String(n) }));
    await workspace.cell.keepRejected(OPERATOR, sent);
    const { body } = await get(keyOf(workspace.apiKey), "/api/v1/rejected-events?limit=10");
    expect((body.items as { message: string }[]).map(({ message }) => message)).toEqual(["3"]);
    expect(body.nextCursor).not.toBeNull();
  });

  it("go when they name an erased person, also in a payload in parts", async () => {
    const workspace = await aWorkspace();
    const email = "alex@example.com";
    const large = (text: string) => JSON.stringify(["x".repeat(1_000_000), text]);
    // The first part ends inside the address.
    const cut = JSON.stringify(["x".repeat(PART_BYTES - 10), email, "x".repeat(1_000)]);
    const left = await runInDurableObject(workspace.cell, (_, { storage }) => {
      const rejected = new RejectedEvents(storage.sql, new TextParts(storage.sql));
      for (const [n, payloadJson] of [large(email), cut, large("somebody else")].entries()) {
        rejected.put(uuidV7(NOW_MS + n, 0, new Uint8Array(8)), aRejectedEvent({ payloadJson }));
      }
      rejected.erase([{ kind: "email", value: email }]);
      return rejected.list(10, null).items.map(({ payloadJson }) => payloadJson);
    });
    expect(left).toEqual([large("somebody else")]);
    expect(await partOwnersOf(workspace)).toBe(1);
  });

  it("say so when the payload cannot be written as text", async () => {
    const workspace = await aWorkspace();
    await workspace.cell.keepRejected(OPERATOR, [aRejectedEvent({ payloadJson: null })]);
    const { body } = await get(keyOf(workspace.apiKey), "/api/v1/rejected-events");
    expect(body.items).toEqual([expect.objectContaining({ payload: null })]);
  });

  it("stay for seven days, also over a restart", async () => {
    const workspace = await aWorkspace();
    const large = aRejectedEvent({ payloadJson: JSON.stringify("x".repeat(1_000_000)) });
    await workspace.cell.keepRejected(OPERATOR, [large]);
    await evictDurableObject(workspace.cell);
    vi.setSystemTime(NOW_MS + 7 * DAY_MS - 60_000);
    await runAlarm(workspace.cell);
    expect(await countInCell(workspace, "rejected_events")).toBe(1);
    vi.setSystemTime(NOW_MS + 7 * DAY_MS + 3_600_000);
    await runAlarm(workspace.cell);
    expect(await countInCell(workspace, "rejected_events")).toBe(0);
    expect(await countInCell(workspace, "text_parts")).toBe(0);
  });

  it("make room for new ones by the oldest when they are too many", { timeout: FILLING_MS }, async () => {
    const workspace = await aWorkspace();
    const payloadJson = JSON.stringify("x".repeat(1_900_000));
    const left = await runInDurableObject(workspace.cell, (_, { storage }) => {
      const rejected = new RejectedEvents(storage.sql, new TextParts(storage.sql));
      for (let n = 0; n < 110; n++)
        rejected.put(uuidV7(NOW_MS + n, 0, new Uint8Array(8)), aRejectedEvent({ payloadJson }));
      const ids = [...storage.sql.exec<{ id: string }>(`SELECT id FROM rejected_events ORDER BY id`)];
      return { count: ids.length, newest: ids.at(-1)?.id };
    });
    expect(left.newest).toBe(uuidV7(NOW_MS + 109, 0, new Uint8Array(8)));
    expect(left.count).toBeGreaterThan(90);
    expect(left.count).toBeLessThan(106);
    expect(await partOwnersOf(workspace)).toBe(left.count);
  });
});
