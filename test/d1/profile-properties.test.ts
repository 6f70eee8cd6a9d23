// What is told of profiles' properties, for filters: exactly what live profiles have, whatever came before.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { erasePerson } from "../../src/d1/erase.ts";
import { INSERT_PRESENT_PROPERTIES } from "../../src/d1/profile-properties.ts";
import { listProfiles } from "../../src/d1/profiles.ts";
import { project } from "../../src/d1/projector.ts";
import type { Json, JsonObject } from "../../src/domain/json.ts";
import type { ProfileRow } from "../../src/domain/profile.ts";
import { aProfileRow, aProfileToProject, aWorkspace, given, NOW_MS } from "./builders.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function told(workspaceId: string): Promise<string[]> {
  const { results } = await env.DB.prepare(
    `SELECT name || ' ' || value || ' ' || profile_id AS told FROM profile_properties WHERE workspace_id = ?1 ORDER BY 1`,
  )
    .bind(workspaceId)
    .all<{ told: string }>();
  return results.map((row) => row.told);
}

async function found(workspaceId: string, id: string, ...values: Json[]): Promise<string[]> {
  const query = { propertyFilter: [{ id, values }] };
  const { rows } = await listProfiles(env.DB, workspaceId, query, { limit: 200, cursor: null });
  return rows.map((row) => row.profile_id);
}

function profile(properties: JsonObject, over: Partial<ProfileRow> = {}): ProfileRow {
  return aProfileRow({ profile_id: "p", properties: JSON.stringify(properties), ...over });
}

describe("what is told of properties", () => {
  it("is one row for each, by type and value; of objects and lists the type alone", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "profiles", [
      profile({ a: "x", b: 7, c: 1.5, d: true, e: null, f: { secret: 1 }, g: [1], h: "y".repeat(70) }),
    ]);
    const tags = ["a tx", "b n7", "c n1.5", "d true", "e null", "f object", "g array", `h t${"y".repeat(64)}`];
    expect(await told(workspaceId)).toEqual(tags.map((tag) => `${tag} p`));
  });

  it("follows a change: what is gone goes, what is new comes, what stays is not written again", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "profiles", [profile({ plan: "Free", city: "Bonn", old: 1 })]);
    await given(workspaceId, "profiles", [profile({ plan: "Pro", city: "Bonn", fresh: 1 }, { rev: 2 })]);
    expect(await told(workspaceId)).toEqual(["city tBonn p", "fresh n1 p", "plan tPro p"]);
  });

  it("is not turned back by a late row", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "profiles", [profile({ plan: "Pro" }, { rev: 2 })]);
    await given(workspaceId, "profiles", [profile({ plan: "Free" })]);
    expect(await told(workspaceId)).toEqual(["plan tPro p"]);
  });

  it("goes when the profile is merged away, and comes back when that is undone", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "profiles", [profile({ plan: "Pro" })]);
    await given(workspaceId, "profiles", [profile({ plan: "Pro" }, { rev: 2, merged_into: "q" })]);
    expect(await told(workspaceId)).toEqual([]);
    await given(workspaceId, "profiles", [profile({ plan: "Pro" }, { rev: 3 })]);
    expect(await told(workspaceId)).toEqual(["plan tPro p"]);
  });

  it.each(["DELETE FROM profile_properties", "INSERT INTO profiles ", "INSERT INTO profile_properties"])(
    "is right in the end when D1 goes away before %s",
    async (statement) => {
      const workspaceId = aWorkspace();
      await given(workspaceId, "profiles", [profile({ plan: "Free", old: 1 })]);
      const prepare = env.DB.prepare.bind(env.DB);
      vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
        if (sql.includes(statement)) throw new Error("D1_ERROR: Network connection lost.");
        return prepare(sql);
      });
      const row = profile({ plan: "Pro" }, { rev: 2 });
      const sent = [{ id: "p", json: JSON.stringify(row) }];
      expect((await project(env.DB, workspaceId, "profiles", sent)).written).toEqual([]);
      vi.restoreAllMocks();
      expect((await project(env.DB, workspaceId, "profiles", sent)).written).toEqual(["p"]);
      expect(await told(workspaceId)).toEqual(["plan tPro p"]);
    },
  );

  it("makes no row poison when its table is missing: D1 counts as away", async () => {
    const prepare = env.DB.prepare.bind(env.DB);
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => prepare(sql.replaceAll("profile_properties", "nowhere")));
    const outcome = await project(env.DB, aWorkspace(), "profiles", [aProfileToProject()]);
    expect([outcome.written, outcome.poisoned, outcome.outage]).toEqual([[], [], expect.any(String)]);
  });

  it("goes with the person who is erased, and a late batch brings none of it back", async () => {
    const workspaceId = aWorkspace();
    await given(workspaceId, "profiles", [profile({ plan: "Pro" }), profile({ plan: "Pro" }, { profile_id: "q" })]);
    const person = { profileIds: ["p"], partEventIds: [], erasedAt: NOW_MS };
    expect(await erasePerson(env.DB, workspaceId, person, Number.POSITIVE_INFINITY)).toBe(true);
    expect(await told(workspaceId)).toEqual(["plan tPro q"]);
    await project(env.DB, workspaceId, "profiles", [aProfileToProject(profile({ plan: "Pro" }, { rev: 9 }))]);
    expect(await told(workspaceId)).toEqual(["plan tPro q"]);
  });

  it("does not come back while the erasure is under way", async () => {
    const workspaceId = aWorkspace();
    const row = profile({ plan: "Pro" });
    await given(workspaceId, "profiles", [row]);
    await env.DB.prepare(`DELETE FROM profile_properties WHERE workspace_id = ?1`).bind(workspaceId).run();
    await env.DB.prepare(`INSERT INTO erasures VALUES (?1, 'p', '')`).bind(workspaceId).run();
    await env.DB.prepare(INSERT_PRESENT_PROPERTIES)
      .bind(workspaceId, JSON.stringify([row]))
      .run();
    expect(await told(workspaceId)).toEqual([]);
  });
});

describe("a filter by property", () => {
  it("finds long texts and long names by all of them, and objects by what is in them", async () => {
    const workspaceId = aWorkspace();
    const long = "z".repeat(100);
    await given(workspaceId, "profiles", [
      profile({ [`${long}1`]: `${long}1`, at: { x: 1, y: 2 } }, { profile_id: "one" }),
      profile({ [`${long}2`]: `${long}2`, at: { x: 1, y: 3 } }, { profile_id: "two" }),
    ]);
    expect(await found(workspaceId, `${long}1`, `${long}1`)).toEqual(["one"]);
    expect(await found(workspaceId, `${long}1`, `${long}2`)).toEqual([]);
    expect(await found(workspaceId, "at", { y: 3, x: 1 })).toEqual(["two"]);
  });
});
