// The one row that says which workspace this cell holds, kept in memory too: every event asks.
import { parseDuration } from "../domain/duration.ts";
import type { Workspace, WorkspaceSettings } from "../domain/workspace.ts";

type StoredWorkspace = {
  id: string;
  name: string;
  timezone: string;
  settings: string;
  created_at: number;
  last_event_id: string;
  last_cleanup_at: number;
};

export interface RetentionState {
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

  cleanedUp(now: number): void {
    this.#sql.exec(`UPDATE workspace SET last_cleanup_at = ?`, now);
    this.reload();
  }

  reload(): void {
    const row = [...this.#sql.exec<StoredWorkspace>(`SELECT * FROM workspace`)][0];
    if (row === undefined) {
      this.#workspace = this.#retention = null;
      return;
    }
    const settings = JSON.parse(row.settings) as WorkspaceSettings;
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
    };
    this.#lastEventId = row.last_event_id;
  }
}
