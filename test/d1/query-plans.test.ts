import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { listDeliveries, type DeliveryFilters } from "../../src/d1/deliveries.ts";
import { listEnrollments } from "../../src/d1/enrollments.ts";
import { BLANK_DELIVERIES } from "../../src/d1/erase.ts";
import { readModelHealth } from "../../src/d1/health.ts";
import { readEventHistory } from "../../src/d1/event-history.ts";
import { exportEvents } from "../../src/d1/export-events.ts";
import { DELETE_FORMER_PROPERTIES, DELETE_PROPERTIES_OF } from "../../src/d1/profile-properties.ts";
import { listProfiles } from "../../src/d1/profiles.ts";
import { recordedReasons } from "../../src/d1/recorded-reasons.ts";
import { deleteEventsBefore, listEvents, readEvent, type EventFilters } from "../../src/d1/user-events.ts";
import { aDeliveryRow, aProfileRow, aUserEventRow, aWorkspace, given } from "./builders.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Step {
  detail: string;
  /** 0 at the top of a statement, else the step that this one is part of. */
  parent: number;
}

async function planOf(sql: string): Promise<Step[]> {
  const parameters = Math.max(0, ...[...sql.matchAll(/\?(\d+)/g)].map(([, number]) => Number(number)));
  const values = Array.from({ length: parameters }, () => "[]");
  const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...values)
    .all<Step>();
  return plan.results;
}

/** Runs a read, and asks SQLite how it runs each statement that the read prepared. */
async function plansOf(read: () => Promise<unknown>): Promise<Step[]> {
  const prepare = vi.spyOn(env.DB, "prepare");
  await read();
  const statements = prepare.mock.calls.map(([sql]) => sql);
  vi.restoreAllMocks();
  expect(statements).not.toEqual([]);
  return (await Promise.all(statements.map(planOf))).flat();
}

function searchesOf(steps: Step[]): string[] {
  return steps.map(({ detail }) => detail).filter((detail) => detail.startsWith("SEARCH"));
}

/** Where a statement walks a whole table. */
function scansOf(steps: Step[]): string[] {
  return steps
    .map(({ detail }) => detail)
    .filter((detail) =>
      /^SCAN (user_events|profiles|enrollments|deliveries|profile_properties|stored|found)\b/.test(detail),
    );
}

/** Where a statement sorts its rows, rather than reading them in order. */
function sortsOf(steps: Step[]): Step[] {
  return steps.filter(({ detail, parent }) => parent === 0 && detail.includes("TEMP B-TREE"));
}

/** Runs one read, and tells how many rows D1 counts as read for it. */
async function rowsRead(read: () => Promise<unknown>): Promise<number> {
  const original = env.DB.prepare.bind(env.DB);
  let rows = Number.NaN;
  vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    const statement = original(sql);
    const bind = statement.bind.bind(statement);
    statement.bind = (...values) => {
      const bound = bind(...values);
      const all = bound.all.bind<typeof bound.all>(bound);
      bound.all = async <T>() => {
        const result = await all<T>();
        rows = result.meta.rows_read;
        return result;
      };
      return bound;
    };
    return statement;
  });
  await read();
  vi.restoreAllMocks();
  return rows;
}

const page = { limit: 50, before: null };

/** Every combination of event filters, one and several profiles told apart. */
function everyFilter(): EventFilters[] {
  const choices: EventFilters[][] = [
    [{}, { event: "a" }],
    [{}, { profileIds: ["p"] }, { profileIds: ["p", "q"] }, { profileIds: [] }],
    [{}, { referenceId: "r" }],
    [{}, { fromMs: 1 }, { toMs: 2 }, { fromMs: 1, toMs: 2 }],
  ];
  return choices.reduce<EventFilters[]>(
    (all, options) => all.flatMap((filters) => options.map((option) => ({ ...filters, ...option }))),
    [{}],
  );
}

describe("this test", () => {
  it("sees a scan and a sort where there is one", async () => {
    const steps = await planOf("SELECT event_id FROM user_events WHERE source = ?1 ORDER BY occurred_at");
    expect(scansOf(steps)).toHaveLength(1);
    expect(sortsOf(steps)).toHaveLength(1);
  });
});

