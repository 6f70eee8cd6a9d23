// Enrollments of this workspace, and everything that has to change with one: its timer, what it listens to, counts,
// the entry event its later steps read, its mark for D1.
import { endRun } from "../domain/advance.ts";
import type { EnrollmentRow, TimelineEntry } from "../domain/enrollment.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import { packRun, timerOf, type Advanced, type Run, type RunEffect, type RunInput } from "../domain/run.ts";
import { DeliveryStore } from "./delivery-store.ts";
import { EnrollmentHistories } from "./enrollment-histories.ts";
import { enrollmentOf, readModelRowOf, type Enrollment, type StoredEnrollment } from "./enrollment-row.ts";
import { EntryEvents } from "./entry-events.ts";
import type { Outbox } from "./outbox.ts";
import { RunTimers } from "./run-timers.ts";
import { RunWaits } from "./run-waits.ts";
import type { TextParts } from "./text-parts.ts";

export type { Enrollment } from "./enrollment-row.ts";

const COLUMNS = "e.*, j.key AS journey_key, j.status AS journey_status";
const SELECT = `SELECT ${COLUMNS} FROM enrollments e JOIN journeys j ON j.id = e.journey_id`;

/** How an active run may end from outside. */
export type EndStatus = Extract<RunInput, { kind: "end" }>["status"];

/** Why a run ended beside the survivor's own. */
const MERGED_DUPLICATE = "merged_duplicate";

/** How much of the table one look for runs goes through. */
const SCANNED_ROWS = 1_000;

/** An enrollment that is made, before its run has done anything. */
export type NewEnrollment = Pick<
  Enrollment,
  "id" | "journeyId" | "version" | "profileId" | "eventId" | "startedAt" | "keyDigest"
>;

/** Which active runs of a journey are meant; all that is present must hold. */
export interface RunFilter {
  journeyId: string;
  version?: number;
  stepId?: string;
  /** Unix milliseconds, exclusive. */
  startedBefore?: number;
}

export class EnrollmentStore {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  readonly histories: EnrollmentHistories;
  readonly timers: RunTimers;
  readonly waits: RunWaits;
  readonly entryEvents: EntryEvents;
  readonly deliveries: DeliveryStore;

  constructor(sql: SqlStorage, outbox: Outbox, parts: TextParts) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.histories = new EnrollmentHistories(sql);
    this.timers = new RunTimers(sql);
    this.waits = new RunWaits(sql);
    this.entryEvents = new EntryEvents(sql, parts);
    this.deliveries = new DeliveryStore(sql, outbox, parts);
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

