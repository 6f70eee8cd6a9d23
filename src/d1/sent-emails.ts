// Which message a provider's own id stands for, over all workspaces: only for reports that say neither workspace nor
// message. What it finds is a hint; the cell it leads to decides.

export interface SentEmail {
  providerId: string;
  workspaceId: string;
  deliveryId: string;
}

// Without the second condition SQLite does not take the partial index.
const FIND = `
SELECT provider_id AS providerId, workspace_id AS workspaceId, delivery_id AS deliveryId
FROM deliveries INDEXED BY deliveries_by_provider
WHERE provider_id IN (SELECT value FROM json_each(?1)) AND provider_id IS NOT NULL`;

/** Finds messages by their providers' ids; of an erased person, and of what is on its way here, there is none. */
export async function findSentEmails(db: D1Database, providerIds: readonly string[]): Promise<SentEmail[]> {
  const { results } = await db.prepare(FIND).bind(JSON.stringify(providerIds)).all<SentEmail>();
  return results;
}
