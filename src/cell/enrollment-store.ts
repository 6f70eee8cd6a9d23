// Enrollments of this workspace, and the entry events their later steps read.
import type { EnrollmentRow, EnrollmentStatus, TimelineEntry } from "../domain/enrollment.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import { splitText } from "../domain/text-parts.ts";
import { EnrollmentHistories } from "./enrollment-histories.ts";
import type { Outbox } from "./outbox.ts";
import type { TextParts } from "./text-parts.ts";

export interface Enrollment {
  id: string;
  journeyId: string;
  journeyKey: string;
  version: number;
  profileId: string;
  eventId: string;
  status: EnrollmentStatus;
  reason: string | null;
  stepId: string | null;
  startedAt: number;
  endedAt: number | null;
  convertedAt: number | null;
  timeline: TimelineEntry[];
  rev: number;
  /** A digest of what its journey counts it by; `null` = by the person alone. */
  keyDigest: Uint8Array | null;
}

type StoredEnrollment = {
  id: string;
  journey_id: string;
  journey_key: string;
  version: number;
  profile_id: string;
  event_id: string;
  status: EnrollmentStatus;
  reason: string | null;
  step_id: string | null;
  started_at: number;
  ended_at: number | null;
  converted_at: number | null;
  timeline: string;
  rev: number;
  key_digest: ArrayBuffer | null;
};

const SELECT = `SELECT e.*, j.key AS journey_key FROM enrollments e JOIN journeys j ON j.id = e.journey_id`;

export class EnrollmentStore {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  readonly #parts: TextParts;
  readonly histories: EnrollmentHistories;

