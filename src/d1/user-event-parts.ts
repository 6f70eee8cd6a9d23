// The table `user_event_parts`: data of events that is too large for their row. Parts come before their event and
// go after it, so that an event that can be read can be read whole.
import { NOT_ERASED } from "./erasures.ts";
import { uuidV7Floor } from "./uuid-v7-range.ts";

/** Writes the rows of `?2` for workspace `?1`; what is there already stays as it is. */
export const INSERT_USER_EVENT_PARTS = `
INSERT INTO user_event_parts (workspace_id, event_id, part, text)
SELECT ?1, sent.value ->> 'event_id', sent.value ->> 'part', sent.value ->> 'text'
FROM json_each(?2) AS sent
WHERE ${NOT_ERASED}
ON CONFLICT (workspace_id, event_id, part) DO NOTHING`;

/**
 * Puts an event's data together.
 *
 * @param parts  how many there are
 * @returns JSON text, or `null` when a part is missing
 */
export async function readEventData(
  db: D1Database,
  workspaceId: string,
  eventId: string,
  parts: number,
): Promise<string | null> {
  const { results } = await db
    .prepare(`SELECT text FROM user_event_parts WHERE workspace_id = ?1 AND event_id = ?2 ORDER BY part`)
    .bind(workspaceId, eventId)
    .all<{ text: string }>();
  return results.length === parts ? results.map(({ text }) => text).join("") : null;
}

/**
 * Deletes the parts of the oldest events of a workspace, at most `limit` of them.
 *
 * @param beforeMs Unix milliseconds of receipt, exclusive
 * @returns how many were deleted; fewer than `limit` means that none is left
 */
export async function deleteEventPartsBefore(
  db: D1Database,
  workspaceId: string,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM user_event_parts WHERE workspace_id = ?1 AND (event_id, part) IN (
        SELECT event_id, part FROM user_event_parts WHERE workspace_id = ?1 AND event_id < ?2
        ORDER BY event_id, part LIMIT ?3
      )`,
    )
    .bind(workspaceId, uuidV7Floor(beforeMs), limit)
    .run();
  return meta.changes;
}