  /**
   * Inserts an enrollment whose run has taken its first steps.
   *
   * @returns whether it holds its entry event
   */
  insert(enrollment: NewEnrollment, { run, timeline, effects }: Advanced): boolean {
    this.#sql.exec(
      `INSERT INTO enrollments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      enrollment.id,
      enrollment.journeyId,
      enrollment.version,
      enrollment.profileId,
      enrollment.eventId,
      run.status,
      run.reason,
      run.stepId,
      enrollment.startedAt,
      run.endedAt,
      run.convertedAt,
      JSON.stringify(timeline),
      1,
      enrollment.keyDigest,
      packRun(run),
    );
    this.histories.began(enrollment, enrollment.startedAt);
    for (const effect of effects) this.#follow(enrollment, null, effect);
    this.#outbox.markChanged("enrollments", enrollment.id);
    return run.status === "active" || effects.some(({ kind }) => kind === "deliver");
  }

  /**
   * Stores what an input made of a run, with all that follows from it here; deliveries and the profile are the
   * caller's, before.
   *
   * @param version  the one it is on from now
   */
  store(enrollment: Enrollment, { run, timeline, effects }: Advanced, version = enrollment.version): void {
    if (run !== enrollment.run || timeline.length > 0) this.#write({ ...enrollment, version }, run, timeline);
    const dueBefore = timerOf(enrollment.run)?.at ?? null;
    for (const effect of effects) this.#follow(enrollment, dueBefore, effect);
    if (effects.some(({ kind }) => kind === "ended")) this.releaseEntryEvent(enrollment);
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

  /** Hands a run over to another profile, whose events it hears from then on: of a merge, or back. */
  moveTo(enrollment: Enrollment, profileId: string, entry: TimelineEntry): void {
    this.#sql.exec(
      `UPDATE enrollments SET profile_id = ?, timeline = ?, run = ?, rev = rev + 1 WHERE id = ?`,
      profileId,
      JSON.stringify([...enrollment.timeline, entry]),
      packRun({ ...enrollment.run, at: Date.parse(entry.at) }),
      enrollment.id,
    );
    if (enrollment.status === "active") this.histories.moved(enrollment, profileId);
    this.waits.move(enrollment.id, enrollment.profileId, profileId);
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** Ends an active run from outside, and lets its entry event go with the last run that needs it. */
  end(enrollment: Enrollment, status: EndStatus, reason: string, now: number): void {
    this.store(enrollment, endRun(enrollment.run, { status, reason }, now));
  }

  /**
   * Ends a run beside the survivor's own. It keeps what it would go on by should the merge be undone: its entry event,
   * its wait, and what it listens to, under a profile that no event comes to meanwhile.
   */
  endAsDuplicate(enrollment: Enrollment, now: number): void {
    const ended = endRun(enrollment.run, { status: "exited", reason: MERGED_DUPLICATE }, now);
    this.#write(enrollment, { ...ended.run, wait: enrollment.run.wait }, ended.timeline);
    const dueBefore = timerOf(enrollment.run)?.at ?? null;
    for (const effect of ended.effects) if (effect.kind !== "listen") this.#follow(enrollment, dueBefore, effect);
  }

  /** Lets a run go on that {@link endAsDuplicate} ended. */
  revive(enrollment: Enrollment, entry: TimelineEntry): void {
    const at = Date.parse(entry.at);
    const run: Run = { ...enrollment.run, status: "active", reason: null, endedAt: null, at };
    this.#write(enrollment, run, [entry]);
    this.timers.change(
      { enrollmentId: enrollment.id, journeyId: enrollment.journeyId },
      null,
      timerOf(run)?.at ?? null,
    );
    this.histories.revived(enrollment);
    this.#sql.exec(`UPDATE journeys SET exited = exited - 1 WHERE id = ?`, enrollment.journeyId);
  }

  /**
   * Takes people out of their runs: active ones end, what tells of the person goes. Ids, instants and how a run
   * ended stay, for counts are made of them.
   *
   * @returns the addresses that e-mails of these runs were to go to, lower-cased
   */
  erase(profileIds: readonly string[], now: number): string[] {
    const ids = JSON.stringify(profileIds);
    this.#sql.exec(
      `UPDATE enrollments SET timeline = '[]', key_digest = NULL
       WHERE profile_id IN (SELECT value FROM json_each(?))`,
      ids,
    );
    const writtenTo = this.deliveries.erase(profileIds, now);
    for (const run of profileIds.flatMap((id) => this.activeOf(id))) this.end(run, "cancelled", "profile_erased", now);
    this.waits.erase(profileIds);
    this.histories.erase(profileIds);
    this.entryEvents.erase(profileIds);
    return writtenTo;
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

  /** Lets a run's entry event go once neither it nor a message of it needs it. */
  releaseEntryEvent({ id, eventId, reason }: Pick<Enrollment, "id" | "eventId" | "reason">): void {
    if (reason !== MERGED_DUPLICATE && !this.deliveries.hasPending(id)) this.entryEvents.release(eventId);
  }

  /** Holds a run's entry event for a message that is to be sent once more, unless something of the run holds it still. */
  holdEntryEvent({ id, eventId, status, reason }: Enrollment): void {
    if (status === "active" || reason === MERGED_DUPLICATE || this.deliveries.hasPending(id)) return;
    this.entryEvents.hold(eventId);
  }

  /**
   * Looks for active runs of a journey, from one enrollment on, a stretch of the table at a time.
   *
   * @param after  the last id that was looked at; the empty string = from the first
   * @returns ids, at most `most`, and where to go on; `null` = the end was reached
   */
  scan(filter: RunFilter, after: string, most: number): { ids: string[]; next: string | null } {
    const rows = this.#sql
      .exec<{ id: string; meant: number }>(
        `SELECT id, status = 'active' AND journey_id = ?1 AND (?2 IS NULL OR version = ?2)
           AND (?3 IS NULL OR step_id = ?3) AND (?4 IS NULL OR started_at < ?4) AS meant
         FROM enrollments WHERE id > ?5 ORDER BY id LIMIT ${SCANNED_ROWS}`,
        filter.journeyId,
        filter.version ?? null,
        filter.stepId ?? null,
        filter.startedBefore ?? null,
        after,
      )
      .toArray();
    const meant = rows.filter((row) => row.meant === 1).map(({ id }) => id);
    if (meant.length > most) return { ids: meant.slice(0, most), next: meant[most - 1] as string };
    return { ids: meant, next: rows.length < SCANNED_ROWS ? null : (rows.at(-1)?.id ?? null) };
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    for (const store of [this.histories, this.timers, this.waits, this.deliveries.work]) store.reload();
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
      `SELECT ${COLUMNS} FROM json_each(?) i
         JOIN enrollments e ON e.id = i.value JOIN journeys j ON j.id = e.journey_id`,
      JSON.stringify(ids),
    )) {
      yield { id: stored.id, rev: stored.rev, row: readModelRowOf(stored) };
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

  #write(enrollment: Enrollment, run: Run, timeline: TimelineEntry[]): void {
    this.#sql.exec(
      `UPDATE enrollments SET version = ?, status = ?, reason = ?, step_id = ?, ended_at = ?, converted_at = ?,
         timeline = ?, run = ?, rev = rev + 1 WHERE id = ?`,
      enrollment.version,
      run.status,
      run.reason,
      run.stepId,
      run.endedAt,
      run.convertedAt,
      JSON.stringify([...enrollment.timeline, ...timeline]),
      packRun(run),
      enrollment.id,
    );
    this.#outbox.markChanged("enrollments", enrollment.id);
  }

  /** @param dueBefore  when the timer that the run has is due; `null` = it has none */
  #follow(run: NewEnrollment, dueBefore: number | null, effect: RunEffect): void {
    switch (effect.kind) {
      case "timer":
        this.timers.change({ enrollmentId: run.id, journeyId: run.journeyId }, dueBefore, effect.timer?.at ?? null);
        break;
      case "listen":
        this.waits.set({ profileId: run.profileId, enrollmentId: run.id }, effect.events);
        break;
      case "converted":
        this.#count("converted", run.journeyId);
        break;
      case "ended":
        this.histories.ended(run);
        this.#count(effect.status, run.journeyId);
        break;
      case "deliver":
      case "patch_profile":
        break;
    }
  }

  #count(column: "converted" | Exclude<Enrollment["status"], "active">, journeyId: string): void {
    this.#sql.exec(`UPDATE journeys SET ${column} = ${column} + 1 WHERE id = ?`, journeyId);
  }
}
