// Calls about templates as an operator makes them.
import { call, get, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { aDefinition } from "../../support/template-definitions.ts";
import type { TestWorkspace } from "../../support/workspace.ts";

export const TEMPLATES = "/api/v1/templates";

export async function create(workspace: TestWorkspace, over: Record<string, unknown> = {}): Promise<ApiAnswer> {
  const template = { key: "order-thanks", name: "Thanks", definition: aDefinition(), ...over };
  return await post(keyOf(workspace.apiKey), TEMPLATES, template);
}

export async function put(workspace: TestWorkspace, body: unknown, key = "order-thanks"): Promise<ApiAnswer> {
  return await call(keyOf(workspace.apiKey), { method: "PUT", path: `${TEMPLATES}/${key}`, body });
}

export async function archive(workspace: TestWorkspace, key = "order-thanks"): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `${TEMPLATES}/${key}/archive`);
}

export async function preview(workspace: TestWorkspace, body: unknown, key = "order-thanks"): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `${TEMPLATES}/${key}/preview`, body);
}

export async function read(workspace: TestWorkspace, key = "order-thanks"): Promise<ApiAnswer> {
  return await get(keyOf(workspace.apiKey), `${TEMPLATES}/${key}`);
}
