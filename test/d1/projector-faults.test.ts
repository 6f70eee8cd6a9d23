import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { project, type ProjectedRow } from "../../src/d1/projector.ts";
import {
  aDeliveryToProject,
  aProfileToProject,
  aUserEventRow,
  aWorkspace,
  anEnrollmentToProject,
  anEventToProject,
  countOf,
} from "./builders.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const MARK = "4111-do-not-keep";

/** A row that D1 refuses whenever it is asked: its event name is missing. */
function aPoisonRow(): ProjectedRow {
  const row = aUserEventRow({ data: JSON.stringify({ card: MARK }) });
  return { id: row.event_id, json: JSON.stringify({ ...row, event: null }) };
}

/** A D1 that runs every statement and then loses the answer of those that `loses` picks, counted from 1. */
function losingReplies(loses: (statement: number) => boolean): D1Database {
  let statements = 0;
  return {
    prepare: (sql: string) => ({
      bind: (...values: unknown[]) => ({
        run: async () => {
          statements += 1;
          const lost = loses(statements);
          const result = await env.DB.prepare(sql)
            .bind(...values)
            .run();
          if (lost) throw new Error("D1_ERROR: Network connection lost.");
          return result;
        },
      }),
    }),
  } as unknown as D1Database;
}

describe("poison", () => {
  it("sets one row apart among a hundred, and writes all others", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 100 }, () => anEventToProject());
    const poison = aPoisonRow();
    rows[37] = poison;
    const outcome = await project(env.DB, workspaceId, "user_events", rows);
    expect(outcome.outage).toBeNull();
    expect(outcome.poisoned).toEqual([{ row: poison, error: "SQLITE_CONSTRAINT_NOTNULL: D1 refuses this row" }]);
    expect(outcome.written).toEqual(rows.filter((row) => row !== poison).map((row) => row.id));
    expect(await countOf(workspaceId, "user_events")).toBe(99);
  });

  it("finds several poison rows without a statement for each row", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    const rows = Array.from({ length: 256 }, () => anEventToProject());
    for (const at of [0, 128, 255]) rows[at] = aPoisonRow();
    const outcome = await project(env.DB, aWorkspace(), "user_events", rows);
    expect(outcome.poisoned.map(({ row }) => rows.indexOf(row))).toEqual([0, 128, 255]);
    expect(outcome.written).toHaveLength(253);
    expect(prepare.mock.calls.length).toBeLessThan(80);
  });

  it("sets apart what is no JSON object, and writes its neighbours", async () => {
    const workspaceId = aWorkspace();
    const good = anEventToProject();
    const bad = ['{"event_id":"1"', '"event":"x"}', "[]", "7", '"text"'];
    const rows = [good, ...bad.map((json, i) => ({ id: `bad-${i}`, json }))];
    const outcome = await project(env.DB, workspaceId, "user_events", rows);
    expect(outcome.poisoned.map(({ row }) => row.id)).toEqual(bad.map((_, i) => `bad-${i}`));
    expect(outcome.written).toEqual([good.id]);
    expect(await countOf(workspaceId, "user_events")).toBe(1);
  });

  it("sets apart a row that no parameter can hold, counted in bytes", async () => {
    const workspaceId = aWorkspace();
    const huge = anEventToProject({ data: JSON.stringify("é".repeat(1_000_000)) });
    const large = anEventToProject({ data: JSON.stringify("é".repeat(990_000)) });
    const outcome = await project(env.DB, workspaceId, "user_events", [huge, large]);
    expect(outcome.poisoned).toEqual([{ row: huge, error: "SQLITE_TOOBIG: the row is too big for D1" }]);
    expect(outcome.written).toEqual([large.id]);
  });

  it("refuses a value of the wrong type", async () => {
    const profile = aProfileToProject({ rev: MARK as unknown as number });
    const enrollment = anEnrollmentToProject({ version: MARK as unknown as number });
    const delivery = aDeliveryToProject({ attempts: MARK as unknown as number });
    for (const [table, row] of [
      ["profiles", profile],
      ["enrollments", enrollment],
      ["deliveries", delivery],
    ] as const) {
      const outcome = await project(env.DB, aWorkspace(), table, [row]);
      expect(outcome.poisoned[0]?.error).toBe("SQLITE_CONSTRAINT_DATATYPE: D1 refuses this row");
    }
  });

  it("keeps no value in the error", async () => {
    const rows = [aPoisonRow(), { id: "x", json: `{"${MARK}` }, aProfileToProject({ rev: MARK as unknown as number })];
    const outcome = await project(env.DB, aWorkspace(), "user_events", rows);
    expect(outcome.poisoned).toHaveLength(3);
    expect(JSON.stringify(outcome.poisoned.map(({ error }) => error))).not.toContain(MARK);
  });
});

