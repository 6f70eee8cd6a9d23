// Journeys of this workspace, their immutable versions, and the index from event names to active journeys.
// Compiled conditions are kept in memory by event name; any change of a journey forgets all of them.
import { compileJourney, type JourneyDefinition } from "../domain/journey.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { ListeningJourney } from "../domain/matching.ts";
import type { JourneyCounts } from "./journey-counts.ts";

export type JourneyStatus = "draft" | "active" | "paused" | "archived";

export interface Journey {
  id: string;
  key: string;
  name: string;
  status: JourneyStatus;
  /** The newest version, published or not. */
  version: number;
  publishedVersion: number | null;
  /** Since when the runaway guard lets nobody more in; `null` = it does not. */
  stoppedAt: number | null;
  createdAt: number;
  updatedAt: number;
  counts: {
    matched: number;
    enrolled: number;
    skipped: number;
    completed: number;
    exited: number;
    failed: number;
    cancelled: number;
    converted: number;
  };
}

export interface JourneyVersion {
  version: number;
  definition: JourneyDefinition;
  createdAt: number;
  publishedAt: number | null;
}

type StoredJourney = {
  id: string;
  key: string;
  name: string;
  status: JourneyStatus;
  version: number;
  published_version: number | null;
  stopped_at: number | null;
  created_at: number;
  updated_at: number;
} & Journey["counts"];

type StoredVersion = { version: number; definition: string; created_at: number; published_at: number | null };

export class JourneyStore {
  readonly #sql: SqlStorage;
  readonly #counts: JourneyCounts;
  #listening = new Map<string, readonly ListeningJourney[]>();

  constructor(sql: SqlStorage, counts: JourneyCounts) {
    this.#sql = sql;
    this.#counts = counts;
  }

  /** Published versions of the active journeys that an event name starts, oldest journey first. */
  listeningTo(event: string): readonly ListeningJourney[] {
    const known = this.#listening.get(event);
    if (known !== undefined) return known;
    const journeys = [
      ...this.#sql.exec<{ id: string; key: string; version: number; definition: string }>(
        `SELECT j.id, j.key, v.version, v.definition FROM journey_entries e
           JOIN journeys j ON j.id = e.journey_id
           JOIN journey_versions v ON v.journey_id = j.id AND v.version = j.published_version
         WHERE e.event = ? ORDER BY j.id`,
        event,
      ),
    ].map(({ id, key, version, definition }): ListeningJourney => {
      return { id, key, version, ...compileJourney(JSON.parse(definition) as JourneyDefinition) };
    });
    // Event names are the callers' own: a thousand odd ones must not fill the memory.
    if (this.#listening.size >= 1_000) this.#listening.clear();
    this.#listening.set(event, journeys);
    return journeys;
  }

  /** How many other active journeys an event name starts. */
  countOthers(event: string, journeyId: string): number {
    return this.#sql
      .exec<{ journeys: number }>(
        `SELECT count(*) AS journeys FROM journey_entries WHERE event = ? AND journey_id <> ?`,
        event,
        journeyId,
      )
      .one().journeys;
  }

  /** Event names that start an active journey, each once. */
  listenedNames(): string[] {
    const names = this.#sql.exec<{ event: string }>(`SELECT DISTINCT event FROM journey_entries ORDER BY event`);
    return Array.from(names, ({ event }) => event);
  }

  /** Drafts and paused journeys that an event name would start if their newest version were published. */
  inactiveOn(event: string, most: number): { key: string; status: JourneyStatus }[] {
    return this.#sql
      .exec<{ key: string; status: JourneyStatus }>(
        `SELECT j.key, j.status FROM journeys j
           JOIN journey_versions v ON v.journey_id = j.id AND v.version = j.version
         WHERE j.status IN ('draft', 'paused') AND v.definition ->> '$.entry.event' = ? ORDER BY j.id LIMIT ?`,
        event,
        most,
      )
      .toArray();
  }

