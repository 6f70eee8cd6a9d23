// The table `deliveries`: the newest known state of each message that a run asked for, for lists. One delivery by id,
// with its attempts, is the cell's to answer. `rev` decides what is newer; a late row never turns a message back, and
// never says again to whom a message of an erased person went.
import type { DeliveryChannel, DeliveryRow, DeliveryStatus } from "../domain/delivery.ts";
import { NOT_ERASED } from "./erasures.ts";
import { AFTER_EVERY_UUID, uuidV7Floor } from "./uuid-v7-range.ts";

/** Conditions on a list of deliveries; all that are present must hold. */
export interface DeliveryFilters {
  status?: DeliveryStatus;
  channel?: DeliveryChannel;
  /** A profile and those merged into it; an empty list matches nothing. */
  profileIds?: string[];
  enrollmentId?: string;
  journeyKey?: string;
  /** Unix milliseconds of when it was asked for: inclusive, and exclusive. */
  fromMs?: number;
  toMs?: number;
}

/**
 * Writes the rows of `?2` for workspace `?1`, where they are newer than what is there. Those of an erased person too,
 * less what is personal: how their messages ended has to arrive. Whose a message is never changes.
 */
export const UPSERT_DELIVERIES = `
INSERT INTO deliveries (workspace_id, delivery_id, rev, channel, status, reason, attempts, next_attempt_at, profile_id,
  enrollment_id, journey_id, journey_key, step_id, created_at, settled_at, provider_id, target)
SELECT ?1, sent.value ->> 'delivery_id', sent.value ->> 'rev', sent.value ->> 'channel', sent.value ->> 'status',
  sent.value ->> 'reason', sent.value ->> 'attempts', sent.value ->> 'next_attempt_at', sent.value ->> 'profile_id',
  sent.value ->> 'enrollment_id', sent.value ->> 'journey_id', sent.value ->> 'journey_key', sent.value ->> 'step_id',
  sent.value ->> 'created_at', sent.value ->> 'settled_at',
  CASE WHEN ${NOT_ERASED} THEN sent.value ->> 'provider_id' END,
  CASE WHEN ${NOT_ERASED} THEN sent.value ->> 'target' END
FROM json_each(?2) AS sent
WHERE true
ON CONFLICT (workspace_id, delivery_id) DO UPDATE SET
  rev = excluded.rev, status = excluded.status, reason = excluded.reason, attempts = excluded.attempts,
  next_attempt_at = excluded.next_attempt_at, settled_at = excluded.settled_at, provider_id = excluded.provider_id,
  target = excluded.target
WHERE excluded.rev > deliveries.rev`;

// ?1 workspace, ?2 first id, ?3 id before which the page begins, ?4 rows, ?5 status, ?6 channel, ?7 profile ids as
// JSON text, ?8 enrollment, ?9 journey
const MATCHES = `workspace_id = ?1 AND delivery_id >= ?2 AND delivery_id < ?3
  AND (?5 IS NULL OR status = ?5)
  AND (?6 IS NULL OR channel = ?6)
  AND (?7 IS NULL OR profile_id IN (SELECT value FROM json_each(?7)))
  AND (?8 IS NULL OR enrollment_id = ?8)
  AND (?9 IS NULL OR journey_key = ?9)`;

const ROW = `delivery_id, rev, channel, status, reason, attempts, next_attempt_at, profile_id, enrollment_id,
  journey_id, journey_key, step_id, created_at, settled_at, provider_id, target`;

const NEWEST_FIRST = "ORDER BY delivery_id DESC LIMIT ?4";

const selectFrom = (from: string, where = ""): string =>
  `SELECT ${ROW} FROM deliveries ${from} WHERE ${where}${MATCHES} ${NEWEST_FIRST}`;

/** The indexes are named for the same reason as those of `user_events`: SQLite would walk the primary key. */
const LIST_DELIVERIES = {
  all: selectFrom(""),
  byEnrollment: selectFrom("INDEXED BY deliveries_by_enrollment", "enrollment_id = ?8 AND "),
  byJourney: selectFrom("INDEXED BY deliveries_by_journey", "journey_key = ?9 AND "),
  byProfile: selectFrom("INDEXED BY deliveries_by_profile", "profile_id = (?7 ->> 0) AND "),
  // Each profile gives its newest ids, and only those are sorted: a long history costs no more than a page.
  byProfiles: `SELECT ${ROW} FROM deliveries
    WHERE workspace_id = ?1 AND delivery_id IN (
      SELECT newest.value
      FROM json_each(?7) AS person, json_each((
        SELECT json_group_array(delivery_id) FROM (
          SELECT delivery_id FROM deliveries INDEXED BY deliveries_by_profile
          WHERE profile_id = person.value AND ${MATCHES} ${NEWEST_FIRST}
        )
      )) AS newest
      ORDER BY newest.value DESC LIMIT ?4
    )
    ${NEWEST_FIRST}`,
  // A partial index serves a statement that says in its own text what the index holds.
  pending: selectFrom("INDEXED BY deliveries_not_sent", "status = 'pending' AND "),
  skipped: selectFrom("INDEXED BY deliveries_not_sent", "status = 'skipped' AND "),
  failed: selectFrom("INDEXED BY deliveries_not_sent", "status = 'failed' AND "),
} as const;

/** What leads: the narrowest filter. The others are checked row by row. */
function wayInto({ status, profileIds, enrollmentId, journeyKey }: DeliveryFilters): keyof typeof LIST_DELIVERIES {
  if (enrollmentId !== undefined) return "byEnrollment";
  if (profileIds !== undefined) return profileIds.length === 1 ? "byProfile" : "byProfiles";
  if (status !== undefined && status !== "sent") return status;
  return journeyKey === undefined ? "all" : "byJourney";
}

/**
 * Lists the deliveries of a workspace, newest first.
 *
 * @param page `limit` rows; `before`: the `delivery_id` that ended the previous page, `null` for the first
 * @returns the rows, and what to pass as `before` for the next page, `null` when there is none
 */
export async function listDeliveries(
  db: D1Database,
  workspaceId: string,
  filters: DeliveryFilters,
  page: { limit: number; before: string | null },
): Promise<{ rows: DeliveryRow[]; next: string | null }> {
  // Unique, since a profile that is named twice would take two places on the page.
  const profileIds = filters.profileIds && [...new Set(filters.profileIds)];
  const first = filters.fromMs === undefined ? "" : uuidV7Floor(filters.fromMs);
  const end = filters.toMs === undefined ? AFTER_EVERY_UUID : uuidV7Floor(filters.toMs);
  const { results } = await db
    .prepare(LIST_DELIVERIES[wayInto({ ...filters, ...(profileIds && { profileIds }) })])
    .bind(
      workspaceId,
      first,
      page.before !== null && page.before < end ? page.before : end,
      page.limit + 1,
      filters.status ?? null,
      filters.channel ?? null,
      profileIds === undefined ? null : JSON.stringify(profileIds),
      filters.enrollmentId ?? null,
      filters.journeyKey ?? null,
    )
    .all<DeliveryRow>();
  const rows = results.slice(0, page.limit);
  return { rows, next: results.length > page.limit ? (rows.at(-1)?.delivery_id ?? null) : null };
}