describe("event lists", () => {
  it("never scan user_events, for any combination of filters", async () => {
    for (const filters of everyFilter()) {
      const steps = await plansOf(() => listEvents(env.DB, "w", filters, page));
      expect(scansOf(steps), JSON.stringify(filters)).toEqual([]);
    }
  });

  it.each([
    ["nothing", {}, "SEARCH user_events USING PRIMARY KEY (workspace_id=? AND event_id>? AND event_id<?)"],
    [
      "an event name",
      { event: "a" },
      "SEARCH user_events USING INDEX user_events_by_event (workspace_id=? AND event=? AND event_id>? AND event_id<?)",
    ],
    [
      "one profile",
      { profileIds: ["p"] },
      "SEARCH user_events USING INDEX user_events_by_profile (workspace_id=? AND profile_id=? AND event_id>? AND event_id<?)",
    ],
    [
      "a reference",
      { referenceId: "r" },
      "SEARCH user_events USING INDEX user_events_by_reference (workspace_id=? AND reference_id=? AND event_id>? AND event_id<?)",
    ],
  ])("filtered by %s run down one index, without a sort", async (_, filters, search) => {
    const steps = await plansOf(() => listEvents(env.DB, "w", filters, page));
    expect(searchesOf(steps)).toEqual([search]);
    expect(sortsOf(steps)).toEqual([]);
  });

  it("of several profiles run down the index once for each", async () => {
    const steps = await plansOf(() => listEvents(env.DB, "w", { profileIds: ["p", "q"] }, page));
    expect(searchesOf(steps)).toContain(
      "SEARCH user_events USING INDEX user_events_by_profile (workspace_id=? AND profile_id=? AND event_id>? AND event_id<?)",
    );
  });

  it("of several profiles read a page of each, however long their histories are", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 2000 }, (_, i) => aUserEventRow({ profile_id: `p-${i % 2}` }));
    await given(workspaceId, "user_events", rows);
    const read = await rowsRead(() => listEvents(env.DB, workspaceId, { profileIds: ["p-0", "p-1"] }, page));
    expect(read).toBeLessThan(20 * page.limit);
  });
});

describe("other reads of events", () => {
  it("never scan user_events", async () => {
    const reads = [
      () => readEvent(env.DB, "w", "e"),
      () => deleteEventsBefore(env.DB, "w", 1, 10),
      () => readModelHealth(env.DB, ["w"]),
      () => readEventHistory(env.DB, "w", "a", { fromMs: 1, toMs: 2 }, null, 10),
      () => exportEvents(env.DB, "w", ["p", "q"], null),
      () => recordedReasons(env.DB, "w", "j", ["e"]),
    ];
    for (const read of reads) expect(scansOf(await plansOf(read))).toEqual([]);
  });
});

describe("enrollment lists", () => {
  it.each([
    ["journey", {}],
    ["profile", { profileIds: ["p"] }],
  ])("of one %s run down its index, without a sort", async (name, filters) => {
    const steps = await plansOf(() => listEnrollments(env.DB, "w", "j", filters, page));
    const column = `${name}_id=?`;
    expect(searchesOf(steps)).toEqual([
      `SEARCH enrollments USING INDEX enrollments_by_${name} (workspace_id=? AND ${column} AND enrollment_id<?)`,
    ]);
    expect(sortsOf(steps)).toEqual([]);
  });

  it("never scan enrollments", async () => {
    for (const filters of [{}, { profileIds: ["p"] }, { profileIds: ["p", "q"], status: "active" as const }]) {
      expect(scansOf(await plansOf(() => listEnrollments(env.DB, "w", "j", filters, page)))).toEqual([]);
    }
  });
});

