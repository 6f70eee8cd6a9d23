// The DirectoryCell: one small object that knows which workspaces exist. Only the operator's calls and the
// watchdog touch it, never the path of an event.
import { DurableObject } from "cloudflare:workers";
import { DEFAULT_SETTINGS, type Workspace } from "../domain/workspace.ts";

/** The directory's one name. */
export const DIRECTORY_NAME = "directory";

export class DirectoryCell extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // One row per workspace, for ever: a copy of what its cell says of itself, for lists.
    ctx.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS workspaces (id TEXT PRIMARY KEY, workspace TEXT NOT NULL) WITHOUT ROWID`,
    );
    // One row per API key ever minted, for ever: whose it is, so that the operator can revoke it by its id alone.
    ctx.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL) WITHOUT ROWID`,
    );
    // One row once the watchdog has been here: the last workspace it was given; none = it starts with the newest.
    ctx.storage.sql.exec(`CREATE TABLE IF NOT EXISTS watchdog (last_id TEXT PRIMARY KEY) WITHOUT ROWID`);
  }

  async put(workspace: Workspace): Promise<void> {
    this.ctx.storage.sql.exec(
      `INSERT INTO workspaces VALUES (?, ?) ON CONFLICT DO UPDATE SET workspace = excluded.workspace`,
      workspace.id,
      JSON.stringify(workspace),
    );
  }

  async find(id: string): Promise<Workspace | null> {
    return this.#read(`SELECT workspace FROM workspaces WHERE id = ?`, id)[0] ?? null;
  }

  /** Newest first; `before` is the last id of the page before. */
  async list(limit: number, before: string | null): Promise<Workspace[]> {
    return this.#read(
      `SELECT workspace FROM workspaces WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
      before,
      limit,
    );
  }

  /** The next workspaces for the watchdog to visit, newest first; after the oldest it starts again. */
  async takeTurn(limit: number): Promise<string[]> {
    const { sql } = this.ctx.storage;
    const last = [...sql.exec<{ last_id: string }>(`SELECT last_id FROM watchdog`)][0]?.last_id ?? null;
    const ids = [
      ...sql.exec<{ id: string }>(
        `SELECT id FROM workspaces WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
        last,
        limit,
      ),
    ].map(({ id }) => id);
    if (last !== null) sql.exec(`DELETE FROM watchdog`);
    // Fewer than asked for: the oldest is among them.
    if (ids.length === limit) sql.exec(`INSERT INTO watchdog VALUES (?)`, ids.at(-1));
    return ids;
  }

  async putKey(keyId: string, workspaceId: string): Promise<void> {
    this.ctx.storage.sql.exec(`INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING`, keyId, workspaceId);
  }

  /** The workspace of an API key, or `null` when no such key was ever minted. */
  async workspaceOfKey(keyId: string): Promise<string | null> {
    const sql = `SELECT workspace_id FROM keys WHERE id = ?`;
    return [...this.ctx.storage.sql.exec<{ workspace_id: string }>(sql, keyId)][0]?.workspace_id ?? null;
  }

  /** A sign of life. */
  async ping(): Promise<true> {
    return true;
  }

  #read(sql: string, ...bindings: (string | number | null)[]): Workspace[] {
    return [...this.ctx.storage.sql.exec<{ workspace: string }>(sql, ...bindings)].map(({ workspace }) =>
      workspaceOf(JSON.parse(workspace) as Workspace),
    );
  }
}

/** Older rows lack settings that were added since. */
function workspaceOf(stored: Workspace): Workspace {
  return { ...stored, settings: { ...DEFAULT_SETTINGS, ...stored.settings } };
}
