// Events of one name in the order they were received, for what looks at the past as it went by. A page ends by bytes
// too: payloads may be large, and all of them are read.
import type { UserEventRow } from "../domain/event.ts";
import { PAGE_BYTES } from "../domain/list-page.ts";
import { readEventData } from "./user-event-parts.ts";
import { uuidV7Floor } from "./uuid-v7-range.ts";

/** An event as far as deciding it again needs it; its instant is the one inside its id. */
export type PastEventRow = Pick<UserEventRow, "event_id" | "profile_id" | "data" | "redacted_data_paths">;

/** What a row takes up besides its payload, about. */
const ROW_BYTES = 500;

// ?1 workspace, ?2 event, ?3 id after which the page begins, ?4 id before which all ends, ?5 rows.
// The first row always comes: no row is as large as a page.
const NEXT_EVENTS = `SELECT event_id, profile_id, data, data_parts, redacted_data_paths FROM user_events
  WHERE workspace_id = ?1 AND event_id IN (
    SELECT event_id FROM (
      SELECT event_id, sum(bytes) OVER (ORDER BY event_id ROWS UNBOUNDED PRECEDING) AS total FROM (
        SELECT event_id, ${ROW_BYTES} + ifnull(octet_length(data), 0) AS bytes
        FROM user_events INDEXED BY user_events_by_event
        WHERE workspace_id = ?1 AND event = ?2 AND event_id > ?3 AND event_id < ?4
        ORDER BY event_id LIMIT ?5))
    WHERE total <= ${PAGE_BYTES})
  ORDER BY event_id`;

/**
 * Reads the next events of a name, oldest first, with their whole data.
 *
 * @param span   Unix milliseconds of receipt, from inclusive, to exclusive
 * @param after  the last event of the page before, `null` for the first page
 * @param limit  rows at most; fewer come where they are large, and none only at the end
 */
export async function readEventHistory(
  db: D1Database,
  workspaceId: string,
  event: string,
  span: { fromMs: number; toMs: number },
  after: string | null,
  limit: number,
): Promise<PastEventRow[]> {
  // Shorter than any id of that instant, so that it stands before all of them.
  const first = uuidV7Floor(span.fromMs).slice(0, -1);
  const { results } = await db
    .prepare(NEXT_EVENTS)
    .bind(workspaceId, event, after ?? first, uuidV7Floor(span.toMs), limit)
    .all<PastEventRow & { data_parts: number }>();
  const events: PastEventRow[] = [];
  for (const { data_parts: parts, ...row } of results) {
    const data = parts === 0 ? row.data : await readEventData(db, workspaceId, row.event_id, parts);
    // Deleted between the two reads.
    if (parts > 0 && data === null) continue;
    events.push({ ...row, data });
    // One payload in parts may be a page of its own; the others are read again with the next page.
    if (parts > 0) break;
  }
  const last = results.at(-1);
  if (events.length > 0 || last === undefined) return events;
  return await readEventHistory(db, workspaceId, event, span, last.event_id, limit);
}
