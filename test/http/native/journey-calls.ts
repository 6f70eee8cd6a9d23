// Calls about journeys as an operator makes them, and the event that the test journey listens to.
import { expect } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { call, get, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

export const JOURNEYS = "/api/v1/journeys";

export async function create(workspace: TestWorkspace, document: unknown = aJourneyDocument()): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), JOURNEYS, document);
}

export async function put(workspace: TestWorkspace, key: string, body: unknown): Promise<ApiAnswer> {
  return await call(keyOf(workspace.apiKey), { method: "PUT", path: `${JOURNEYS}/${key}`, body });
}

export async function change(workspace: TestWorkspace, what: string, key = "order-follow-up"): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `${JOURNEYS}/${key}/${what}`);
}

export async function read(workspace: TestWorkspace, path = "/order-follow-up"): Promise<ApiAnswer> {
  return await get(keyOf(workspace.apiKey), `${JOURNEYS}${path}`);
}

export interface Decision {
  profileId: string;
  matchedJourneys: number;
  receipt: { journeys: { version: number; enrollmentId: string; outcome: string }[] };
}

export async function order(
  workspace: TestWorkspace,
  profile: object = { email: "alex@example.com" },
): Promise<Decision> {
  const body = { event: "order.created", profile };
  return await (await track(workspace, body, { query: "?include=receipt" })).json<Decision>();
}

export async function withJourney(over: Record<string, unknown> = {}): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  expect((await create(workspace, aJourneyDocument(over))).status).toBe(201);
  return workspace;
}
