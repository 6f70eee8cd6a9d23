// The log of merges: who was made one with whom, why, what moved, and whether it was undone. A row holds all that
// undoing its merge needs and that is nowhere else.
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { IdentityOfKind, SurvivorChange } from "../domain/unmerge.ts";

/** What a merge did, as a row of the log has it. */
export interface MovedByMerge {
  /** What the merged profile owned. */
  identities: IdentityOfKind[];
  /** Ids of active runs that went over to the survivor. */
  enrollments: string[];
  /** Ids of runs that the merge ended: the survivor had one of the same journey. */
  ended: string[];
  /** Names of properties that the merge filled, and that the request itself did not write. */
  properties: string[];
  /** Rows of before merges could be undone have none. */
  survivor?: SurvivorChange;
}

export interface LoggedMerge {
  id: string;
  /** Unix milliseconds. */
  at: number;
  survivorId: string;
  mergedId: string;
  /** `event` or `profile.upsert`. */
  cause: string;
  eventId: string | null;
  moved: Pick<MovedByMerge, "identities" | "enrollments">;
  /** Unix milliseconds. */
  undoneAt: number | null;
}

type StoredMerge = {
  id: string;
  at: number;
  survivor_id: string;
  merged_id: string;
  cause: string;
  event_id: string | null;
  moved: string;
  undone_at: number | null;
};

export interface UndoableMerge {
  id: string;
  undoneAt: number | null;
  moved: MovedByMerge;
}

/** Writes a merge down. */
export function logMerge(
  sql: SqlStorage,
  merge: Omit<LoggedMerge, "moved" | "undoneAt"> & { moved: Required<MovedByMerge> },
): void {
  sql.exec(
    `INSERT INTO profile_merges VALUES (?, ?, ?, ?, ?, ?, ?, NULL)`,
    merge.id,
    merge.at,
    merge.survivorId,
    merge.mergedId,
    merge.cause,
    merge.eventId,
    JSON.stringify(merge.moved),
  );
}

/** The last time that one profile was merged into another, with all that undoing it needs. */
export function lastMerge(sql: SqlStorage, survivorId: string, mergedId: string): UndoableMerge | null {
  const row = [
    ...sql.exec<Pick<StoredMerge, "id" | "moved" | "undone_at">>(
      `SELECT id, moved, undone_at FROM profile_merges
       WHERE survivor_id = ? AND merged_id = ? ORDER BY id DESC LIMIT 1`,
      survivorId,
      mergedId,
    ),
  ][0];
  return row === undefined
    ? null
    : { id: row.id, undoneAt: row.undone_at, moved: JSON.parse(row.moved) as MovedByMerge };
}

/** Notes that a merge was undone; its row stays. */
export function noteUndone(sql: SqlStorage, id: string, now: number): void {
  sql.exec(`UPDATE profile_merges SET undone_at = ? WHERE id = ?`, now, id);
}

/** Merges that any of these profiles had a part in, newest first; `before` is the last id of the page before. */
export function mergesOf(
  sql: SqlStorage,
  profileIds: readonly string[],
  limit: number,
  before: string | null,
): ListPage<LoggedMerge> {
  // The survivor of a merge that stands is one of them whenever the merged profile is.
  const rows = sql.exec<StoredMerge>(
    `SELECT id, at, survivor_id, merged_id, cause, event_id, moved, undone_at FROM profile_merges WHERE id IN (
       SELECT id FROM profile_merges INDEXED BY profile_merges_by_survivor
         WHERE survivor_id IN (SELECT value FROM json_each(?1)) AND id < coalesce(?2, 'g')
       UNION SELECT id FROM profile_merges INDEXED BY profile_merges_undone
         WHERE merged_id IN (SELECT value FROM json_each(?1)) AND undone_at IS NOT NULL AND id < coalesce(?2, 'g')
       ORDER BY id DESC LIMIT ?3
     ) ORDER BY id DESC`,
    JSON.stringify(profileIds),
    before,
    limit + 1,
  );
  const { items, more } = takePage(rows, limit, ({ moved }) => moved.length);
  return { items: items.map(mergeOf), more };
}

/** Takes people out of the log: it holds identities, and of an erased person nobody can ask any more. */
export function forgetMergesOf(sql: SqlStorage, profileIds: readonly string[]): void {
  sql.exec(
    `DELETE FROM profile_merges WHERE id IN (
       SELECT id FROM profile_merges INDEXED BY profile_merges_by_survivor
         WHERE survivor_id IN (SELECT value FROM json_each(?1))
       UNION SELECT id FROM profile_merges INDEXED BY profile_merges_undone
         WHERE merged_id IN (SELECT value FROM json_each(?1)) AND undone_at IS NOT NULL
     )`,
    JSON.stringify(profileIds),
  );
}

function mergeOf(row: StoredMerge): LoggedMerge {
  const { identities, enrollments } = JSON.parse(row.moved) as MovedByMerge;
  return {
    id: row.id,
    at: row.at,
    survivorId: row.survivor_id,
    mergedId: row.merged_id,
    cause: row.cause,
    eventId: row.event_id,
    moved: { identities, enrollments },
    undoneAt: row.undone_at,
  };
}
