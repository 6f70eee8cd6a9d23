// Which active runs of a person an event reaches: a look-up by person and event name, never a scan. Names that no run
// has ever listened to are known in memory, so that most events do not even look.

export class RunWaits {
  readonly #sql: SqlStorage;
  /** Names that runs have listened to; they all stand in journeys, so there are only so many. */
  #heard: Set<string> | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Runs of a person that listen to an event name, by which began first. */
  listening(profileId: string, event: string): string[] {
    if (!this.#heardNames().has(event)) return [];
    return [
      ...this.#sql.exec<{ enrollment_id: string }>(
        `SELECT enrollment_id FROM run_waits WHERE profile_id = ? AND event = ? ORDER BY enrollment_id`,
        profileId,
        event,
      ),
    ].map(({ enrollment_id }) => enrollment_id);
  }

  /** Makes a run listen to these event names and to no others. */
  set({ profileId, enrollmentId }: { profileId: string; enrollmentId: string }, events: readonly string[]): void {
    const before = this.#namesOf(profileId, enrollmentId);
    for (const event of before.filter((name) => !events.includes(name))) {
      this.#sql.exec(
        `DELETE FROM run_waits WHERE profile_id = ? AND event = ? AND enrollment_id = ?`,
        profileId,
        event,
        enrollmentId,
      );
    }
    for (const event of events.filter((name) => !before.includes(name))) {
      this.#sql.exec(`INSERT INTO run_waits VALUES (?, ?, ?)`, profileId, event, enrollmentId);
      if (this.#heardNames().has(event)) continue;
      this.#sql.exec(`INSERT INTO heard_events VALUES (?)`, event);
      this.#heardNames().add(event);
    }
  }

  /** Lets a run hear the events of the profile its person was merged into. */
  move(enrollmentId: string, fromProfileId: string, toProfileId: string): void {
    const events = this.#namesOf(fromProfileId, enrollmentId);
    this.set({ profileId: fromProfileId, enrollmentId }, []);
    this.set({ profileId: toProfileId, enrollmentId }, events);
  }

  /** Takes people out. */
  erase(profileIds: readonly string[]): void {
    this.#sql.exec(
      `DELETE FROM run_waits WHERE profile_id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(profileIds),
    );
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#heard = null;
  }

  #namesOf(profileId: string, enrollmentId: string): string[] {
    return [
      ...this.#sql.exec<{ event: string }>(
        `SELECT event FROM run_waits WHERE profile_id = ? AND enrollment_id = ?`,
        profileId,
        enrollmentId,
      ),
    ].map(({ event }) => event);
  }

  #heardNames(): Set<string> {
    return (this.#heard ??= new Set(
      Array.from(this.#sql.exec<{ event: string }>(`SELECT event FROM heard_events`), ({ event }) => event),
    ));
  }
}
