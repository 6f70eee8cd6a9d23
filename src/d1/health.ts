// How the read model is: what /healthz and the retention ask. D1's own numbers, never a scan.

export interface ReadModelHealth {
  /** Size of the whole database, in bytes. */
  bytes: number;
  /** Oldest event kept of the workspaces asked about; its instant is inside the id. */
  oldestEventId: string | null;
  /** How many migrations were applied: the version of D1's schema. */
  schemaVersion: number;
}

/**
 * Reads size, oldest event and schema version.
 *
 * @param workspaceIds which workspaces' events count as kept
 * @throws whatever D1 throws: it is away, or was never migrated
 */
export async function readModelHealth(db: D1Database, workspaceIds: string[]): Promise<ReadModelHealth> {
  const { results, meta } = await db
    .prepare(
      `SELECT
        (SELECT count(*) FROM d1_migrations) AS schemaVersion,
        (SELECT min(
          (SELECT min(event_id) FROM user_events WHERE workspace_id = asked.value)
        ) FROM json_each(?1) AS asked) AS oldestEventId`,
    )
    .bind(JSON.stringify(workspaceIds))
    .all<{ schemaVersion: number; oldestEventId: string | null }>();
  return {
    bytes: meta.size_after,
    oldestEventId: results[0]?.oldestEventId ?? null,
    schemaVersion: results[0]?.schemaVersion ?? 0,
  };
}

/** Asks D1 for a sign of life. @returns whether it answered; never throws */
export async function ping(db: D1Database): Promise<boolean> {
  try {
    await db.prepare("SELECT 1").run();
    return true;
  } catch {
    return false;
  }
}
