// The events that started runs, redacted, each once however many runs it started: later steps read them long after
// the outbox has let them go. A run holds its entry event while it is active or a message of it is to be sent.
import type { Json } from "../domain/json.ts";
import { splitText } from "../domain/text-parts.ts";
import type { TextParts } from "./text-parts.ts";

export class EntryEvents {
  readonly #sql: SqlStorage;
  readonly #parts: TextParts;

  constructor(sql: SqlStorage, parts: TextParts) {
    this.#sql = sql;
    this.#parts = parts;
  }

  /** Keeps an event's redacted data for the runs that hold it. */
  keep(eventId: string, event: string, dataJson: string | null, runs: number): void {
    const parts = dataJson === null ? [] : splitText(dataJson);
    this.#parts.put("entry_event", eventId, parts);
    this.#sql.exec(
      `INSERT INTO entry_events VALUES (?, ?, ?, ?)`,
      eventId,
      event,
      parts.length === 0 ? dataJson : null,
      runs,
    );
  }

  /** An event that is kept: its name and its redacted data. */
  find(eventId: string): { event: string; data: Json } | null {
    const row = [
      ...this.#sql.exec<{ event: string; data: string | null }>(
        `SELECT event, data FROM entry_events WHERE event_id = ?`,
        eventId,
      ),
    ][0];
    if (row === undefined) return null;
    const text = row.data ?? this.#parts.read("entry_event", eventId) ?? "{}";
    return { event: row.event, data: JSON.parse(text) as Json };
  }

  /** Keeps an event for one run more; other runs may have it kept already. */
  share(eventId: string, event: string, dataJson: string | null): void {
    if (!this.hold(eventId)) this.keep(eventId, event, dataJson, 1);
  }

  /** Keeps an event that is kept for one more. @returns whether it is */
  hold(eventId: string): boolean {
    const kept = this.#sql.exec(`UPDATE entry_events SET runs = runs + 1 WHERE event_id = ? RETURNING 1`, eventId);
    return kept.toArray().length > 0;
  }

  /** Takes out the events that started runs of these people. */
  erase(profileIds: readonly string[]): void {
    const events = this.#sql
      .exec<{ event_id: string }>(
        `DELETE FROM entry_events WHERE event_id IN (
           SELECT event_id FROM enrollments WHERE profile_id IN (SELECT value FROM json_each(?))
         ) RETURNING event_id`,
        JSON.stringify(profileIds),
      )
      .toArray();
    this.#parts.remove(
      "entry_event",
      events.map(({ event_id }) => event_id),
    );
  }

  /** A run holds the event no more; it goes with the last one. */
  release(eventId: string): void {
    const left = [
      ...this.#sql.exec<{ runs: number }>(
        `UPDATE entry_events SET runs = runs - 1 WHERE event_id = ? RETURNING runs`,
        eventId,
      ),
    ][0];
    if (left === undefined || left.runs > 0) return;
    this.#sql.exec(`DELETE FROM entry_events WHERE event_id = ?`, eventId);
    this.#parts.remove("entry_event", [eventId]);
  }
}
