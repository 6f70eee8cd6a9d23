// A person's events whole, with receipts and all of their data, newest first and in pages that fit into memory: the
// ids of a page with their sizes first, then as many rows as a page holds.
import type { UserEventRow } from "../domain/event.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import { PART_BYTES } from "../domain/text-parts.ts";
import { readEventData } from "./user-event-parts.ts";
import { AFTER_EVERY_UUID } from "./uuid-v7-range.ts";

const PAGE_EVENTS = 200;
/** What a row has besides its data and receipt, about. */
const ROW_BYTES = 500;

// Each profile gives its newest ids, and only those are sorted.
const NEWEST_IDS = `
SELECT event_id, ifnull(octet_length(data), 0) + octet_length(receipt) + ${ROW_BYTES} + data_parts * ${PART_BYTES} AS bytes
FROM user_events WHERE workspace_id = ?1 AND event_id IN (
  SELECT newest.value
  FROM json_each(?2) AS person, json_each((
    SELECT json_group_array(event_id) FROM (
      SELECT event_id FROM user_events INDEXED BY user_events_by_profile
      WHERE workspace_id = ?1 AND profile_id = person.value AND event_id < ?3 ORDER BY event_id DESC LIMIT ?4
    )
  )) AS newest
  ORDER BY newest.value DESC LIMIT ?4
)
ORDER BY event_id DESC LIMIT ?4`;

const ROWS = `
SELECT event_id, event, profile_id, data, data_parts, reference_id, occurred_at, received_at, redacted_data_paths,
  source, receipt
FROM user_events WHERE workspace_id = ?1 AND event_id IN (SELECT value FROM json_each(?2)) ORDER BY event_id DESC`;

export interface ExportPage {
  rows: UserEventRow[];
  /** What to pass as `before` for the next page; `null` = there is none. */
  next: string | null;
}

/**
 * Reads a page of a person's events.
 *
 * @param profileIds  the profile and those merged into it
 * @param before      `next` of the page before; `null` for the first
 */
export async function exportEvents(
  db: D1Database,
  workspaceId: string,
  profileIds: readonly string[],
  before: string | null,
): Promise<ExportPage> {
  const found = await db
    .prepare(NEWEST_IDS)
    .bind(workspaceId, JSON.stringify(profileIds), before ?? AFTER_EVERY_UUID, PAGE_EVENTS + 1)
    .all<{ event_id: string; bytes: number }>();
  const page: ListPage<{ event_id: string }> = takePage(found.results, PAGE_EVENTS, ({ bytes }) => bytes);
  const ids = page.items.map(({ event_id }) => event_id);
  if (ids.length === 0) return { rows: [], next: null };
  const { results } = await db
    .prepare(ROWS)
    .bind(workspaceId, JSON.stringify(ids))
    .all<UserEventRow & { data_parts: number }>();
  const rows: UserEventRow[] = [];
  for (const { data_parts: parts, ...row } of results) {
    const data = parts === 0 ? row.data : await readEventData(db, workspaceId, row.event_id, parts);
    // Parts that are not all there any more: the event is past its time, and was deleted between the two reads.
    if (parts === 0 || data !== null) rows.push({ ...row, data });
  }
  return { rows, next: page.more ? (ids.at(-1) ?? null) : null };
}
