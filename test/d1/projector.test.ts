import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { readEvent } from "../../src/d1/user-events.ts";
import { project, type ProjectedRow, type ProjectedTable } from "../../src/d1/projector.ts";
import {
  aDeliveryRow,
  aDeliveryToProject,
  aProfileRow,
  aProfileToProject,
  aUserEventRow,
  aWorkspace,
  anEnrollmentRow,
  anEnrollmentToProject,
  anEventToProject,
  anIdAt,
  countOf,
  given,
} from "./builders.ts";

/** Projects rows, and sums what D1 says it wrote, index rows included. */
async function rowsWritten(workspaceId: string, table: ProjectedTable, rows: ProjectedRow[]): Promise<number> {
  let total = 0;
  const db = {
    prepare: (sql: string) => ({
      bind: (...values: unknown[]) => ({
        run: async () => {
          const result = await env.DB.prepare(sql)
            .bind(...values)
            .run();
          total += result.meta.rows_written;
          return result;
        },
      }),
    }),
  } as unknown as D1Database;
  const outcome = await project(db, workspaceId, table, rows);
  expect(outcome.written).toHaveLength(rows.length);
  return total;
}

async function erase(workspaceId: string, profileId: string): Promise<void> {
  await env.DB.prepare("INSERT INTO erasures VALUES (?1, ?2, '2026-03-01T12:00:00.000Z')")
    .bind(workspaceId, profileId)
    .run();
}

describe("rows written", () => {
  it("is three for an event, all indexes counted", async () => {
    const events = Array.from({ length: 100 }, () => anEventToProject());
    const perEvent = (await rowsWritten(aWorkspace(), "user_events", events)) / events.length;
    console.log(`D1 rows written per event: ${perEvent}`);
    expect(perEvent).toBe(3);
  });

  it("is four for an event with a reference id", async () => {
    const events = Array.from({ length: 100 }, (_, i) => anEventToProject({ reference_id: `order-${i}` }));
    const perEvent = (await rowsWritten(aWorkspace(), "user_events", events)) / events.length;
    console.log(`D1 rows written per event with a reference id: ${perEvent}`);
    expect(perEvent).toBe(4);
  });

  it("is none for events that are there already", async () => {
    const workspaceId = aWorkspace();
    const events = [anEventToProject(), anEventToProject()];
    await project(env.DB, workspaceId, "user_events", events);
    expect(await rowsWritten(workspaceId, "user_events", events)).toBe(0);
  });

  it("is one for a profile and three for an enrollment", async () => {
    const workspaceId = aWorkspace();
    expect(await rowsWritten(workspaceId, "profiles", [aProfileToProject()])).toBe(1);
    expect(await rowsWritten(workspaceId, "enrollments", [anEnrollmentToProject()])).toBe(3);
  });
});

describe("rows written for a delivery", () => {
  it("are four for one that was sent before it came here, five with its provider's id", async () => {
    const sent = { status: "sent", attempts: 1, target: "ada@example.com" } as const;
    expect(await rowsWritten(aWorkspace(), "deliveries", [aDeliveryToProject(sent)])).toBe(4);
    const known = aDeliveryToProject({ ...sent, provider_id: "prov_1" });
    expect(await rowsWritten(aWorkspace(), "deliveries", [known])).toBe(5);
  });

  it("are five for one that is pending, two for each attempt that fails, and one when it is sent", async () => {
    const workspaceId = aWorkspace();
    const row = aDeliveryRow();
    const tried = { ...row, rev: 2, attempts: 1 };
    const settled = { ...row, rev: 3, status: "sent" as const, settled_at: row.created_at };
    const toProject = (state: object) => [{ id: row.delivery_id, json: JSON.stringify(state) }];
    expect(await rowsWritten(workspaceId, "deliveries", toProject(row))).toBe(5);
    expect(await rowsWritten(workspaceId, "deliveries", toProject(tried))).toBe(2);
    expect(await rowsWritten(workspaceId, "deliveries", toProject(settled))).toBe(1);
    expect(await rowsWritten(workspaceId, "deliveries", toProject(settled))).toBe(0);
  });
});