describe("delivery lists", () => {
  it("never scan deliveries, for any combination of filters", async () => {
    const choices: DeliveryFilters[][] = [
      [{}, { status: "pending" }, { status: "sent" }, { status: "skipped" }, { status: "failed" }],
      [{}, { profileIds: ["p"] }, { profileIds: ["p", "q"] }, { profileIds: [] }],
      [{}, { enrollmentId: "e" }],
      [{}, { journeyKey: "j", channel: "email", fromMs: 1, toMs: 2 }],
    ];
    const every = choices.reduce<DeliveryFilters[]>(
      (all, options) => all.flatMap((filters) => options.map((option) => ({ ...filters, ...option }))),
      [{}],
    );
    for (const filters of every) {
      const steps = await plansOf(() => listDeliveries(env.DB, "w", filters, page));
      expect(scansOf(steps), JSON.stringify(filters)).toEqual([]);
    }
  });

  it.each<[string, DeliveryFilters, string]>([
    ["nothing", {}, "PRIMARY KEY (workspace_id=?"],
    ["sent", { status: "sent" }, "PRIMARY KEY (workspace_id=?"],
    ["pending", { status: "pending" }, "INDEX deliveries_not_sent (workspace_id=? AND status=?"],
    ["skipped", { status: "skipped" }, "INDEX deliveries_not_sent (workspace_id=? AND status=?"],
    ["failed", { status: "failed" }, "INDEX deliveries_not_sent (workspace_id=? AND status=?"],
    [
      "a run",
      { enrollmentId: "e", status: "failed" },
      "INDEX deliveries_by_enrollment (workspace_id=? AND enrollment_id=?",
    ],
    ["one profile", { profileIds: ["p"] }, "INDEX deliveries_by_profile (workspace_id=? AND profile_id=?"],
    ["a journey", { journeyKey: "j" }, "INDEX deliveries_by_journey (workspace_id=? AND journey_key=?"],
  ])("filtered by %s run down one index, without a sort", async (_, filters, way) => {
    const steps = await plansOf(() => listDeliveries(env.DB, "w", filters, page));
    expect(searchesOf(steps)).toEqual([`SEARCH deliveries USING ${way} AND delivery_id>? AND delivery_id<?)`]);
    expect(sortsOf(steps)).toEqual([]);
  });

  it("of several profiles read a page of each, however many messages they had", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 2000 }, (_, i) => aDeliveryRow({ profile_id: `p-${i % 2}` }));
    await given(workspaceId, "deliveries", rows);
    const read = await rowsRead(() => listDeliveries(env.DB, workspaceId, { profileIds: ["p-0", "p-1"] }, page));
    expect(read).toBeLessThan(20 * page.limit);
  });

  it("lose what is personal of a profile by its index", async () => {
    const steps = await planOf(BLANK_DELIVERIES);
    expect(scansOf(steps)).toEqual([]);
    expect(searchesOf(steps)).toContain(
      "SEARCH deliveries USING INDEX deliveries_by_profile (workspace_id=? AND profile_id=?)",
    );
  });

  it("of a journey read about as many rows as they answer, however many others there are", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 2000 }, (_, i) => aDeliveryRow({ journey_key: i % 200 === 0 ? "few" : "many" }));
    await given(workspaceId, "deliveries", rows);
    for (const journeyKey of ["few", "many", "none"]) {
      const read = await rowsRead(() => listDeliveries(env.DB, workspaceId, { journeyKey }, page));
      expect(read, journeyKey).toBeLessThanOrEqual(page.limit + 2);
    }
  });

  it("of a journey that failed read what failed in others too, and none that was sent", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 2000 }, (_, i) => aDeliveryRow({ status: i % 50 === 0 ? "failed" : "sent" }));
    await given(workspaceId, "deliveries", rows);
    const filters = { journeyKey: "another", status: "failed" } as const;
    const read = await rowsRead(() => listDeliveries(env.DB, workspaceId, filters, page));
    // By the index and by the key.
    expect(read).toBeLessThanOrEqual(2 * 40 + 2);
  });

  it("of the few that failed read none that was sent", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 2000 }, () => aDeliveryRow({ status: "sent" }));
    await given(workspaceId, "deliveries", [...rows, aDeliveryRow({ status: "failed" })]);
    const read = await rowsRead(() => listDeliveries(env.DB, workspaceId, { status: "failed" }, page));
    expect(read).toBeLessThan(10);
  });
});

