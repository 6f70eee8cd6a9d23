import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonEquals, type Json, type JsonObject } from "../../src/domain/json.ts";
import type { ProfileRow } from "../../src/domain/profile.ts";
import { listProfiles, type ProfileCursor, type ProfileQuery } from "../../src/d1/profiles.ts";
import { aProfileRow, aWorkspace, given } from "./builders.ts";

const ALL = { limit: 200, cursor: null };

async function matching(workspaceId: string, query: ProfileQuery): Promise<string[]> {
  return (await listProfiles(env.DB, workspaceId, query, ALL)).rows.map((row) => row.profile_id).toReversed();
}

/** Profiles of a new workspace, oldest first, and the page reader over their ids. */
async function aListOf(size: number): Promise<{
  ids: string[];
  workspaceId: string;
  page: (limit: number, direction?: ProfileCursor["direction"], profileId?: string | null) => ReturnType<typeof seen>;
}> {
  const workspaceId = aWorkspace();
  const rows = await given(
    workspaceId,
    "profiles",
    Array.from({ length: size }, () => aProfileRow()),
  );
  return {
    ids: rows.map((row) => row.profile_id),
    workspaceId,
    page: (limit, direction, profileId) =>
      seen(workspaceId, limit, direction && profileId ? { direction, profileId } : null),
  };
}

async function seen(workspaceId: string, limit: number, cursor: ProfileCursor | null) {
  const { rows, ...rest } = await listProfiles(env.DB, workspaceId, {}, { limit, cursor });
  return { ids: rows.map((row) => row.profile_id), ...rest };
}

describe("listProfiles", () => {
  it("gives every column of a row", async () => {
    const workspaceId = aWorkspace();
    const rows = await given(workspaceId, "profiles", [
      aProfileRow({
        phone: "+491701234567",
        external_id: "crm-1",
        aliases: '[{"kind":"email","value":"old@example.com"}]',
        sources: '["api","segment"]',
        properties: '{"plan":"Pro"}',
        merged_from: '["p0"]',
        rev: 7,
      }),
    ]);
    expect(await listProfiles(env.DB, workspaceId, {}, ALL)).toEqual({ rows, count: 1, previous: null, next: null });
  });

  it("walks forward and back over the same pages, newest first", async () => {
    const { ids, page } = await aListOf(7);
    const [p1, p2, p3, p4, p5, p6, p7] = ids;
    const first = await page(3);
    expect(first).toEqual({ ids: [p7, p6, p5], count: 7, previous: null, next: p5 });
    const second = await page(3, "next", first.next);
    expect(second).toEqual({ ids: [p4, p3, p2], count: 7, previous: p4, next: p2 });
    const third = await page(3, "next", second.next);
    expect(third).toEqual({ ids: [p1], count: 7, previous: p1, next: null });
    expect(await page(3, "previous", third.previous)).toEqual(second);
    expect(await page(3, "previous", second.previous)).toEqual(first);
  });

  it("keeps pages stable while profiles arrive, and leads back to the new ones", async () => {
    const { ids, workspaceId, page } = await aListOf(4);
    const first = await page(2);
    const [newer] = await given(workspaceId, "profiles", [aProfileRow()]);
    const second = await page(2, "next", first.next);
    expect(second).toMatchObject({ ids: [ids[1], ids[0]], count: 5 });
    expect(await page(2, "previous", second.previous)).toMatchObject({ ids: first.ids, previous: ids[3] });
    expect(await page(2, "previous", ids[3])).toMatchObject({ ids: [newer!.profile_id], previous: null });
  });

  it("leads back from a page whose rows were erased meanwhile", async () => {
    const { ids, workspaceId, page } = await aListOf(2);
    await env.DB.prepare("DELETE FROM profiles WHERE workspace_id = ?1 AND profile_id = ?2")
      .bind(workspaceId, ids[0])
      .run();
    const older = await given(workspaceId, "profiles", [aProfileRow()]);
    expect(await page(1, "next", ids[1])).toEqual({ ids: [], count: 2, previous: ids[1], next: null });
    expect(await page(1, "previous", ids[1])).toMatchObject({ ids: [older[0]!.profile_id] });
  });

  it("ends at a newest profile that was erased meanwhile, and leads on from there", async () => {
    const { ids, workspaceId, page } = await aListOf(2);
    await env.DB.prepare("DELETE FROM profiles WHERE workspace_id = ?1 AND profile_id = ?2")
      .bind(workspaceId, ids[1])
      .run();
    expect(await page(1, "previous", ids[1])).toEqual({ ids: [], count: 1, previous: null, next: ids[1] });
    expect(await page(1, "next", ids[1])).toMatchObject({ ids: [ids[0]] });
  });

  it("does not list or count profiles that were merged away", async () => {
    const workspaceId = aWorkspace();
    const survivor = aProfileRow();
    const merged = aProfileRow({ merged_into: survivor.profile_id });
    await given(workspaceId, "profiles", [survivor, merged]);
    for (const query of [{}, { profileIds: [survivor.profile_id, merged.profile_id] }, { search: "ada" }]) {
      expect(await listProfiles(env.DB, workspaceId, query, ALL)).toMatchObject({ rows: [survivor], count: 1 });
    }
  });

  it("finds named profiles, of this workspace only, and counts all of them beyond the page", async () => {
    const { ids, workspaceId } = await aListOf(4);
    const { ids: theirs } = await aListOf(1);
    const query = { profileIds: [ids[0]!, ids[2]!, ids[3]!, theirs[0]!, "nobody"] };
    const { rows, ...rest } = await listProfiles(env.DB, workspaceId, query, { limit: 2, cursor: null });
    expect(rows.map((row) => row.profile_id)).toEqual([ids[3], ids[2]]);
    expect(rest).toEqual({ count: 3, previous: null, next: ids[2] });
    expect(await matching(workspaceId, { profileIds: [] })).toEqual([]);
  });
});

