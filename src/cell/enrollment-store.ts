// Enrollments of this workspace, and the entry events their later steps read.
import type { EnrollmentRow, EnrollmentStatus, TimelineEntry } from "../domain/enrollment.ts";
import type { EnrollmentHistory } from "../domain/eligibility.ts";
import type { Outbox } from "./outbox.ts";

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
};

const SELECT = `SELECT e.*, j.key AS journey_key FROM enrollments e JOIN journeys j ON j.id = e.journey_id`;

/** People come in bursts of events; a history is kept in memory for this many of them, unless it is a long one. */
const MAX_KNOWN_HISTORIES = 2_000;
const MAX_KNOWN_JOURNEYS = 50;

export class EnrollmentStore {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  /** Histories read lately, as the table has them: this object is the only writer. */
  readonly #histories = new Map<string, ReadonlyMap<string, EnrollmentHistory>>();

  constructor(sql: SqlStorage, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
  }

  find(id: string): Enrollment | null {
    const row = [...this.#sql.exec<StoredEnrollment>(`${SELECT} WHERE e.id = ?`, id)][0];
    return row === undefined ? null : enrollmentOf(row);
  }

  /**
   * What a person has behind them, by journey. Runs that are active moved with their profile at a merge; when
   * the last one began stays with the profile it was of, so that is counted over all it was merged from.
   *
   * @param profileIds  the live profile and those merged into it
   */
  histories(profileIds: readonly string[]): ReadonlyMap<string, EnrollmentHistory> {
    const [only, ...merged] = profileIds;
    if (only !== undefined && merged.length === 0) return this.#historiesOf(only);
    const histories = new Map<string, EnrollmentHistory>();
    for (const profileId of profileIds) {
      for (const [journeyId, { lastStartedAt, active }] of this.#historiesOf(profileId)) {
        const known = histories.get(journeyId);
        histories.set(journeyId, {
          lastStartedAt: Math.max(lastStartedAt ?? 0, known?.lastStartedAt ?? 0),
          active: active + (known?.active ?? 0),
        });
      }
    }
    return histories;
  }

  #historiesOf(profileId: string): ReadonlyMap<string, EnrollmentHistory> {
    const known = this.#histories.get(profileId);
    if (known !== undefined) return known;
    const histories = new Map<string, EnrollmentHistory>();
    for (const row of this.#sql.exec<{ journey_id: string; last_started_at: number; active: number }>(
      `SELECT journey_id, last_started_at, active FROM enrollment_histories WHERE profile_id = ?`,
      profileId,
    )) {
      histories.set(row.journey_id, { lastStartedAt: row.last_started_at, active: row.active });
    }
    if (histories.size <= MAX_KNOWN_JOURNEYS) {
      if (this.#histories.size >= MAX_KNOWN_HISTORIES) this.#histories.clear();
      this.#histories.set(profileId, histories);
    }
    return histories;
  }

  insert(enrollment: Omit<Enrollment, "journeyKey">): void {
    this.#histories.delete(enrollment.profileId);
    this.#sql.exec(
      `INSERT INTO enrollments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    );
    this.#sql.exec(
      `INSERT INTO enrollment_histories VALUES (?1, ?2, ?3, 1)
       ON CONFLICT DO UPDATE SET last_started_at = max(last_started_at, ?3), active = active + 1`,
      enrollment.profileId,
      enrollment.journeyId,
      enrollment.startedAt,
    );
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** Keeps an entry event's redacted data for the runs it started. */
  keepEntryEvent(eventId: string, event: string, dataJson: string | null, runs: number): void {
    this.#sql.exec(`INSERT INTO entry_events VALUES (?, ?, ?, ?)`, eventId, event, dataJson, runs);
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

  /** Hands a run over to the profile its person was merged into. */
  moveTo(enrollment: Enrollment, profileId: string, entry: TimelineEntry): void {
    this.#sql.exec(
      `UPDATE enrollments SET profile_id = ?, timeline = ?, rev = rev + 1 WHERE id = ?`,
      profileId,
      JSON.stringify([...enrollment.timeline, entry]),
      enrollment.id,
    );
    this.#addActive(enrollment.profileId, enrollment.journeyId, -1);
    this.#addActive(profileId, enrollment.journeyId, 1);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** Ends an active run, and lets its entry event go with the last run that needs it. */
  end(enrollment: Enrollment, status: Exclude<EnrollmentStatus, "active">, reason: string, now: number): void {
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
    this.#addActive(enrollment.profileId, enrollment.journeyId, -1);
    this.#sql.exec(`UPDATE journeys SET ${status} = ${status} + 1 WHERE id = ?`, enrollment.journeyId);
    this.#sql.exec(`UPDATE entry_events SET runs = runs - 1 WHERE event_id = ?`, enrollment.eventId);
    this.#sql.exec(`DELETE FROM entry_events WHERE event_id = ? AND runs <= 0`, enrollment.eventId);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#histories.clear();
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

  /** A run that moved has a row with its new profile too; when it began still counts with the old one. */
  #addActive(profileId: string, journeyId: string, runs: 1 | -1): void {
    this.#histories.delete(profileId);
    this.#sql.exec(
      `INSERT INTO enrollment_histories VALUES (?1, ?2, 0, ?3)
       ON CONFLICT DO UPDATE SET active = active + ?3`,
      profileId,
      journeyId,
      runs,
    );
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
