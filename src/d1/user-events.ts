// The table `user_events`: accepted events, newest first. Every statement is static SQL that names the index
// it runs on: without statistics SQLite prefers the primary key, which reads a whole workspace for one
// person's events. INDEXED BY makes that an error instead of a slow query.
import type { UserEventRow } from "../domain/event.ts";
import { NOT_ERASED } from "./erasures.ts";
import { readEventData } from "./user-event-parts.ts";
import { AFTER_EVERY_UUID, uuidV7Floor } from "./uuid-v7-range.ts";

/** A list leaves larger payloads out; the single read has them whole. @see docs/api.md */
const MAX_LISTED_DATA_BYTES = 16 * 1024;

/** Conditions on a list of events; all that are present must hold. */
export interface EventFilters {
  /** Exact event name. */
  event?: string;
  /** A profile and those merged into it; an empty list matches nothing. */
  profileIds?: string[];
  referenceId?: string;
  /** Unix milliseconds of receipt, inclusive. */
  fromMs?: number;
  /** Unix milliseconds of receipt, exclusive. */
  toMs?: number;
}

/** An event in a list: no receipt; `data` is `null` with `data_omitted` 1 where it is over 16 KiB. */
export type ListedEventRow = Omit<UserEventRow, "receipt" | "data_parts"> & { data_omitted: 0 | 1 };

/** Writes the rows of `?2` for workspace `?1`; what is there already stays as it is. */
export const INSERT_USER_EVENTS = `
WITH sent AS MATERIALIZED (SELECT value FROM json_each(?2))
INSERT INTO user_events (workspace_id, event_id, event, profile_id, reference_id, occurred_at, received_at,
  source, redacted_data_paths, data, data_parts, receipt)
SELECT ?1, sent.value ->> 'event_id', sent.value ->> 'event', sent.value ->> 'profile_id',
  sent.value ->> 'reference_id', sent.value ->> 'occurred_at', sent.value ->> 'received_at',
  sent.value ->> 'source', sent.value ->> 'redacted_data_paths', sent.value ->> 'data', ifnull(sent.value ->> 'data_parts', 0), sent.value ->> 'receipt'
FROM sent
WHERE ${NOT_ERASED}
ON CONFLICT (workspace_id, event_id) DO NOTHING`;

// ?1 workspace, ?2 first id, ?3 id before which the page begins, ?4 rows, ?5 listed bytes,
// ?6 event, ?7 profile ids as JSON text, ?8 reference. Every list has all of them: D1 refuses to bind what a
// statement does not use.
const MATCHES = `workspace_id = ?1 AND event_id >= ?2 AND event_id < ?3
  AND (?6 IS NULL OR event = ?6)
  AND (?7 IS NULL OR profile_id IN (SELECT value FROM json_each(?7)))
  AND (?8 IS NULL OR reference_id = ?8)`;

const LISTED = `event_id, event, profile_id, reference_id, occurred_at, received_at, source, redacted_data_paths,
  CASE WHEN octet_length(data) <= ?5 THEN data END AS data, ifnull(octet_length(data) > ?5, data_parts > 0) AS data_omitted`;

const NEWEST_FIRST = "ORDER BY event_id DESC LIMIT ?4";

/** One statement for each way into the table. The narrowest filter leads, the others are checked row by row. */
const LIST_EVENTS = {
  all: `SELECT ${LISTED} FROM user_events WHERE ${MATCHES} ${NEWEST_FIRST}`,
  byEvent: `SELECT ${LISTED} FROM user_events INDEXED BY user_events_by_event
    WHERE event = ?6 AND ${MATCHES} ${NEWEST_FIRST}`,
  byReference: `SELECT ${LISTED} FROM user_events INDEXED BY user_events_by_reference
    WHERE reference_id = ?8 AND ${MATCHES} ${NEWEST_FIRST}`,
  byProfile: `SELECT ${LISTED} FROM user_events INDEXED BY user_events_by_profile
    WHERE profile_id = (?7 ->> 0) AND ${MATCHES} ${NEWEST_FIRST}`,
  // Each profile gives its newest ids, and only those are sorted: a long history costs no more than a page.
  byProfiles: `SELECT ${LISTED} FROM user_events
    WHERE workspace_id = ?1 AND event_id IN (
      SELECT newest.value
      FROM json_each(?7) AS person, json_each((
        SELECT json_group_array(event_id) FROM (
          SELECT event_id FROM user_events INDEXED BY user_events_by_profile
          WHERE profile_id = person.value AND ${MATCHES} ${NEWEST_FIRST}
        )
      )) AS newest
      ORDER BY newest.value DESC LIMIT ?4
    )
    ${NEWEST_FIRST}`,
} as const;

