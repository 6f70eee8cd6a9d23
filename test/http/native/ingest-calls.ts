// What a page sends to the ingest door: items valid as they come, and the calls that carry them.
import { call, get, keyOf, NOBODY, type ApiAnswer } from "../../support/api.ts";
import { aKey, aWorkspace, type TestWorkspace } from "../../support/workspace.ts";

export interface Page {
  workspace: TestWorkspace;
  writeKey: string;
}

/** A page of a workspace that knows nobody yet. */
export async function aPage(): Promise<Page> {
  const workspace = await aWorkspace();
  return { workspace, writeKey: await aKey(workspace.id, ["events:write"], "write") };
}

export function anIdentify(over: object = {}) {
  return { type: "identify", messageId: crypto.randomUUID(), email: "alex@example.com", ...over };
}

export function aTrack(over: object = {}) {
  return { type: "track", messageId: crypto.randomUUID(), email: "alex@example.com", event: "cart.updated", ...over };
}

/** Posts a batch; `over` is laid over the body. */
export async function postBatch({ writeKey }: Page, batch: unknown, over: object = {}): Promise<ApiAnswer> {
  return await call(NOBODY, { method: "POST", path: "/api/v1/ingest/batch", body: { writeKey, batch, ...over } });
}

/** Posts one item by itself. */
export async function postSingle(
  { writeKey }: Page,
  what: "identify" | "track",
  item: object,
  over: object = {},
): Promise<ApiAnswer> {
  const { type: _, ...fields } = item as { type?: string };
  return await call(NOBODY, { method: "POST", path: `/api/v1/ingest/${what}`, body: { writeKey, ...fields, ...over } });
}

/** Statuses of a batch's items, with the reason where there is one. */
export function outcomesIn(answer: ApiAnswer): string[] {
  const results = answer.body.results as { status: string; reason?: string }[];
  return results.map(({ status, reason }) => (reason === undefined ? status : `${status} ${reason}`));
}

/** The event that an item became. */
export async function eventOf(page: Page, answer: ApiAnswer, index = 0) {
  const { eventId } = answer.body.results?.[index] ?? answer.body;
  return (await get(keyOf(page.workspace.apiKey), `/api/v1/events/${eventId}`)).body;
}

/** The profile that an item's event belongs to. */
export async function profileOf(page: Page, answer: ApiAnswer, index = 0) {
  const { profileId } = await eventOf(page, answer, index);
  return (await get(keyOf(page.workspace.apiKey), `/api/v1/profiles/${profileId}`)).body;
}

/** What doors of the workspace could not take. */
export async function rejectedOf({ workspace }: Page) {
  return (await get(keyOf(workspace.apiKey), "/api/v1/rejected-events")).body.items;
}