it("prints how each list is read, and none of them walks a table", async () => {
  const every = { limit: 50, cursor: null };
  const reads: Record<string, () => Promise<unknown>> = {
    events: () => listEvents(env.DB, "w", {}, page),
    "events by name": () => listEvents(env.DB, "w", { event: "a" }, page),
    "events of a profile": () => listEvents(env.DB, "w", { profileIds: ["p"] }, page),
    "events of a merged profile": () => listEvents(env.DB, "w", { profileIds: ["p", "q"] }, page),
    "events by reference": () => listEvents(env.DB, "w", { referenceId: "r" }, page),
    "events of a time": () => listEvents(env.DB, "w", { fromMs: 1, toMs: 2 }, page),
    "events of a name in order": () => readEventHistory(env.DB, "w", "a", { fromMs: 1, toMs: 2 }, null, 10),
    "events of a person, whole": () => exportEvents(env.DB, "w", ["p", "q"], null),
    profiles: () => listProfiles(env.DB, "w", {}, every),
    "profiles by ids": () => listProfiles(env.DB, "w", { profileIds: ["p"] }, every),
    "profiles by property": () => listProfiles(env.DB, "w", { propertyFilter: [{ id: "a", values: [1] }] }, every),
    "profiles, partial search (walks its workspace)": () => listProfiles(env.DB, "w", { search: "a" }, every),
    enrollments: () => listEnrollments(env.DB, "w", "j", {}, page),
    "enrollments by status": () => listEnrollments(env.DB, "w", "j", { status: "active" }, page),
    "enrollments by step": () => listEnrollments(env.DB, "w", "j", { stepId: "s" }, page),
    "enrollments by version": () => listEnrollments(env.DB, "w", "j", { version: 1 }, page),
    deliveries: () => listDeliveries(env.DB, "w", {}, page),
    "deliveries that failed": () => listDeliveries(env.DB, "w", { status: "failed" }, page),
    "deliveries of a journey": () => listDeliveries(env.DB, "w", { journeyKey: "j" }, page),
    "deliveries of a run": () => listDeliveries(env.DB, "w", { enrollmentId: "e" }, page),
    "deliveries of a profile": () => listDeliveries(env.DB, "w", { profileIds: ["p"] }, page),
    "enrollments of a profile": () => listEnrollments(env.DB, "w", "j", { profileIds: ["p"] }, page),
  };
  const lines: string[] = [];
  for (const [name, read] of Object.entries(reads)) {
    const steps = await plansOf(read);
    expect(scansOf(steps), name).toEqual([]);
    lines.push(name, ...[...new Set(searchesOf(steps))].map((search) => `    ${search}`));
  }
  console.log(lines.join("\n"));
});

describe("profile lists", () => {
  it.each(["next", "previous"] as const)("read no other workspace and sort nothing (%s)", async (direction) => {
    const cursor = { direction, profileId: "p" };
    const steps = await plansOf(() => listProfiles(env.DB, "w", {}, { limit: 50, cursor }));
    expect(scansOf(steps)).toEqual([]);
    expect(sortsOf(steps)).toEqual([]);
  });

  it("look named profiles up by their key", async () => {
    const steps = await plansOf(() => listProfiles(env.DB, "w", { profileIds: ["p"] }, { limit: 50, cursor: null }));
    expect(new Set(searchesOf(steps))).toEqual(
      new Set(["SEARCH profiles USING PRIMARY KEY (workspace_id=? AND profile_id=?)"]),
    );
  });

  it("of a property look up who has it, whatever else is asked", async () => {
    const propertyFilter = [
      { id: "plan", values: ["Pro", 7] },
      { id: "city", values: [{ a: 1 }] },
    ];
    for (const query of [{ propertyFilter }, { propertyFilter, search: "alex" }]) {
      for (const direction of ["next", "previous"] as const) {
        const cursor = { direction, profileId: "p" };
        const steps = await plansOf(() => listProfiles(env.DB, "w", query, { limit: 50, cursor }));
        expect(scansOf(steps)).toEqual([]);
        const searches = new Set(searchesOf(steps));
        expect(searches).toContain("SEARCH found USING PRIMARY KEY (workspace_id=? AND name=? AND value=?)");
        // Never the workspace's profiles from one end to the other.
        const walks = [...searches].filter((search) => /^SEARCH profiles .*\(workspace_id=\?\)$/.test(search));
        expect(walks).toEqual([]);
      }
    }
  });

  it("of a rare property read about as many rows as it finds, however many profiles there are", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 1_000 }, (_, i) => aProfileRow({ properties: `{"n":${i},"plan":"Pro"}` }));
    await given(workspaceId, "profiles", rows);
    const query = { propertyFilter: [{ id: "n", values: [7] }] };
    const read = await rowsReadTogether(() => listProfiles(env.DB, workspaceId, query, { limit: 50, cursor: null }));
    expect(read).toBeLessThan(50);
  });

  it("keep what is told of properties without a scan", async () => {
    for (const sql of [DELETE_FORMER_PROPERTIES, DELETE_PROPERTIES_OF]) {
      const steps = await planOf(sql);
      expect(scansOf(steps)).toEqual([]);
      expect(searchesOf(steps)).toContain(
        "SEARCH profile_properties USING PRIMARY KEY (workspace_id=? AND name=? AND value=? AND profile_id=?)",
      );
    }
  });
});

/** As {@link rowsRead}, of statements that are sent together. */
async function rowsReadTogether(read: () => Promise<unknown>): Promise<number> {
  const batch = env.DB.batch.bind(env.DB);
  let rows = 0;
  vi.spyOn(env.DB, "batch").mockImplementation(async <T>(statements: D1PreparedStatement[]) => {
    const results = await batch<T>(statements);
    rows = results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
    return results;
  });
  await read();
  vi.restoreAllMocks();
  return rows;
}