describe("batches", () => {
  it("sends at most 500 rows in one statement", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    const workspaceId = aWorkspace();
    const events = Array.from({ length: 1001 }, () => anEventToProject());
    const outcome = await project(env.DB, workspaceId, "user_events", events);
    expect(prepare).toHaveBeenCalledTimes(3);
    prepare.mockRestore();
    expect(outcome).toEqual({ written: events.map((row) => row.id), poisoned: [], outage: null });
    expect(await countOf(workspaceId, "user_events")).toBe(1001);
  });

  it("sends at most 1.5 MB in one statement, counted in bytes", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    const data = JSON.stringify({ text: "é".repeat(200_000) });
    const events = Array.from({ length: 4 }, () => anEventToProject({ data }));
    const outcome = await project(env.DB, aWorkspace(), "user_events", events);
    expect(prepare).toHaveBeenCalledTimes(2);
    prepare.mockRestore();
    expect(outcome.written).toHaveLength(4);
  });

  it("sends nothing for no rows", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    expect(await project(env.DB, aWorkspace(), "profiles", [])).toEqual({ written: [], poisoned: [], outage: null });
    expect(prepare).not.toHaveBeenCalled();
    prepare.mockRestore();
  });
});

describe("repeats", () => {
  it("leaves an event as it was first written", async () => {
    const workspaceId = aWorkspace();
    const [row] = await given(workspaceId, "user_events", [aUserEventRow()]);
    await given(workspaceId, "user_events", [aUserEventRow({ event_id: row!.event_id, event: "other" })]);
    expect(await readEvent(env.DB, workspaceId, row!.event_id)).toEqual(row);
  });

  it("takes a newer rev of a profile and never turns it back", async () => {
    const workspaceId = aWorkspace();
    const first = aProfileRow({ rev: 1, email: "old@example.com" });
    const second = { ...first, rev: 2, email: "new@example.com", properties: '{"plan":"Pro"}' };
    await given(workspaceId, "profiles", [first]);
    await given(workspaceId, "profiles", [second]);
    await given(workspaceId, "profiles", [first]);
    await given(workspaceId, "profiles", [{ ...second, email: "same-rev@example.com" }]);
    expect(await readAll("profiles", workspaceId)).toEqual([{ workspace_id: workspaceId, ...second }]);
  });

  it("keeps the newest rev when one batch holds several in any order", async () => {
    const workspaceId = aWorkspace();
    const row = aProfileRow();
    await given(workspaceId, "profiles", [
      { ...row, rev: 2, phone: "+4922" },
      { ...row, rev: 3, phone: "+4933" },
      { ...row, rev: 1, phone: "+4911" },
    ]);
    expect(await readAll("profiles", workspaceId)).toMatchObject([{ rev: 3, phone: "+4933" }]);
  });

  it("takes every field of a newer enrollment that can change", async () => {
    const workspaceId = aWorkspace();
    const first = anEnrollmentRow({ rev: 1 });
    const second = {
      ...first,
      rev: 2,
      version: 2,
      profile_id: "survivor",
      status: "exited" as const,
      reason: "goal",
      step_id: null,
      ended_at: "2026-03-02T00:00:00.000Z",
      converted_at: "2026-03-02T00:00:00.000Z",
    };
    await given(workspaceId, "enrollments", [first]);
    await given(workspaceId, "enrollments", [second]);
    await given(workspaceId, "enrollments", [first]);
    expect(await readAll("enrollments", workspaceId)).toEqual([{ workspace_id: workspaceId, ...second }]);
  });
});

describe("repeats of a delivery", () => {
  it("take every field that can change, and never turn it back", async () => {
    const workspaceId = aWorkspace();
    const first = aDeliveryRow();
    const second = {
      ...first,
      rev: 2,
      status: "failed" as const,
      reason: "exhausted",
      attempts: 8,
      next_attempt_at: "2026-03-02T00:00:00.000Z",
      settled_at: "2026-03-03T00:00:00.000Z",
      target: "ada@example.com",
      provider_id: "prov_1",
    };
    await given(workspaceId, "deliveries", [first]);
    await given(workspaceId, "deliveries", [second]);
    await given(workspaceId, "deliveries", [first]);
    await given(workspaceId, "deliveries", [{ ...second, attempts: 9 }]);
    expect(await readAll("deliveries", workspaceId)).toEqual([{ workspace_id: workspaceId, ...second }]);
  });
});