describe("search", () => {
  const texts = [
    "ada@example.com\n+491701234567\ncrm-100%",
    "bob_x@example.com",
    "o'brien@example.com",
    "ünal@émail.com\n\ufffd",
  ];
  const found = async (search: string): Promise<number[]> => {
    const workspaceId = aWorkspace();
    const rows = await given(
      workspaceId,
      "profiles",
      texts.map((search_text) => aProfileRow({ search_text })),
    );
    const ids = await matching(workspaceId, { search });
    return ids.map((id) => rows.findIndex((row) => row.profile_id === id));
  };

  it.each([
    ["a part", "@example", [0, 1, 2]],
    ["another letter case", "ADA@Ex", [0]],
    ["a phone number", "70123", [0]],
    ["an external id", "CRM-1", [0]],
    ["a percent sign, literally", "0%", [0]],
    ["a percent sign that is not there", "a%", []],
    ["an underscore, literally", "b_x", [1]],
    ["an underscore that is not there", "a_a", []],
    ["an apostrophe", "O'B", [2]],
    ["letters outside ASCII, whatever their case", "ÜNAL@É", [3]],
    ["an empty text", "", [0, 1, 2, 3]],
    ["a needle longer than LIKE could take", "x".repeat(60_000), []],
    ["a replacement character", "\ufffd", [3]],
    ["no lone surrogate in it", "\ud800", []],
  ])("finds %s", async (_, search, expected) => {
    expect(await found(search)).toEqual(expected);
  });
});