  /** Keys of active journeys whose published version sends an e-mail from a template, oldest first. */
  activeWithTemplate(template: string, most: number): string[] {
    const keys = this.#sql.exec<{ key: string }>(
      `SELECT j.key FROM journeys j
         JOIN journey_versions v ON v.journey_id = j.id AND v.version = j.published_version
       WHERE j.status = 'active' AND EXISTS (
         SELECT 1 FROM json_each(v.definition, '$.steps') s
         WHERE s.value ->> '$.type' = 'email' AND s.value ->> '$.template' = ?)
       ORDER BY j.id LIMIT ?`,
      template,
      most,
    );
    return Array.from(keys, ({ key }) => key);
  }

  find(key: string): Journey | null {
    const row = [...this.#sql.exec<StoredJourney>(`SELECT * FROM journeys WHERE key = ?`, key)][0];
    return row === undefined ? null : this.#journeyOf(row);
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ListPage<Journey> {
    const rows = this.#sql.exec<StoredJourney & { bytes: number }>(
      `SELECT j.*, octet_length(v.definition) AS bytes FROM journeys j
         JOIN journey_versions v ON v.journey_id = j.id AND v.version = j.version
       WHERE j.id < coalesce(?, 'g') ORDER BY j.id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ bytes }) => bytes);
    return { items: items.map((row) => this.#journeyOf(row)), more };
  }

  version(journeyId: string, version: number): JourneyVersion {
    return versionOf(
      this.#sql
        .exec<StoredVersion>(`SELECT * FROM journey_versions WHERE journey_id = ? AND version = ?`, journeyId, version)
        .one(),
    );
  }

  /** Newest first; `before` is the last version of the page before. */
  versions(journeyId: string, limit: number, before: number | null): ListPage<JourneyVersion> {
    const rows = this.#sql.exec<StoredVersion>(
      `SELECT * FROM journey_versions WHERE journey_id = ? AND version < coalesce(?, 9007199254740991)
       ORDER BY version DESC LIMIT ?`,
      journeyId,
      before,
      limit + 1,
    );
    const { items, more } = takePage(rows, limit, ({ definition }) => definition.length);
    return { items: items.map(versionOf), more };
  }

  insert(id: string, definition: JourneyDefinition, now: number): void {
    this.#sql.exec(
      `INSERT INTO journeys (id, key, name, status, version, created_at, updated_at) VALUES (?, ?, ?, 'draft', 1, ?, ?)`,
      id,
      definition.key,
      definition.name,
      now,
      now,
    );
    this.#insertVersion(id, 1, definition, now);
  }

  /** Adds a version; an active journey goes on with the one that is published. */
  addVersion(journey: Journey, definition: JourneyDefinition, now: number): void {
    this.#sql.exec(
      `UPDATE journeys SET name = ?, version = version + 1, updated_at = ? WHERE id = ?`,
      definition.name,
      now,
      journey.id,
    );
    this.#insertVersion(journey.id, journey.version + 1, definition, now);
  }

  /** Publishes the newest version and lets events start it. */
  activate(journey: Journey, now: number): void {
    this.#sql.exec(
      `UPDATE journeys SET status = 'active', published_version = version, updated_at = ? WHERE id = ?`,
      now,
      journey.id,
    );
    this.#sql.exec(
      `UPDATE journey_versions SET published_at = coalesce(published_at, ?) WHERE journey_id = ? AND version = ?`,
      now,
      journey.id,
      journey.version,
    );
    const { entry } = this.version(journey.id, journey.version).definition;
    this.#forgetEntry(journey.id);
    if ("event" in entry) this.#sql.exec(`INSERT INTO journey_entries VALUES (?, ?)`, entry.event, journey.id);
    this.#listening.clear();
  }

  /** Stops events from starting a journey. */
  stop(journey: Journey, status: "paused" | "archived", now: number): void {
    this.#sql.exec(`UPDATE journeys SET status = ?, updated_at = ? WHERE id = ?`, status, now, journey.id);
    this.#forgetEntry(journey.id);
    this.#listening.clear();
  }

  /** Counts entries that came from no event of now; each is a match too. */
  addEntries(journeyId: string, entries: number): void {
    this.#sql.exec(
      `UPDATE journeys SET matched = matched + ?1, enrolled = enrolled + ?1 WHERE id = ?2`,
      entries,
      journeyId,
    );
  }

  /** Cumulative counts over all journeys, what is pending included. */
  totals(): Record<"enrolled" | "completed" | "exited" | "failed" | "cancelled", number> {
    const totals = { enrolled: 0, completed: 0, exited: 0, failed: 0, cancelled: 0 };
    for (const row of this.#sql.exec<StoredJourney>(`SELECT * FROM journeys`)) {
      const { counts } = this.#journeyOf(row);
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += counts[name];
    }
    return totals;
  }

  /** Archived journeys that still have active runs, by their counts. */
  archivedWithRuns(): string[] {
    return Array.from(this.#sql.exec<StoredJourney>(`SELECT * FROM journeys WHERE status = 'archived'`), (row) =>
      this.#journeyOf(row),
    )
      .filter(({ counts: { enrolled, completed, exited, failed, cancelled } }) => {
        return enrolled > completed + exited + failed + cancelled;
      })
      .map(({ id }) => id);
  }

  /** Forgets what was compiled: after a transaction that was rolled back. */
  reload(): void {
    this.#listening.clear();
  }

  #insertVersion(journeyId: string, version: number, definition: JourneyDefinition, now: number): void {
    this.#sql.exec(
      `INSERT INTO journey_versions VALUES (?, ?, ?, ?, NULL)`,
      journeyId,
      version,
      JSON.stringify(definition),
      now,
    );
  }

  #forgetEntry(journeyId: string): void {
    this.#sql.exec(`DELETE FROM journey_entries WHERE journey_id = ?`, journeyId);
  }

  #journeyOf(row: StoredJourney): Journey {
    const pending = this.#counts.pendingOf(row.id);
    return {
      id: row.id,
      key: row.key,
      name: row.name,
      status: row.status,
      version: row.version,
      publishedVersion: row.published_version,
      stoppedAt: row.stopped_at,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      counts: {
        matched: row.matched + pending.matched,
        enrolled: row.enrolled + pending.enrolled,
        skipped: row.skipped + pending.skipped,
        completed: row.completed,
        exited: row.exited,
        failed: row.failed,
        cancelled: row.cancelled,
        converted: row.converted,
      },
    };
  }
}

function versionOf(row: StoredVersion): JourneyVersion {
  return {
    version: row.version,
    definition: JSON.parse(row.definition) as JourneyDefinition,
    createdAt: row.created_at,
    publishedAt: row.published_at,
  };
}