describe("outage", () => {
  it("poisons nothing when D1 cannot be reached at all", async () => {
    const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("no such place");
    });
    const rows = Array.from({ length: 100 }, () => anEventToProject());
    const outcome = await project(env.DB, aWorkspace(), "user_events", rows);
    expect(outcome).toEqual({ written: [], poisoned: [], outage: "D1_ERROR: D1 is away or refuses all work" });
    expect(prepare).toHaveBeenCalledTimes(2);
  });

  it("does not bisect and does not probe when the connection is lost", async () => {
    const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: Network connection lost.");
    });
    const outcome = await project(env.DB, aWorkspace(), "profiles", [aProfileToProject(), aProfileToProject()]);
    expect(outcome).toMatchObject({ written: [], poisoned: [], outage: expect.any(String) });
    expect(prepare).toHaveBeenCalledTimes(1);
  });

  it("poisons nothing when the table is missing", async () => {
    const original = env.DB.prepare.bind(env.DB);
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => original(sql.replace("INTO user_events", "INTO nowhere")));
    const outcome = await project(env.DB, aWorkspace(), "user_events", [anEventToProject()]);
    expect(outcome).toEqual({ written: [], poisoned: [], outage: "SQLITE_ERROR: D1 is away or refuses all work" });
  });

  it("says what was written before D1 went away, and tries nothing after", async () => {
    const workspaceId = aWorkspace();
    const original = env.DB.prepare.bind(env.DB);
    let statements = 0;
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      statements += 1;
      if (statements > 1) throw new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued.");
      return original(sql);
    });
    const rows = Array.from({ length: 1500 }, () => anEventToProject());
    const outcome = await project(env.DB, workspaceId, "user_events", rows);
    expect(statements).toBe(2);
    expect(outcome.written).toEqual(rows.slice(0, 500).map((row) => row.id));
    expect(outcome.poisoned).toEqual([]);
    expect(outcome.outage).not.toBeNull();
    vi.restoreAllMocks();
    expect(await countOf(workspaceId, "user_events")).toBe(500);
  });

  it("takes no row for poison when D1 goes away in the middle of the search", async () => {
    const original = env.DB.prepare.bind(env.DB);
    let statements = 0;
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      statements += 1;
      if (statements > 3) throw new Error("no such place");
      return original(sql);
    });
    const rows = [aPoisonRow(), anEventToProject(), anEventToProject(), anEventToProject()];
    const outcome = await project(env.DB, aWorkspace(), "user_events", rows);
    expect(outcome).toMatchObject({ written: [], poisoned: [], outage: expect.any(String) });
  });
});

describe("a write whose answer was lost", () => {
  it("is an outage, and repeating it writes nothing twice", async () => {
    const workspaceId = aWorkspace();
    const rows = Array.from({ length: 20 }, () => anEventToProject());
    const lossy = losingReplies((statement) => statement === 1);
    expect(await project(lossy, workspaceId, "user_events", rows)).toMatchObject({ written: [], poisoned: [] });
    expect(await countOf(workspaceId, "user_events")).toBe(20);
    const repeat = await project(lossy, workspaceId, "user_events", rows);
    expect(repeat).toEqual({ written: rows.map((row) => row.id), poisoned: [], outage: null });
    expect(await countOf(workspaceId, "user_events")).toBe(20);
  });

  it("does not turn a profile back when it is repeated after a newer one", async () => {
    const workspaceId = aWorkspace();
    const older = aProfileToProject({ profile_id: "p", rev: 1, email: "old@example.com" });
    const newer = aProfileToProject({ profile_id: "p", rev: 2, email: "new@example.com" });
    await project(
      losingReplies(() => true),
      workspaceId,
      "profiles",
      [older],
    );
    await project(env.DB, workspaceId, "profiles", [newer]);
    expect((await project(env.DB, workspaceId, "profiles", [older])).written).toEqual(["p"]);
    const stored = await env.DB.prepare("SELECT email FROM profiles WHERE workspace_id = ?1").bind(workspaceId).all();
    expect(stored.results).toEqual([{ email: "new@example.com" }]);
  });
});
