// Batches of events as a caller posts them.
import { call, keyOf, type ApiAnswer } from "../../support/api.ts";
import { aWorkspace } from "../../support/workspace.ts";

const BATCH = "/api/v1/events/batch";

let made = 0;

/** An item under a key of its own. */
export function anItem(over: Record<string, unknown> = {}): Record<string, unknown> {
  made += 1;
  return { idempotencyKey: `item-${made}`, event: "order.created", profile: { email: "alex@example.com" }, ...over };
}

export function items(count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, () => anItem());
}

/** Posts a batch: items, or a body that is sent as it is. */
export async function postBatch(
  workspace: { apiKey: string },
  batch: readonly unknown[] | string,
  { query = "", headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<ApiAnswer> {
  const body = typeof batch === "string" ? batch : { events: batch };
  return await call(keyOf(workspace.apiKey), { method: "POST", path: `${BATCH}${query}`, headers, body });
}

/** Posts a batch to a workspace of its own, and gives the results. */
export async function resultsOf(batch: readonly unknown[] | string): Promise<ItemResult[]> {
  const answer = await postBatch(await aWorkspace(), batch);
  if (answer.status !== 200) throw new Error(`expected results: ${answer.text}`);
  return answer.body.results;
}

export interface ItemResult {
  index: number;
  status: "accepted" | "replayed" | "conflict" | "invalid";
  eventId?: string;
  error?: { error: string; message: string; details?: { issues: { path: string; message: string }[] } };
}

/** Each item's status, or of an invalid one where it is wrong. */
export function outcomes(results: readonly ItemResult[]): string[] {
  return results.map(({ status, error }) =>
    status === "invalid" ? (error?.details?.issues.map(({ path }) => path).join(" ") ?? "") : status,
  );
}