function wayInto({ event, profileIds, referenceId }: EventFilters): keyof typeof LIST_EVENTS {
  if (referenceId !== undefined) return "byReference";
  if (profileIds !== undefined) return profileIds.length === 1 ? "byProfile" : "byProfiles";
  return event === undefined ? "all" : "byEvent";
}

/**
 * Lists events, newest first. A page that was read stays the same page while rows arrive: it is anchored at
 * an event, not at a count.
 *
 * @param filters all optional, see {@link EventFilters}
 * @param page    `limit` rows; `before`: the `event_id` that ended the previous page, `null` for the first
 * @returns the rows, and what to pass as `before` for the next page, `null` when there is none
 */
export async function listEvents(
  db: D1Database,
  workspaceId: string,
  filters: EventFilters,
  page: { limit: number; before: string | null },
): Promise<{ rows: ListedEventRow[]; next: string | null }> {
  // Unique, since a profile that is named twice would take two places on the page.
  const profileIds = filters.profileIds && [...new Set(filters.profileIds)];
  const first = filters.fromMs === undefined ? "" : uuidV7Floor(filters.fromMs);
  const end = filters.toMs === undefined ? AFTER_EVERY_UUID : uuidV7Floor(filters.toMs);
  const { results } = await db
    .prepare(LIST_EVENTS[wayInto(filters)])
    .bind(
      workspaceId,
      first,
      page.before !== null && page.before < end ? page.before : end,
      page.limit + 1,
      MAX_LISTED_DATA_BYTES,
      filters.event ?? null,
      profileIds === undefined ? null : JSON.stringify(profileIds),
      filters.referenceId ?? null,
    )
    .all<ListedEventRow>();
  const rows = results.slice(0, page.limit);
  return { rows, next: results.length > page.limit ? (rows.at(-1)?.event_id ?? null) : null };
}

/** Reads one event with its receipt and its whole data; `null` when this workspace has none of this id. */
export async function readEvent(db: D1Database, workspaceId: string, eventId: string): Promise<UserEventRow | null> {
  const stored = await db
    .prepare(
      `SELECT event_id, event, profile_id, data, data_parts, reference_id, occurred_at, received_at,
        redacted_data_paths, source, receipt
      FROM user_events WHERE workspace_id = ?1 AND event_id = ?2`,
    )
    .bind(workspaceId, eventId)
    .first<UserEventRow & { data_parts: number }>();
  if (stored === null) return null;
  const { data_parts: parts, ...row } = stored;
  if (parts === 0) return row;
  const data = await readEventData(db, workspaceId, eventId, parts);
  // Deleted between the two reads.
  return data === null ? null : { ...row, data };
}

/**
 * Deletes the oldest events of a workspace, at most `limit` of them, so that retention works in slices
 * between which other statements run.
 *
 * @param beforeMs Unix milliseconds of receipt, exclusive
 * @returns how many were deleted; fewer than `limit` means that none is left
 */
export async function deleteEventsBefore(
  db: D1Database,
  workspaceId: string,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM user_events WHERE workspace_id = ?1 AND event_id IN (
        SELECT event_id FROM user_events WHERE workspace_id = ?1 AND event_id < ?2 ORDER BY event_id LIMIT ?3
      )`,
    )
    .bind(workspaceId, uuidV7Floor(beforeMs), limit)
    .run();
  return meta.changes;
}
