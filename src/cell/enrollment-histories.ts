// What each person has behind them in each journey: all that eligibility asks, in one look-up per event, and in one
// more for each journey that counts by a key. Runs that are active move with their profile at a merge; when the last
// one began stays with the profile it was of, so that is counted over all it was merged from.
import type { EnrollmentHistory } from "../domain/eligibility.ts";

/** Whose run it is, of which journey, and what the journey counts it by. */
export interface RunPlace {
  profileId: string;
  journeyId: string;
  /** 16 bytes; `null` = by the person alone. */
  keyDigest: Uint8Array | null;
}

type StoredHistory = { last_started_at: number; active: number };

export const NEVER_ENROLLED: EnrollmentHistory = { lastStartedAt: null, active: 0 };

/** People come in bursts of events; a history is kept in memory for this many of them, unless it is a long one. */
const MAX_KNOWN_HISTORIES = 2_000;
const MAX_KNOWN_JOURNEYS = 50;

export class EnrollmentHistories {
  readonly #sql: SqlStorage;
  /** Histories read lately, as the table has them: this object is the only writer. */
  readonly #known = new Map<string, ReadonlyMap<string, EnrollmentHistory>>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * What a person has behind them, by journey, whatever a journey counts by.
   *
   * @param profileIds  the live profile and those merged into it
   */
  ofPerson(profileIds: readonly string[]): ReadonlyMap<string, EnrollmentHistory> {
    const [only, ...merged] = profileIds;
    if (only !== undefined && merged.length === 0) return this.#ofProfile(only);
    const histories = new Map<string, EnrollmentHistory>();
    for (const profileId of profileIds) {
      for (const [journeyId, history] of this.#ofProfile(profileId)) {
        histories.set(journeyId, together(history, histories.get(journeyId)));
      }
    }
    return histories;
  }

  /** What a person has behind them in one journey under one key. */
  underKey(profileIds: readonly string[], journeyId: string, keyDigest: Uint8Array): EnrollmentHistory {
    let history = NEVER_ENROLLED;
    for (const row of this.#sql.exec<StoredHistory>(
      `SELECT h.last_started_at, h.active FROM json_each(?1) p
         CROSS JOIN keyed_histories h ON h.profile_id = p.value AND h.journey_id = ?2 AND h.key_digest = ?3`,
      JSON.stringify(profileIds),
      journeyId,
      keyDigest,
    )) {
      history = together(historyOf(row), history);
    }
    return history;
  }

  /** Counts a run that began. */
  began({ profileId, journeyId, keyDigest }: RunPlace, at: number): void {
    this.#known.delete(profileId);
    this.#sql.exec(
      `INSERT INTO enrollment_histories VALUES (?1, ?2, ?3, 1)
       ON CONFLICT DO UPDATE SET last_started_at = max(last_started_at, ?3), active = active + 1`,
      profileId,
      journeyId,
      at,
    );
    if (keyDigest === null) return;
    this.#sql.exec(
      `INSERT INTO keyed_histories VALUES (?1, ?2, ?3, ?4, 1)
       ON CONFLICT DO UPDATE SET last_started_at = max(last_started_at, ?4), active = active + 1`,
      profileId,
      journeyId,
      keyDigest,
      at,
    );
  }

  /** Counts a run that ended. */
  ended(place: RunPlace): void {
    this.#addActive(place, -1);
  }

  /** Counts a run again that had ended. */
  revived(place: RunPlace): void {
    this.#addActive(place, 1);
  }

  /** Counts a run with the profile it was handed over to; when it began still counts with the one it was of. */
  moved(place: RunPlace, profileId: string): void {
    this.#addActive(place, -1);
    this.#addActive({ ...place, profileId }, 1);
  }

  /** Takes people out. */
  erase(profileIds: readonly string[]): void {
    for (const id of profileIds) this.#known.delete(id);
    for (const table of ["enrollment_histories", "keyed_histories"]) {
      this.#sql.exec(
        `DELETE FROM ${table} WHERE profile_id IN (SELECT value FROM json_each(?))`,
        JSON.stringify(profileIds),
      );
    }
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#known.clear();
  }

  #ofProfile(profileId: string): ReadonlyMap<string, EnrollmentHistory> {
    const known = this.#known.get(profileId);
    if (known !== undefined) return known;
    const histories = new Map<string, EnrollmentHistory>();
    for (const row of this.#sql.exec<StoredHistory & { journey_id: string }>(
      `SELECT journey_id, last_started_at, active FROM enrollment_histories WHERE profile_id = ?`,
      profileId,
    )) {
      histories.set(row.journey_id, historyOf(row));
    }
    if (histories.size <= MAX_KNOWN_JOURNEYS) {
      if (this.#known.size >= MAX_KNOWN_HISTORIES) this.#known.clear();
      this.#known.set(profileId, histories);
    }
    return histories;
  }

  #addActive({ profileId, journeyId, keyDigest }: RunPlace, runs: 1 | -1): void {
    this.#known.delete(profileId);
    this.#sql.exec(
      `INSERT INTO enrollment_histories VALUES (?1, ?2, 0, ?3)
       ON CONFLICT DO UPDATE SET active = active + ?3`,
      profileId,
      journeyId,
      runs,
    );
    if (keyDigest === null) return;
    this.#sql.exec(
      `INSERT INTO keyed_histories VALUES (?1, ?2, ?3, 0, ?4)
       ON CONFLICT DO UPDATE SET active = active + ?4`,
      profileId,
      journeyId,
      keyDigest,
      runs,
    );
  }
}

/** A run that was handed over leaves a row that nothing began in: its start is 0. */
function historyOf({ last_started_at, active }: StoredHistory): EnrollmentHistory {
  return { lastStartedAt: last_started_at === 0 ? null : last_started_at, active };
}

function together(history: EnrollmentHistory, other: EnrollmentHistory = NEVER_ENROLLED): EnrollmentHistory {
  const last = Math.max(history.lastStartedAt ?? 0, other.lastStartedAt ?? 0);
  return { lastStartedAt: last === 0 ? null : last, active: history.active + other.active };
}
