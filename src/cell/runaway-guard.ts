// The runaway guard: a journey that takes people faster than its limit takes no more until somebody releases it.
// A stop is a row, so that it outlives this object; what it is told by is counted in memory, and read again from
// the enrollments themselves when it is first asked for: an entry costs no row of its own.
import { uuidV7Floor } from "../d1/uuid-v7-range.ts";
import type { EntryLimit } from "../domain/eligibility.ts";
import { EntryWindow } from "../domain/entry-window.ts";
import type { ListeningJourney } from "../domain/matching.ts";

export class RunawayGuard {
  readonly #sql: SqlStorage;
  readonly #workspaceLimit: () => EntryLimit | null;
  readonly #stopped = new Set<string>();
  readonly #windows = new Map<string, EntryWindow>();

  /** @param workspaceLimit  for journeys that name none of their own */
  constructor(sql: SqlStorage, workspaceLimit: () => EntryLimit | null) {
    this.#sql = sql;
    this.#workspaceLimit = workspaceLimit;
    this.reload();
  }

  /**
   * Whether a journey takes nobody more: it was stopped, or one more would be past its limit.
   *
   * @param now   Unix milliseconds, as enrollments have it
   * @param more  entries to count that were only rehearsed
   */
  isRunaway({ id, runaway }: Pick<ListeningJourney, "id" | "runaway">, now: number, more = 0): boolean {
    if (this.#stopped.has(id)) return true;
    const limit = runaway ?? this.#workspaceLimit();
    return limit !== null && this.#windowOf(id, limit.perMs, now).count(now) + more >= limit.enrollments;
  }

  /** Counts an entry, whatever it was let in by. */
  entered(journeyId: string, now: number): void {
    this.#windows.get(journeyId)?.add(now);
  }

  /** Stops a journey; one that is stopped stays as it is. */
  stop(journeyId: string, now: number): void {
    if (this.#stopped.has(journeyId)) return;
    this.#sql.exec(
      `UPDATE journeys SET stopped_at = ?1, skipped_since = coalesce(skipped_since, ?1) WHERE id = ?2`,
      now,
      journeyId,
    );
    this.#stopped.add(journeyId);
  }

  /** Lets a stopped journey go on; its entries count from now. */
  release(journeyId: string, now: number): void {
    if (!this.#stopped.has(journeyId)) return;
    this.#sql.exec(
      `UPDATE journeys SET stopped_at = NULL, released_at = ?1, updated_at = ?1 WHERE id = ?2`,
      now,
      journeyId,
    );
    this.#stopped.delete(journeyId);
    this.#windows.delete(journeyId);
  }

  /** Since when what a stop kept out waits to be replayed, Unix milliseconds; `null` = nothing does. */
  skippedSince(journeyId: string): number | null {
    return this.#sql
      .exec<{ since: number | null }>(`SELECT skipped_since AS since FROM journeys WHERE id = ?`, journeyId)
      .one().since;
  }

  /**
   * Notes that what was kept out has been replayed; what a stop that stands keeps out still waits.
   *
   * @param beforeMs  Unix milliseconds up to which; `null` = all of it
   */
  redriven(journeyId: string, beforeMs: number | null): void {
    this.#sql.exec(
      `UPDATE journeys SET skipped_since = CASE WHEN ?1 IS NULL THEN stopped_at ELSE max(skipped_since, ?1) END
       WHERE id = ?2 AND skipped_since IS NOT NULL`,
      beforeMs,
      journeyId,
    );
  }

  /** Lets what has entered so far count no more. */
  countFrom(journeyId: string, now: number): void {
    this.#sql.exec(`UPDATE journeys SET released_at = ? WHERE id = ?`, now, journeyId);
    this.#windows.delete(journeyId);
  }

  /** Reads the stops again, and forgets what was counted: after a transaction that was rolled back. */
  reload(): void {
    this.#windows.clear();
    this.#stopped.clear();
    for (const { id } of this.#sql.exec<{ id: string }>(`SELECT id FROM journeys WHERE stopped_at IS NOT NULL`)) {
      this.#stopped.add(id);
    }
  }

  #windowOf(journeyId: string, perMs: number, now: number): EntryWindow {
    const known = this.#windows.get(journeyId);
    if (known?.perMs === perMs) return known;
    const window = new EntryWindow(perMs);
    // Ids of runs are by the clock, their starts by that of events, which never goes back and so may be ahead.
    const oldestId = uuidV7Floor(Math.min(now, Date.now()) - perMs);
    for (const { started_at } of this.#sql.exec<{ started_at: number }>(
      `SELECT e.started_at FROM journeys j CROSS JOIN enrollments e
       WHERE j.id = ?1 AND e.id >= ?2 AND e.journey_id = ?1 AND e.started_at > max(?3, coalesce(j.released_at, 0))
       ORDER BY e.started_at`,
      journeyId,
      oldestId,
      now - perMs,
    )) {
      window.add(started_at);
    }
    this.#windows.set(journeyId, window);
    return window;
  }
}
