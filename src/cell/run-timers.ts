// When runs are due: one timer a run. Those of paused journeys are put aside when they come due, so that what is held
// costs nothing while it is held. The next instant is kept in memory: every event asks whether anything is overdue.

/** A run's timer. `dueAt` is Unix milliseconds. */
export interface DueTimer {
  enrollmentId: string;
  dueAt: number;
}

type StoredTimer = { enrollment_id: string; due_at: number };

export class RunTimers {
  readonly #sql: SqlStorage;
  /** `undefined` = to be read again. */
  #nextAt: number | null | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** When the next timer is due, Unix milliseconds; `null` = there is none. One look-up at most. */
  nextAt(): number | null {
    if (this.#nextAt === undefined) {
      const first = this.#sql.exec<{ due_at: number }>(`SELECT due_at FROM run_timers ORDER BY due_at LIMIT 1`);
      this.#nextAt = [...first][0]?.due_at ?? null;
    }
    return this.#nextAt;
  }

  /** The first timers that are due, by instant, then by which run began first. */
  due(now: number, limit: number): DueTimer[] {
    const rows = this.#sql.exec<StoredTimer>(
      `SELECT enrollment_id, due_at FROM run_timers WHERE due_at <= ? ORDER BY due_at, enrollment_id LIMIT ?`,
      now,
      limit,
    );
    return Array.from(rows, ({ enrollment_id, due_at }) => ({ enrollmentId: enrollment_id, dueAt: due_at }));
  }

  /**
   * Gives a run another timer.
   *
   * @param before  when the one it has is due; `null` = it has none
   * @param after   when the new one is; `null` = it needs none
   */
  change(
    { enrollmentId, journeyId }: { enrollmentId: string; journeyId: string },
    before: number | null,
    after: number | null,
  ): void {
    if (before === after) return;
    if (before !== null && !this.remove({ enrollmentId, dueAt: before })) {
      this.#sql.exec(
        `DELETE FROM held_timers WHERE journey_id = ? AND due_at = ? AND enrollment_id = ?`,
        journeyId,
        before,
        enrollmentId,
      );
    }
    if (after !== null) this.#put(after, enrollmentId);
  }

  /** @returns whether there was one */
  remove({ enrollmentId, dueAt }: DueTimer): boolean {
    const { rowsWritten } = this.#sql.exec(
      `DELETE FROM run_timers WHERE due_at = ? AND enrollment_id = ?`,
      dueAt,
      enrollmentId,
    );
    if (dueAt === this.#nextAt) this.#nextAt = undefined;
    return rowsWritten > 0;
  }

  /** Puts a due timer aside until its journey goes on. */
  hold(timer: DueTimer, journeyId: string): void {
    if (!this.remove(timer)) return;
    this.#sql.exec(`INSERT INTO held_timers VALUES (?, ?, ?)`, journeyId, timer.dueAt, timer.enrollmentId);
  }

  /**
   * Lets timers that were put aside go on, a slice at a time.
   *
   * @returns whether there may be more
   */
  resume(journeyId: string, limit: number): boolean {
    const rows = this.#sql
      .exec<StoredTimer>(
        `SELECT due_at, enrollment_id FROM held_timers WHERE journey_id = ? ORDER BY due_at, enrollment_id LIMIT ?`,
        journeyId,
        limit,
      )
      .toArray();
    for (const { due_at: dueAt, enrollment_id: enrollmentId } of rows) {
      this.change({ enrollmentId, journeyId }, null, dueAt);
      this.#sql.exec(
        `DELETE FROM held_timers WHERE journey_id = ? AND due_at = ? AND enrollment_id = ?`,
        journeyId,
        dueAt,
        enrollmentId,
      );
    }
    return rows.length === limit;
  }

  /** Journeys that go on and have timers put aside still. */
  journeysToResume(): string[] {
    return [
      ...this.#sql.exec<{ id: string }>(
        `SELECT id FROM journeys j
         WHERE status = 'active' AND EXISTS (SELECT 1 FROM held_timers h WHERE h.journey_id = j.id)`,
      ),
    ].map(({ id }) => id);
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#nextAt = undefined;
  }

  #put(dueAt: number, enrollmentId: string): void {
    this.#sql.exec(`INSERT INTO run_timers VALUES (?, ?) ON CONFLICT DO NOTHING`, dueAt, enrollmentId);
    if (this.#nextAt === null || (this.#nextAt !== undefined && dueAt < this.#nextAt)) this.#nextAt = dueAt;
  }
}
