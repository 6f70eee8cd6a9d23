import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UserEventRow } from "../../src/domain/event.ts";
import { deleteEventsBefore, listEvents, readEvent, type EventFilters } from "../../src/d1/user-events.ts";
import { uuidV7Floor } from "../../src/d1/uuid-v7-range.ts";
import { NOW_MS, aUserEventRow, aWorkspace, anIdAt, given } from "./builders.ts";

const ALL = { limit: 200, before: null };

async function idsOf(workspaceId: string, filters: EventFilters, before: string | null = null): Promise<string[]> {
  const { rows } = await listEvents(env.DB, workspaceId, filters, { limit: 200, before });
  return rows.map((row) => row.event_id);
}

function newestFirst(rows: UserEventRow[]): string[] {
  return rows
    .map((row) => row.event_id)
    .toSorted()
    .toReversed();
}

describe("listEvents", () => {
  it("lists newest first, whatever the order of writing", async () => {
    const workspaceId = aWorkspace();
    const rows = [3, 1, 2].map((minute) => aUserEventRow({ atMs: NOW_MS + minute * 60_000 }));
    await given(workspaceId, "user_events", rows);
    expect(await idsOf(workspaceId, {})).toEqual([rows[0], rows[2], rows[1]].map((row) => row!.event_id));
  });

  it("gives every column but the receipt", async () => {
    const workspaceId = aWorkspace();
    const [row] = await given(workspaceId, "user_events", [
      aUserEventRow({ reference_id: "r", redacted_data_paths: '["/card"]' }),
    ]);
    const { receipt: _, ...listed } = row!;
    const { rows } = await listEvents(env.DB, workspaceId, {}, ALL);
    expect(rows).toEqual([{ ...listed, data_omitted: 0 }]);
  });

  it("leaves data over 16 KiB out, counted in bytes", async () => {
    const workspaceId = aWorkspace();
    const fits = JSON.stringify("é".repeat(8191));
    const over = JSON.stringify("é".repeat(8191) + "x");
    expect(new TextEncoder().encode(fits).length).toBe(16_384);
    await given(
      workspaceId,
      "user_events",
      [null, fits, over].map((data) => aUserEventRow({ data })),
    );
    const { rows } = await listEvents(env.DB, workspaceId, {}, ALL);
    expect(rows.map(({ data, data_omitted }) => ({ data, data_omitted }))).toEqual([
      { data: null, data_omitted: 1 },
      { data: fits, data_omitted: 0 },
      { data: null, data_omitted: 0 },
    ]);
  });

  it("takes from as inclusive and to as exclusive, to the millisecond", async () => {
    const workspaceId = aWorkspace();
    const rows = [-1, 0, 1, 2].map((ms) => aUserEventRow({ atMs: NOW_MS + ms }));
    await given(workspaceId, "user_events", rows);
    const at = (i: number): string => rows[i]!.event_id;
    expect(await idsOf(workspaceId, { fromMs: NOW_MS })).toEqual([at(3), at(2), at(1)]);
    expect(await idsOf(workspaceId, { toMs: NOW_MS + 1 })).toEqual([at(1), at(0)]);
    expect(await idsOf(workspaceId, { fromMs: NOW_MS, toMs: NOW_MS + 1 })).toEqual([at(1)]);
    expect(await idsOf(workspaceId, { fromMs: NOW_MS, toMs: NOW_MS })).toEqual([]);
  });

  it("has the very first id of an instant inside a range that begins there, not in one that ends there", async () => {
    const workspaceId = aWorkspace();
    const [row] = await given(workspaceId, "user_events", [aUserEventRow({ event_id: uuidV7Floor(NOW_MS) })]);
    expect(await idsOf(workspaceId, { fromMs: NOW_MS })).toEqual([row!.event_id]);
    expect(await idsOf(workspaceId, { toMs: NOW_MS })).toEqual([]);
  });

  it("matches names and references exactly and case-sensitively, NUL and quotes included", async () => {
    const workspaceId = aWorkspace();
    const names = ["order", "Order", "order\u0000x", "order' OR 1=1 --", "order%", "ordré"];
    const rows = names.map((name) => aUserEventRow({ event: name, reference_id: name }));
    await given(workspaceId, "user_events", rows);
    for (const row of rows) {
      expect(await idsOf(workspaceId, { event: row.event })).toEqual([row.event_id]);
      expect(await idsOf(workspaceId, { referenceId: row.event })).toEqual([row.event_id]);
    }
  });

  it("covers all named profiles in one order, repeats aside", async () => {
    const workspaceId = aWorkspace();
    const profiles = Array.from({ length: 101 }, (_, i) => `p-${i}`);
    const rows = [...profiles, ...profiles].map((profile_id) => aUserEventRow({ profile_id }));
    await given(workspaceId, "user_events", [...rows, aUserEventRow({ profile_id: "stranger" })]);
    const expected = newestFirst(rows);
    const profileIds = [...profiles, "p-1", "nobody"];
    const first = await listEvents(env.DB, workspaceId, { profileIds }, { limit: 150, before: null });
    const second = await listEvents(env.DB, workspaceId, { profileIds }, { limit: 150, before: first.next });
    expect([...first.rows, ...second.rows].map((row) => row.event_id)).toEqual(expected);
    expect(second.next).toBeNull();
  });

  it("matches nothing for an empty list of profiles", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "user_events", [aUserEventRow(), aUserEventRow({ profile_id: null })]);
    expect(await idsOf(workspaceId, { profileIds: [] })).toEqual([]);
    expect(await idsOf(workspaceId, { profileIds: [], referenceId: "r" })).toEqual([]);
  });

  it("shows nothing of another workspace, whatever the filter", async () => {
    const theirs = aWorkspace();
    await given(theirs, "user_events", [aUserEventRow({ reference_id: "r" })]);
    const filters: EventFilters[] = [
      {},
      { event: "order.created" },
      { profileIds: ["profile-1"] },
      { profileIds: ["profile-1", "profile-2"] },
      { referenceId: "r" },
    ];
    for (const filter of filters) {
      expect(await idsOf(theirs, filter)).toHaveLength(1);
      expect(await idsOf(aWorkspace(), filter)).toEqual([]);
    }
  });

  it("agrees with a filter over an array, for every combination of filters and pages", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 120 }, (_, i) =>
      aUserEventRow({
        atMs: NOW_MS + (i % 40) * 1000,
        event: ["a", "b", "c"][i % 3]!,
        profile_id: [null, "p1", "p2", "p3"][i % 4]!,
        reference_id: [null, "r1", "r2"][i % 5] ?? null,
      }),
    );
    await given(workspaceId, "user_events", rows);
    const anInstant = fc.integer({ min: NOW_MS - 1000, max: NOW_MS + 41_000 });
    const someFilters = fc.record(
      {
        event: fc.constantFrom("a", "b", "zzz"),
        profileIds: fc.subarray(["p1", "p2", "p3", "nobody"]),
        referenceId: fc.constantFrom("r1", "r2"),
        fromMs: anInstant,
        toMs: anInstant,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(someFilters, fc.integer({ min: 1, max: 30 }), async (filters, limit) => {
        const expected = newestFirst(
          rows.filter(
            (row) =>
              (filters.event === undefined || row.event === filters.event) &&
              (filters.profileIds === undefined ||
                (row.profile_id !== null && filters.profileIds.includes(row.profile_id))) &&
              (filters.referenceId === undefined || row.reference_id === filters.referenceId) &&
              (filters.fromMs === undefined || Date.parse(row.received_at) >= filters.fromMs) &&
              (filters.toMs === undefined || Date.parse(row.received_at) < filters.toMs),
          ),
        );
        const seen: string[] = [];
        let before: string | null = null;
        do {
          const page = await listEvents(env.DB, workspaceId, filters, { limit, before });
          expect(page.rows.length).toBeLessThanOrEqual(limit);
          seen.push(...page.rows.map((row) => row.event_id));
          before = page.next;
        } while (before !== null);
        expect(seen).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it("neither repeats nor misses an event while others arrive between two pages", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 7 }, () => aUserEventRow());
    await given(workspaceId, "user_events", rows);
    const first = await listEvents(env.DB, workspaceId, {}, { limit: 3, before: null });
    await given(workspaceId, "user_events", [aUserEventRow({ atMs: NOW_MS + 1 }), aUserEventRow({ atMs: NOW_MS + 2 })]);
    const rest = await listEvents(env.DB, workspaceId, {}, { limit: 200, before: first.next });
    expect([...first.rows, ...rest.rows].map((row) => row.event_id)).toEqual(newestFirst(rows));
  });

  it("begins at the cursor or at the end of the range, whichever is earlier", async () => {
    const workspaceId = aWorkspace();
    const rows = [0, 1, 2, 3].map((ms) => aUserEventRow({ atMs: NOW_MS + ms }));
    await given(workspaceId, "user_events", rows);
    const [oldest, second, , newest] = rows.map((row) => row.event_id);
    const toMs = NOW_MS + 2;
    expect(await idsOf(workspaceId, { toMs }, newest)).toEqual([second, oldest]);
    expect(await idsOf(workspaceId, { toMs }, second)).toEqual([oldest]);
  });

  it("gives no next page after a last page that is exactly full", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "user_events", [aUserEventRow(), aUserEventRow()]);
    expect((await listEvents(env.DB, workspaceId, {}, { limit: 2, before: null })).next).toBeNull();
  });
});