describe("erasure guard", () => {
  it("writes no row of an erased profile, and is done with it", async () => {
    const workspaceId = aWorkspace();
    await erase(workspaceId, "gone");
    const event = anEventToProject({ profile_id: "gone" });
    const profile = aProfileToProject({ profile_id: "gone" });
    expect((await project(env.DB, workspaceId, "user_events", [event])).written).toEqual([event.id]);
    expect((await project(env.DB, workspaceId, "profiles", [profile])).written).toEqual([profile.id]);
    for (const table of ["user_events", "profiles"] as const) expect(await countOf(workspaceId, table)).toBe(0);
  });

  it("lets runs of an erased profile end: they hold ids only", async () => {
    const workspaceId = aWorkspace();
    const row = anEnrollmentRow({ profile_id: "gone", rev: 1 });
    await given(workspaceId, "enrollments", [row]);
    await erase(workspaceId, "gone");
    const ended = { ...row, rev: 2, status: "cancelled" as const, reason: "profile_erased" };
    await given(workspaceId, "enrollments", [ended]);
    expect(await readAll("enrollments", workspaceId)).toEqual([{ workspace_id: workspaceId, ...ended }]);
  });

  it("lets messages of an erased profile end, without saying to whom they went", async () => {
    const workspaceId = aWorkspace();
    const row = aDeliveryRow({ profile_id: "gone" });
    const late = { ...row, rev: 2, status: "sent" as const, target: "ada@example.com", provider_id: "prov_1" };
    await given(workspaceId, "deliveries", [row]);
    await erase(workspaceId, "gone");
    await given(workspaceId, "deliveries", [late]);
    const fresh = aDeliveryRow({ profile_id: "gone", target: "ada@example.com", provider_id: "prov_2" });
    await given(workspaceId, "deliveries", [fresh]);
    expect(await readAll("deliveries", workspaceId)).toEqual([
      { workspace_id: workspaceId, ...late, target: null, provider_id: null },
      { workspace_id: workspaceId, ...fresh, target: null, provider_id: null },
    ]);
  });

  it("updates no row of an erased profile", async () => {
    const workspaceId = aWorkspace();
    const row = aProfileRow({ rev: 1 });
    await given(workspaceId, "profiles", [row]);
    await erase(workspaceId, row.profile_id);
    await given(workspaceId, "profiles", [{ ...row, rev: 2, phone: "+491" }]);
    expect(await readAll("profiles", workspaceId)).toMatchObject([{ rev: 1, phone: null }]);
  });

  it("spares everyone else: other profiles, other workspaces, events without a profile", async () => {
    const workspaceId = aWorkspace();
    await erase(workspaceId, "gone");
    await erase(aWorkspace(), "here");
    await given(workspaceId, "user_events", [
      aUserEventRow({ profile_id: "here" }),
      aUserEventRow({ profile_id: null }),
    ]);
    expect(await countOf(workspaceId, "user_events")).toBe(2);
  });
});

describe("hostile values", () => {
  it("keeps NUL, quotes, __proto__ and escaped lone surrogates byte for byte", async () => {
    const row = aUserEventRow({
      event: `a'b"c;--\u0000\n\\ %_ é 🙂`,
      reference_id: `'); DROP TABLE user_events;--\u0000`,
      profile_id: anIdAt(),
      data: JSON.stringify({ ["__proto__"]: { x: "\ud800" }, constructor: "\u0000", "a.b": "$.x", '"': "\udfff'" }),
      redacted_data_paths: JSON.stringify(["/__proto__/x", "/a~1b", "/ ' \u0000"]),
      receipt: JSON.stringify({ journeys: [], warnings: [{ code: "merged", message: "\"'\u2028" }] }),
    });
    const workspaceId = `w'"${aWorkspace()}`;
    await given(workspaceId, "user_events", [row]);
    expect(await readEvent(env.DB, workspaceId, row.event_id)).toEqual(row);
  });

  it("keeps a row's own columns when its object names others, __proto__ among them", async () => {
    const workspaceId = aWorkspace();
    const row = aUserEventRow();
    const json = `{"__proto__":{"event":"x"},"workspace_id":"other",${JSON.stringify(row).slice(1)}`;
    expect((await project(env.DB, workspaceId, "user_events", [{ id: row.event_id, json }])).written).toHaveLength(1);
    expect(await readEvent(env.DB, workspaceId, row.event_id)).toEqual(row);
  });
});

async function readAll(table: "profiles" | "enrollments" | "deliveries", workspaceId: string): Promise<unknown[]> {
  const statements = {
    profiles: "SELECT * FROM profiles WHERE workspace_id = ?1",
    enrollments: "SELECT * FROM enrollments WHERE workspace_id = ?1",
    deliveries: "SELECT * FROM deliveries WHERE workspace_id = ?1 ORDER BY delivery_id",
  };
  return (await env.DB.prepare(statements[table]).bind(workspaceId).all()).results;
}
