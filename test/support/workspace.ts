// A workspace with keys, made the way the operator's calls make them.
import { env, exports } from "cloudflare:workers";
import type { WorkspaceCell } from "../../src/cell/workspace-cell.ts";
import type { KeyKind, Scope } from "../../src/domain/scopes.ts";
import { SCOPES } from "../../src/domain/scopes.ts";
import { DEFAULT_SETTINGS } from "../../src/domain/workspace.ts";
import { mintApiKey } from "../../src/crypto/api-key.ts";
import { newId } from "../../src/http/new-id.ts";
import { servicesOf } from "../../src/services.ts";

/** An id as the HTTP layer gives it: of the same sequence, so that what a test made sorts beside what its calls make. */
export const anId: () => string = newId;

export interface TestWorkspace {
  id: string;
  /** All scopes. */
  apiKey: string;
  cell: DurableObjectStub<WorkspaceCell>;
}

export async function aWorkspace(): Promise<TestWorkspace> {
  const id = anId();
  const cell = env.WORKSPACE_CELL.getByName(id);
  const workspace = { id, name: "Test", timezone: "UTC", settings: DEFAULT_SETTINGS, createdAt: Date.now() };
  await cell.putWorkspace(workspace);
  await env.DIRECTORY_CELL.getByName("directory").put(workspace);
  return { id, apiKey: await aKey(id), cell };
}

export async function aKey(
  workspaceId: string,
  scopes: readonly Scope[] = SCOPES,
  kind: KeyKind = "secret",
): Promise<string> {
  const keyId = anId();
  const { key, prefix, digest } = mintApiKey(
    servicesOf(env).keySecrets,
    { keyId, workspaceId, kind, scopes },
    crypto.getRandomValues(new Uint8Array(16)),
  );
  await env.WORKSPACE_CELL.getByName(workspaceId).mintKey(
    { kind: "operator" },
    { id: keyId, kind, label: "test", scopes: [...scopes], prefix, createdAt: Date.now() },
    digest,
  );
  await env.DIRECTORY_CELL.getByName("directory").putKey(keyId, workspaceId);
  return key;
}

/** Sends a request to the Worker. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  return await exports.default.fetch(new Request(`http://waypost.test${path}`, init));
}

export interface TrackOptions {
  key?: string;
  query?: string;
  headers?: Record<string, string>;
}

/** Posts an event. */
export async function track(
  workspace: { apiKey: string },
  body: unknown,
  options: TrackOptions = {},
): Promise<Response> {
  return await send(`/api/v1/events${options.query ?? ""}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-api-key": workspace.apiKey,
      "idempotency-key": options.key ?? crypto.randomUUID(),
      ...options.headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
