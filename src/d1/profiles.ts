// The table `profiles`: the newest known state of each person, for lists and searches. One profile by id is
// the cell's to answer. `rev` decides what is newer; a late row never turns a profile back.
import type { Json } from "../domain/json.ts";
import { PAGE_BYTES } from "../domain/list-page.ts";
import type { ProfileRow } from "../domain/profile.ts";
import { NOT_ERASED } from "./erasures.ts";
import { MAY_PASS_FILTER } from "./profile-properties.ts";
import { AFTER_EVERY_UUID } from "./uuid-v7-range.ts";

/** Conditions on a list of profiles; all that are present must hold. */
export interface ProfileQuery {
  /** Part of an e-mail, phone or external id, letter case aside, taken literally. */
  search?: string;
  profileIds?: string[];
  /** A top-level property `id` equals one of `values` (compared as JSON, the order of keys aside). */
  propertyFilter?: { id: string; values: Json[] }[];
}

/** Where a page of profiles begins: after (older than) or before (newer than) the named profile. */
export interface ProfileCursor {
  direction: "next" | "previous";
  profileId: string;
}

/** Writes the rows of `?2` for workspace `?1`, where they are newer than what is there. */
export const UPSERT_PROFILES = `
INSERT INTO profiles (workspace_id, profile_id, rev, merged_into, email, phone, external_id, created_at, updated_at,
  sources, search_text, aliases, merged_from, properties)
SELECT ?1, sent.value ->> 'profile_id', sent.value ->> 'rev', sent.value ->> 'merged_into', sent.value ->> 'email',
  sent.value ->> 'phone', sent.value ->> 'external_id', sent.value ->> 'created_at', sent.value ->> 'updated_at',
  sent.value ->> 'sources', sent.value ->> 'search_text', sent.value ->> 'aliases', sent.value ->> 'merged_from',
  sent.value ->> 'properties'
FROM json_each(?2) AS sent
WHERE ${NOT_ERASED}
ON CONFLICT (workspace_id, profile_id) DO UPDATE SET
  rev = excluded.rev, merged_into = excluded.merged_into, email = excluded.email, phone = excluded.phone,
  external_id = excluded.external_id, created_at = excluded.created_at, updated_at = excluded.updated_at,
  sources = excluded.sources, search_text = excluded.search_text, aliases = excluded.aliases,
  merged_from = excluded.merged_from, properties = excluded.properties
WHERE excluded.rev > profiles.rev`;

// Both sides are JSON, so a key or a string with a lone surrogate compares too. Numbers compare by value;
// objects and arrays by the set of their leaves and where they stand, whatever the order of keys.
const SAME_JSON = `CASE WHEN wanted.type IN ('object', 'array') THEN
    own.type = wanted.type
    AND NOT EXISTS (SELECT fullkey, type, atom FROM json_tree(wanted.value)
                    EXCEPT SELECT fullkey, type, atom FROM json_tree(own.value))
    AND NOT EXISTS (SELECT fullkey, type, atom FROM json_tree(own.value)
                    EXCEPT SELECT fullkey, type, atom FROM json_tree(wanted.value))
  ELSE own.atom IS wanted.atom AND replace(own.type, 'real', 'integer') = replace(wanted.type, 'real', 'integer') END`;

// ?1 workspace, ?2 needle in lower case, ?3 property filter as JSON text, ?4 profile ids as JSON text
const MATCHES = `workspace_id = ?1 AND merged_into IS NULL
  AND (?2 IS NULL OR instr(search_text, ?2) > 0)
  AND (?3 IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(?3) AS clause WHERE NOT EXISTS (
      SELECT 1 FROM json_each(profiles.properties) AS own, json_each(clause.value, '$.values') AS wanted
      WHERE own.key = clause.value ->> 'id' AND ${SAME_JSON}
    )
  ))`;

const ROW = `profile_id, email, phone, external_id, aliases, sources, properties, search_text, merged_into, merged_from,
  created_at, updated_at, rev`;

