// What one journey decided about stored events, out of their receipts.
import { unpackReceipt } from "../domain/receipt.ts";
import type { ReceiptEntry } from "../domain/event.ts";

/**
 * Reads what the receipts of some events say of a journey.
 *
 * @param eventIds  at most as many as fit into one page
 * @returns the reason by event; an event whose receipt does not name the journey is not in it
 */
export async function recordedReasons(
  db: D1Database,
  workspaceId: string,
  journeyId: string,
  eventIds: readonly string[],
): Promise<Map<string, ReceiptEntry["reason"]>> {
  const { results } = await db
    .prepare(
      `SELECT event_id, receipt FROM user_events
       WHERE workspace_id = ?1 AND event_id IN (SELECT value FROM json_each(?2))`,
    )
    .bind(workspaceId, JSON.stringify(eventIds))
    .all<{ event_id: string; receipt: string }>();
  const reasons = new Map<string, ReceiptEntry["reason"]>();
  for (const { event_id, receipt } of results) {
    const entry = unpackReceipt(receipt).journeys.find((decided) => decided.journeyId === journeyId);
    if (entry !== undefined) reasons.set(event_id, entry.reason);
  }
  return reasons;
}
