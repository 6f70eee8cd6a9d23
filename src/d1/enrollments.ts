// The table `enrollments`: the newest known state of each run, for lists. One enrollment by id, with its
// timeline, is the cell's to answer. `rev` decides what is newer; a late row never turns a run back.
import type { EnrollmentRow, EnrollmentStatus } from "../domain/enrollment.ts";
import { AFTER_EVERY_UUID } from "./uuid-v7-range.ts";

/** Conditions on a list of enrollments; all that are present must hold. */
export interface EnrollmentFilters {
  status?: EnrollmentStatus;
  /** A profile and those merged into it; an empty list matches nothing. */
  profileIds?: string[];
  stepId?: string;
  version?: number;
}

/**
 * Writes the rows of `?2` for workspace `?1`, where they are newer than what is there. Those of an erased person too:
 * a run has ids and nothing personal, and its end by the erasure has to arrive.
 */
export const UPSERT_ENROLLMENTS = `
INSERT INTO enrollments (workspace_id, enrollment_id, journey_id, journey_key, version, profile_id, event_id, status,
  reason, step_id, started_at, ended_at, converted_at, rev)
SELECT ?1, sent.value ->> 'enrollment_id', sent.value ->> 'journey_id', sent.value ->> 'journey_key',
  sent.value ->> 'version', sent.value ->> 'profile_id', sent.value ->> 'event_id', sent.value ->> 'status',
  sent.value ->> 'reason', sent.value ->> 'step_id', sent.value ->> 'started_at', sent.value ->> 'ended_at',
  sent.value ->> 'converted_at', sent.value ->> 'rev'
FROM json_each(?2) AS sent
WHERE true
ON CONFLICT (workspace_id, enrollment_id) DO UPDATE SET
  version = excluded.version, profile_id = excluded.profile_id, status = excluded.status, reason = excluded.reason,
  step_id = excluded.step_id, ended_at = excluded.ended_at, converted_at = excluded.converted_at, rev = excluded.rev
WHERE excluded.rev > enrollments.rev`;

// ?1 workspace, ?2 journey, ?3 id before which the page begins, ?4 rows, ?5 status, ?6 profile ids as JSON
// text, ?7 step, ?8 version
const MATCHES = `workspace_id = ?1 AND journey_id = ?2 AND enrollment_id < ?3
  AND (?5 IS NULL OR status = ?5)
  AND (?6 IS NULL OR profile_id IN (SELECT value FROM json_each(?6)))
  AND (?7 IS NULL OR step_id = ?7)
  AND (?8 IS NULL OR version = ?8)`;

const ROW = `enrollment_id, journey_id, journey_key, version, profile_id, event_id, status, reason, step_id,
  started_at, ended_at, converted_at, rev`;

const NEWEST_FIRST = "ORDER BY enrollment_id DESC LIMIT ?4";

/** The indexes are named for the same reason as those of `user_events`: SQLite would walk the primary key. */
const LIST_ENROLLMENTS = {
  byJourney: `SELECT ${ROW} FROM enrollments INDEXED BY enrollments_by_journey WHERE ${MATCHES} ${NEWEST_FIRST}`,
  byProfile: `SELECT ${ROW} FROM enrollments INDEXED BY enrollments_by_profile
    WHERE profile_id = (?6 ->> 0) AND ${MATCHES} ${NEWEST_FIRST}`,
  byProfiles: `SELECT ${ROW} FROM enrollments INDEXED BY enrollments_by_profile
    WHERE profile_id IN (SELECT value FROM json_each(?6)) AND ${MATCHES} ${NEWEST_FIRST}`,
} as const;

function wayInto(filters: EnrollmentFilters): keyof typeof LIST_ENROLLMENTS {
  if (filters.profileIds === undefined) return "byJourney";
  return filters.profileIds.length === 1 ? "byProfile" : "byProfiles";
}

/**
 * Lists the enrollments of one journey, newest first.
 *
 * @param page `limit` rows; `before`: the `enrollment_id` that ended the previous page, `null` for the first
 * @returns the rows, and what to pass as `before` for the next page, `null` when there is none
 */
export async function listEnrollments(
  db: D1Database,
  workspaceId: string,
  journeyId: string,
  filters: EnrollmentFilters,
  page: { limit: number; before: string | null },
): Promise<{ rows: EnrollmentRow[]; next: string | null }> {
  const { results } = await db
    .prepare(LIST_ENROLLMENTS[wayInto(filters)])
    .bind(
      workspaceId,
      journeyId,
      page.before ?? AFTER_EVERY_UUID,
      page.limit + 1,
      filters.status ?? null,
      filters.profileIds === undefined ? null : JSON.stringify(filters.profileIds),
      filters.stepId ?? null,
      filters.version ?? null,
    )
    .all<EnrollmentRow>();
  const rows = results.slice(0, page.limit);
  return { rows, next: results.length > page.limit ? (rows.at(-1)?.enrollment_id ?? null) : null };
}