describe("property filter", () => {
  const aWith = (properties: JsonObject): ProfileRow => aProfileRow({ properties: JSON.stringify(properties) });
  const filter = (id: string, ...values: Json[]): ProfileQuery => ({ propertyFilter: [{ id, values }] });

  it("wants every clause, and one of each clause's values", async () => {
    const workspaceId = aWorkspace();
    const rows = [
      aWith({ plan: "Pro", seats: 3 }),
      aWith({ plan: "Pro", seats: 4 }),
      aWith({ plan: "Free", seats: 3 }),
    ];
    await given(workspaceId, "profiles", rows);
    const ids = rows.map((row) => row.profile_id);
    expect(await matching(workspaceId, filter("plan", "Pro"))).toEqual([ids[0], ids[1]]);
    expect(await matching(workspaceId, filter("plan", "Free", "Pro"))).toEqual(ids);
    const both = { propertyFilter: [...filter("plan", "Pro").propertyFilter!, ...filter("seats", 3).propertyFilter!] };
    expect(await matching(workspaceId, both)).toEqual([ids[0]]);
    expect(await matching(workspaceId, filter("plan"))).toEqual([]);
    expect(await matching(workspaceId, { propertyFilter: [] })).toEqual(ids);
    expect(await matching(workspaceId, { ...filter("plan", "Pro"), profileIds: [ids[1]!, ids[2]!] })).toEqual([ids[1]]);
  });

  it("knows a property that is null from one that is missing", async () => {
    const workspaceId = aWorkspace();
    const [, withNull] = await given(workspaceId, "profiles", [aWith({}), aWith({ plan: null })]);
    expect(await matching(workspaceId, filter("plan", null))).toEqual([withNull!.profile_id]);
  });

  it("takes hostile names and values literally", async () => {
    const workspaceId = aWorkspace();
    const names = ["__proto__", "a.b", '"', "'", "$.x", "", "\u0000", "\ud800", "é", "0", "[0]"];
    const rows = names.map((name) => aProfileRow({ properties: `{${JSON.stringify(name)}:${JSON.stringify(name)}}` }));
    await given(workspaceId, "profiles", rows);
    for (const [i, name] of names.entries()) {
      expect(await matching(workspaceId, filter(name, name)), JSON.stringify(name)).toEqual([rows[i]!.profile_id]);
    }
  });

  it("compares as jsonEquals does: by type and content, the order of keys aside", async () => {
    const scalars: Json[] = [null, true, false, 0, 1, -1, 1.5, 1e21, 1e-7, 2 ** 53, "", "1", "true", "null", "é"];
    const texts: Json[] = ["\u0000", "\ud800", "\ufffd", "[]", "{}", "[1]", '{"a":1}'];
    const arrays: Json[] = [[], [1], [1, 2], [2, 1], ["1"], [[1]], [null], [{}]];
    const nested: Json[] = [{ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }, { b: [{}], a: 1 }, { a: { b: 1 } }];
    const objects: Json[] = [{}, { a: 1 }, { a: "1" }, { "a.b": 1 }, { "": {} }, { a: [] }, { a: {} }, { '"': 1 }];
    const values = [...scalars, ...texts, ...arrays, ...nested, ...objects, { "\ud800": 1 }, { "\ufffd": 1 }];
    const workspaceId = aWorkspace();
    const rows = await given(
      workspaceId,
      "profiles",
      values.map((value) => aWith({ is: value })),
    );
    for (const wanted of values) {
      const expected = rows.filter((_, i) => jsonEquals(values[i], wanted)).map((row) => row.profile_id);
      expect(await matching(workspaceId, filter("is", wanted)), JSON.stringify(wanted)).toEqual(expected);
    }
  });

  it("finds any value that a property holds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), fc.jsonValue({ stringUnit: "binary" }), async (name, value) => {
        const workspaceId = aWorkspace();
        const properties = `{${JSON.stringify(name)}:${JSON.stringify(value)}}`;
        const [row] = await given(workspaceId, "profiles", [aProfileRow({ properties })]);
        const wanted = JSON.parse(JSON.stringify(value)) as Json;
        expect(await matching(workspaceId, filter(name, wanted))).toEqual([row!.profile_id]);
        expect(await matching(workspaceId, filter(name, [wanted]))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 20_000);
});
