// The one row that says which workspace this cell holds, kept in memory too: every event asks.
import { parseDuration } from "../domain/duration.ts";
import type { EntryLimit } from "../domain/eligibility.ts";
import { compileLimit } from "../domain/eligibility-rules.ts";
import { DEFAULT_SETTINGS, type Workspace, type WorkspaceSettings } from "../domain/workspace.ts";

type StoredWorkspace = {
  id: string;
  name: string;
  timezone: string;
  settings: string;
  created_at: number;
  last_event_id: string;
  last_cleanup_at: number;
  last_d1_bytes: number | null;
  event_cut_ms: number;
};

/** By how much D1's size shortens the time events are kept. */
export interface EventCut {
  /** D1's size at the last cleanup; `null` before the first. */
  lastD1Bytes: number | null;
  eventCutMs: number;
}

export interface RetentionState extends EventCut {
  id: string;
  ledgerRetentionMs: number;
  eventRetentionMs: number;
  /** Unix milliseconds. */
  lastCleanupAt: number;
}

export class WorkspaceStore {
  readonly #sql: SqlStorage;
  #workspace: Workspace | null = null;
  #retention: RetentionState | null = null;
  #runaway: EntryLimit | null = null;
  #lastEventId = "";

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /** The workspace, or `null` before the cell was given one. */
  get(): Workspace | null {
    return this.#workspace;
  }

  /** What the retention lane needs. */
  retention(): RetentionState | null {
    return this.#retention;
  }

  /** The runaway limit of journeys that name none of their own; `null` = they have none. */
  runaway(): EntryLimit | null {
    return this.#runaway;
  }

  /** The last event that had been counted when the object started: ids go on after it, whatever the clock says. */
  get lastEventIdAtStart(): string {
    return this.#lastEventId;
  }

  put(workspace: Workspace): void {
    this.#sql.exec(
      `INSERT INTO workspace (id, name, timezone, settings, created_at, last_cleanup_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET name = excluded.name, timezone = excluded.timezone, settings = excluded.settings`,
      workspace.id,
      workspace.name,
      workspace.timezone,
      JSON.stringify(workspace.settings),
      workspace.createdAt,
      workspace.createdAt,
    );
    this.reload();
  }

  cleanedUp(now: number, { lastD1Bytes, eventCutMs }: EventCut): void {
    this.#sql.exec(
      `UPDATE workspace SET last_cleanup_at = ?, last_d1_bytes = ?, event_cut_ms = ?`,
      now,
      lastD1Bytes,
      eventCutMs,
    );
    this.reload();
  }

  reload(): void {
    const row = [...this.#sql.exec<StoredWorkspace>(`SELECT * FROM workspace`)][0];
    if (row === undefined) {
      this.#workspace = this.#retention = this.#runaway = null;
      return;
    }
    // Older rows lack what was added since.
    const settings = { ...DEFAULT_SETTINGS, ...(JSON.parse(row.settings) as Partial<WorkspaceSettings>) };
    this.#workspace = {
      id: row.id,
      name: row.name,
      timezone: row.timezone,
      settings,
      createdAt: row.created_at,
    };
    this.#retention = {
      id: row.id,
      ledgerRetentionMs: parseDuration(settings.ledgerRetention) as number,
      eventRetentionMs: parseDuration(settings.eventRetention) as number,
      lastCleanupAt: row.last_cleanup_at,
      lastD1Bytes: row.last_d1_bytes,
      eventCutMs: row.event_cut_ms,
    };
    this.#runaway = settings.runaway === null ? null : compileLimit(settings.runaway);
    this.#lastEventId = row.last_event_id;
  }
}