describe("readEvent", () => {
  it("gives the whole event, receipt and large data included", async () => {
    const workspaceId = aWorkspace();
    const [row] = await given(workspaceId, "user_events", [
      aUserEventRow({ data: JSON.stringify("x".repeat(50_000)) }),
    ]);
    expect(await readEvent(env.DB, workspaceId, row!.event_id)).toEqual(row);
  });

  it("answers another workspace's event like one that does not exist", async () => {
    const [row] = await given(aWorkspace(), "user_events", [aUserEventRow()]);
    const workspaceId = aWorkspace();
    expect(await readEvent(env.DB, workspaceId, row!.event_id)).toBeNull();
    expect(await readEvent(env.DB, workspaceId, anIdAt())).toBeNull();
  });
});

describe("deleteEventsBefore", () => {
  it("deletes the oldest in slices, up to the instant and no further", async () => {
    const workspaceId = aWorkspace();
    const rows = [0, 1, 2, 3].map((ms) => aUserEventRow({ atMs: NOW_MS + ms, reference_id: "r" }));
    await given(workspaceId, "user_events", rows);
    const other = aWorkspace();
    await given(other, "user_events", [aUserEventRow({ atMs: NOW_MS })]);
    expect(await deleteEventsBefore(env.DB, workspaceId, NOW_MS + 3, 2)).toBe(2);
    expect(await idsOf(workspaceId, {})).toEqual([rows[3]!.event_id, rows[2]!.event_id]);
    expect(await deleteEventsBefore(env.DB, workspaceId, NOW_MS + 3, 2)).toBe(1);
    expect(await deleteEventsBefore(env.DB, workspaceId, NOW_MS + 3, 2)).toBe(0);
    expect(await idsOf(workspaceId, {})).toEqual([rows[3]!.event_id]);
    expect(await idsOf(other, {})).toHaveLength(1);
  });
});
