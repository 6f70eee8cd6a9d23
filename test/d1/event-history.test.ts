import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readEventHistory } from "../../src/d1/event-history.ts";
import { uuidV7Floor } from "../../src/d1/uuid-v7-range.ts";
import { aUserEventRow, aWorkspace, given, NOW_MS } from "./builders.ts";

const SPAN = { fromMs: NOW_MS, toMs: NOW_MS + 10_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

async function idsIn(workspaceId: string, after: string | null = null, limit = 100, span = SPAN): Promise<string[]> {
  const rows = await readEventHistory(env.DB, workspaceId, "order.created", span, after, limit);
  return rows.map(({ event_id }) => event_id);
}

describe("the history of an event", () => {
  it("comes oldest first, of one workspace and one name", async () => {
    const workspaceId = aWorkspace();
    const [late, early, other] = [
      aUserEventRow({ atMs: NOW_MS + 2_000 }),
      aUserEventRow({ atMs: NOW_MS + 1_000 }),
      aUserEventRow({ event: "order.paid" }),
    ];
    await given(workspaceId, "user_events", [late, early, other]);
    await given(aWorkspace(), "user_events", [aUserEventRow()]);
    expect(await idsIn(workspaceId)).toEqual([early.event_id, late.event_id]);
    expect(await idsIn(workspaceId, early.event_id)).toEqual([late.event_id]);
    expect(await idsIn(workspaceId, null, 1)).toEqual([early.event_id]);
  });

  it("begins with an instant and ends before another", async () => {
    const workspaceId = aWorkspace();
    // The first id that an instant can have, and later ones.
    const first = aUserEventRow({ event_id: uuidV7Floor(NOW_MS) });
    const rows = [first, ...[1_000, 2_000].map((ms) => aUserEventRow({ atMs: NOW_MS + ms }))];
    await given(workspaceId, "user_events", rows);
    const span = { fromMs: NOW_MS, toMs: NOW_MS + 2_000 };
    expect(await idsIn(workspaceId, null, 100, span)).toEqual(rows.slice(0, 2).map(({ event_id }) => event_id));
  });

  it("gives fewer where they are large, and never none before the end", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 6 }, () => aUserEventRow({ data: JSON.stringify("x".repeat(900_000)) }));
    for (const row of rows) await given(workspaceId, "user_events", [row]);
    const ids = rows.map(({ event_id }) => event_id);
    expect(await idsIn(workspaceId)).toEqual(ids.slice(0, 4));
    expect(await idsIn(workspaceId, ids[3])).toEqual(ids.slice(4));
    expect(await idsIn(workspaceId, ids[5])).toEqual([]);
  });

  it("is found through the index of names, without a walk over the table", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    await idsIn(aWorkspace());
    const [sql = ""] = prepare.mock.calls[0] ?? [];
    vi.restoreAllMocks();
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...Array.from({ length: 5 }, () => "1"))
      .all<{ detail: string }>();
    const details = plan.results.map(({ detail }) => detail);
    expect(details.filter((detail) => detail.startsWith("SCAN user_events"))).toEqual([]);
    expect(details).toContainEqual(
      expect.stringMatching(
        /USING (COVERING )?INDEX user_events_by_event \(workspace_id=\? AND event=\? AND event_id>/,
      ),
    );
  });
});