  constructor(sql: SqlStorage, outbox: Outbox, parts: TextParts) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.#parts = parts;
    this.histories = new EnrollmentHistories(sql);
  }

  find(id: string): Enrollment | null {
    const row = [...this.#sql.exec<StoredEnrollment>(`${SELECT} WHERE e.id = ?`, id)][0];
    return row === undefined ? null : enrollmentOf(row);
  }

  /**
   * How many runs of a journey a person began after an instant, moved ones included; counts no further than `most`.
   *
   * @param profileIds  the live profile and those merged into it
   */
  startedAfter(profileIds: readonly string[], journeyId: string, instant: number, most: number): number {
    return this.#sql
      .exec<{ starts: number }>(
        `SELECT count(*) AS starts FROM (
           SELECT 1 FROM json_each(?1) p CROSS JOIN enrollments e INDEXED BY enrollments_by_profile
             ON e.profile_id = p.value AND e.journey_id = ?2 AND e.started_at > ?3 LIMIT ?4)`,
        JSON.stringify(profileIds),
        journeyId,
        instant,
        most,
      )
      .one().starts;
  }

  insert(enrollment: Omit<Enrollment, "journeyKey">): void {
    this.#sql.exec(
      `INSERT INTO enrollments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      enrollment.id,
      enrollment.journeyId,
      enrollment.version,
      enrollment.profileId,
      enrollment.eventId,
      enrollment.status,
      enrollment.reason,
      enrollment.stepId,
      enrollment.startedAt,
      enrollment.endedAt,
      enrollment.convertedAt,
      JSON.stringify(enrollment.timeline),
      enrollment.rev,
      enrollment.keyDigest,
    );
    this.histories.began(enrollment, enrollment.startedAt);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** Keeps an entry event's redacted data for the runs it started. */
  keepEntryEvent(eventId: string, event: string, dataJson: string | null, runs: number): void {
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

  /** Keeps an entry event's redacted data for one run more; other runs may have it kept already. */
  shareEntryEvent(eventId: string, event: string, dataJson: string | null): void {
    const kept = this.#sql.exec(`UPDATE entry_events SET runs = runs + 1 WHERE event_id = ? RETURNING 1`, eventId);
    if (kept.toArray().length === 0) this.keepEntryEvent(eventId, event, dataJson, 1);
  }

  /** The event that started a run, while a run that it started lives: its name and its redacted data as JSON text. */
  entryEvent(eventId: string): { event: string; data: string | null } | null {
    const row = [
      ...this.#sql.exec<{ event: string; data: string | null }>(
        `SELECT event, data FROM entry_events WHERE event_id = ?`,
        eventId,
      ),
    ][0];
    return row === undefined ? null : { ...row, data: row.data ?? this.#parts.read("entry_event", eventId) };
  }

  /** Active runs of a profile, oldest first. */
  activeOf(profileId: string): Enrollment[] {
    return [
      ...this.#sql.exec<StoredEnrollment>(
        `${SELECT} WHERE e.profile_id = ? AND e.status = 'active' ORDER BY e.started_at, e.id`,
        profileId,
      ),
    ].map(enrollmentOf);
  }

  /** Hands a run over to another profile: to the one its person was merged into, or back. */
  moveTo(enrollment: Enrollment, profileId: string, entry: TimelineEntry): void {
    this.#sql.exec(
      `UPDATE enrollments SET profile_id = ?, timeline = ?, rev = rev + 1 WHERE id = ?`,
      profileId,
      JSON.stringify([...enrollment.timeline, entry]),
      enrollment.id,
    );
    if (enrollment.status === "active") this.histories.moved(enrollment, profileId);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** Ends an active run, and lets its entry event go with the last run that needs it. */
  end(enrollment: Enrollment, status: Exclude<EnrollmentStatus, "active">, reason: string, now: number): void {
    this.#close(enrollment, status, reason, now);
    this.#releaseEntryEvent(enrollment.eventId);
  }

  /** Ends a run beside the survivor's own. It keeps its entry event, to go on by should the merge be undone. */
  endAsDuplicate(enrollment: Enrollment, now: number): void {
    this.#close(enrollment, "exited", "merged_duplicate", now);
  }

  /** Lets a run go on that {@link endAsDuplicate} ended. */
  revive(enrollment: Enrollment, entry: TimelineEntry): void {
    this.#sql.exec(
      `UPDATE enrollments SET status = 'active', reason = NULL, ended_at = NULL, timeline = ?, rev = rev + 1
       WHERE id = ?`,
      JSON.stringify([...enrollment.timeline, entry]),
      enrollment.id,
    );
    this.histories.revived(enrollment);
    this.#sql.exec(`UPDATE journeys SET exited = exited - 1 WHERE id = ?`, enrollment.journeyId);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  #close(enrollment: Enrollment, status: Exclude<EnrollmentStatus, "active">, reason: string, now: number): void {
    const entry: TimelineEntry = {
      at: new Date(now).toISOString(),
      stepId: enrollment.stepId,
      kind: "ended",
      detail: { status, reason },
    };
    this.#sql.exec(
      `UPDATE enrollments SET status = ?, reason = ?, ended_at = ?, timeline = ?, rev = rev + 1 WHERE id = ?`,
      status,
      reason,
      now,
      JSON.stringify([...enrollment.timeline, entry]),
      enrollment.id,
    );
    this.histories.ended(enrollment);
    this.#sql.exec(`UPDATE journeys SET ${status} = ${status} + 1 WHERE id = ?`, enrollment.journeyId);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /**
   * Takes people out of their runs: active ones end, what tells of the person goes. Ids, instants and how a run
   * ended stay, for counts are made of them.
   */
  erase(profileIds: readonly string[], now: number): void {
    const ids = JSON.stringify(profileIds);
    this.#sql.exec(
      `UPDATE enrollments SET timeline = '[]', key_digest = NULL
       WHERE profile_id IN (SELECT value FROM json_each(?))`,
      ids,
    );
    for (const run of profileIds.flatMap((id) => this.activeOf(id))) this.end(run, "cancelled", "profile_erased", now);
    this.histories.erase(profileIds);
    const entryEvents = this.#sql
      .exec<{ event_id: string }>(
        `DELETE FROM entry_events WHERE event_id IN (
           SELECT event_id FROM enrollments WHERE profile_id IN (SELECT value FROM json_each(?))
         ) RETURNING event_id`,
        ids,
      )
      .toArray();
    this.#parts.remove(
      "entry_event",
      entryEvents.map(({ event_id }) => event_id),
    );
  }

  /** Runs of some people with their timelines, newest first; `before` is the last id of the page before. */
  listOf(profileIds: readonly string[], limit: number, before: string | null): ListPage<Enrollment> {
    const rows = this.#sql.exec<StoredEnrollment>(
      `${SELECT} WHERE e.id IN (
         SELECT id FROM enrollments INDEXED BY enrollments_by_profile
         WHERE profile_id IN (SELECT value FROM json_each(?)) AND id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?
       ) ORDER BY e.id DESC`,
      JSON.stringify(profileIds),
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ timeline }) => timeline.length);
    return { items: items.map(enrollmentOf), more };
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.histories.reload();
  }

  /** How many runs are active, counted from their rows: it reads all of them. */
  countActive(): number {
    return this.#sql
      .exec<{ active: number }>(`SELECT count(*) AS active FROM enrollments WHERE status = 'active'`)
      .one().active;
  }

  /** D1 rows of enrollments, read one by one. */
  *rowsFor(ids: readonly string[]): Generator<{ id: string; rev: number; row: EnrollmentRow }> {
    for (const stored of this.#sql.exec<StoredEnrollment>(
      `SELECT e.*, j.key AS journey_key FROM json_each(?) i
         JOIN enrollments e ON e.id = i.value JOIN journeys j ON j.id = e.journey_id`,
      JSON.stringify(ids),
    )) {
      yield { id: stored.id, rev: stored.rev, row: rowOf(stored) };
    }
  }

  /** The present revision of each of these enrollments that exists. */
  revsOf(ids: readonly string[]): Map<string, number> {
    const cursor = this.#sql.exec<{ id: string; rev: number }>(
      `SELECT e.id, e.rev FROM json_each(?) i JOIN enrollments e ON e.id = i.value`,
      JSON.stringify(ids),
    );
    return new Map(Array.from(cursor, ({ id, rev }) => [id, rev]));
  }

  #releaseEntryEvent(eventId: string): void {
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

function enrollmentOf(row: StoredEnrollment): Enrollment {
  return {
    id: row.id,
    journeyId: row.journey_id,
    journeyKey: row.journey_key,
    version: row.version,
    profileId: row.profile_id,
    eventId: row.event_id,
    status: row.status,
    reason: row.reason,
    stepId: row.step_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    convertedAt: row.converted_at,
    timeline: JSON.parse(row.timeline) as TimelineEntry[],
    rev: row.rev,
    keyDigest: row.key_digest === null ? null : new Uint8Array(row.key_digest),
  };
}

function rowOf(stored: StoredEnrollment): EnrollmentRow {
  const instant = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    enrollment_id: stored.id,
    journey_id: stored.journey_id,
    journey_key: stored.journey_key,
    version: stored.version,
    profile_id: stored.profile_id,
    event_id: stored.event_id,
    status: stored.status,
    reason: stored.reason,
    step_id: stored.step_id,
    started_at: new Date(stored.started_at).toISOString(),
    ended_at: instant(stored.ended_at),
    converted_at: instant(stored.converted_at),
    rev: stored.rev,
  };
}