const ROW_BYTES = `octet_length(properties) + octet_length(aliases) + octet_length(merged_from) + octet_length(search_text)`;

function statements(ids: string): { matching: string; next: string; previous: string } {
  return {
    matching: `SELECT count(*) AS count, max(profile_id) AS newest, min(profile_id) AS oldest
      FROM profiles WHERE ${MATCHES} AND ${ids}`,
    next: pageStatement(`${ids} AND profile_id < ?5`, "profile_id DESC"),
    previous: pageStatement(`${ids} AND profile_id > ?5`, "profile_id"),
  };
}

/**
 * At most ?6 rows from a position on, fewer where they are large (@see src/domain/list-page.ts). At least one: the
 * projector writes no row that is half a page.
 */
function pageStatement(position: string, order: string): string {
  return `SELECT ${ROW} FROM profiles WHERE workspace_id = ?1 AND profile_id IN (
      SELECT profile_id FROM (
        SELECT profile_id, sum(bytes) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) AS total FROM (
          SELECT profile_id, ${ROW_BYTES} AS bytes FROM profiles WHERE ${MATCHES} AND ${position}
          ORDER BY ${order} LIMIT ?6))
      WHERE total <= ${PAGE_BYTES})
    ORDER BY ${order}`;
}

/**
 * Named profiles are looked up by key, those of a property by what is told of it. A search walks the workspace's
 * profiles in order, and so does the list of all.
 */
const LIST_PROFILES = {
  all: statements("?4 IS NULL"),
  byIds: statements("profile_id IN (SELECT value FROM json_each(?4))"),
  byProperty: statements(`?4 IS NULL AND profile_id IN (${MAY_PASS_FILTER})`),
} as const;

function wayInto({ profileIds, propertyFilter }: ProfileQuery): keyof typeof LIST_PROFILES {
  if (profileIds !== undefined) return "byIds";
  return propertyFilter === undefined || propertyFilter.length === 0 ? "all" : "byProperty";
}

/**
 * Lists profiles, newest first, without those merged away.
 *
 * @param query see {@link ProfileQuery}
 * @param page  `limit` rows, fewer where they are large; `cursor`: where to begin, `null` for the newest
 * @returns the rows (newest first in both directions), how many match in all, and the profile ids to go on
 *   from in each direction, `null` where there is nothing more
 */
export async function listProfiles(
  db: D1Database,
  workspaceId: string,
  query: ProfileQuery,
  page: { limit: number; cursor: ProfileCursor | null },
): Promise<{ rows: ProfileRow[]; count: number; previous: string | null; next: string | null }> {
  const direction = page.cursor?.direction ?? "next";
  const list = LIST_PROFILES[wayInto(query)];
  const filters = [
    workspaceId,
    query.search?.toLowerCase() ?? null,
    query.propertyFilter === undefined ? null : JSON.stringify(query.propertyFilter),
    query.profileIds === undefined ? null : JSON.stringify(query.profileIds),
  ];
  const [pageOf, matching] = await db.batch([
    db.prepare(list[direction]).bind(...filters, page.cursor?.profileId ?? AFTER_EVERY_UUID, page.limit),
    db.prepare(list.matching).bind(...filters),
  ]);
  const rows = (pageOf?.results ?? []) as ProfileRow[];
  if (direction === "previous") rows.reverse();
  const matched = matching?.results[0] as { count: number; newest: string | null; oldest: string | null } | undefined;
  const { count, newest, oldest } = matched ?? { count: 0, newest: null, oldest: null };
  // An empty page still leads back: the rows it was to show may have been erased meanwhile.
  const first = rows[0]?.profile_id ?? page.cursor?.profileId;
  const last = rows.at(-1)?.profile_id ?? page.cursor?.profileId;
  return {
    rows,
    count,
    previous: first !== undefined && newest !== null && newest > first ? first : null,
    next: last !== undefined && oldest !== null && oldest < last ? last : null,
  };
}
