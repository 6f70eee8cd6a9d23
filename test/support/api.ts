// Calls of the HTTP API as its callers make them, with the answers read.
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { verifyApiKey } from "../../src/crypto/api-key.ts";
import { servicesOf } from "../../src/services.ts";
import { send, type TestWorkspace } from "./workspace.ts";

/** Headers that say who calls. */
export type Credential = Record<string, string>;

export const OPERATOR: Credential = { authorization: `Bearer ${env.ADMIN_TOKEN}` };
export const NOBODY: Credential = {};

export function keyOf(key: string): Credential {
  return { "x-api-key": key };
}

export interface ApiAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; `null` where there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  body: any;
}

export interface ApiRequest {
  method: string;
  path: string;
  /** JSON, or text that is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** Sends a request; every answer must carry a request id. */
export async function call(who: Credential, { method, path, body, headers }: ApiRequest): Promise<ApiAnswer> {
  const init: RequestInit = { method, headers: { "content-type": "application/json", ...headers, ...who } };
  if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
  const response = await send(path, init);
  const text = await response.text();
  expect(response.headers.get("x-request-id"), "x-request-id").toMatch(/^[0-9a-f-]{36}$/);
  return { status: response.status, headers: response.headers, text, body: text === "" ? null : JSON.parse(text) };
}

/** Reads a path. */
export async function get(who: Credential, path: string): Promise<ApiAnswer> {
  return await call(who, { method: "GET", path });
}

/** Posts to a path. */
export async function post(who: Credential, path: string, body?: unknown): Promise<ApiAnswer> {
  return await call(who, { method: "POST", path, body });
}

/** What an `invalid_request` or `invalid_journey` says is wrong: path to message. */
export function issuesIn(answer: ApiAnswer): Record<string, string> {
  const issues = (answer.body?.details?.issues ?? []) as { path: string; message: string }[];
  return Object.fromEntries(issues.map(({ path, message }) => [path, message]));
}

/** Ends a key in its cell, as the operator's call does. */
export async function revoke(workspace: TestWorkspace, key: string): Promise<void> {
  const { keySecrets } = servicesOf(env);
  const claims = verifyApiKey(keySecrets, "secret", key) ?? verifyApiKey(keySecrets, "write", key);
  await workspace.cell.revokeKey({ kind: "operator" }, claims?.keyId ?? "");
}
