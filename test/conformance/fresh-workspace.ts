// A workspace of its own on a running server, for tests that count, sample or compare.
import { expect } from "vitest";
import { call } from "../support/dev-client.ts";
import type { DevServer } from "../support/dev-server.ts";

export interface FreshWorkspace {
  workspaceId: string;
  /** A secret key with every scope that events need. */
  apiKey: string;
  writeKey: string;
}

/** Makes a workspace and its keys, as the operator does. */
export async function freshWorkspace(server: DevServer): Promise<FreshWorkspace> {
  const { id } = await make<{ id: string }>(server, "/api/v1/workspaces", { name: "Fresh" });
  const scopes = ["events:write", "events:read", "profiles:read", "profiles:write", "journeys:read", "journeys:write"];
  return {
    workspaceId: id,
    apiKey: await freshKey(server, id, { kind: "secret", scopes }),
    writeKey: await freshKey(server, id, { kind: "write", scopes: ["events:write"] }),
  };
}

/** Makes a key. */
export async function freshKey(
  server: DevServer,
  workspaceId: string,
  { kind, scopes }: { kind: "secret" | "write"; scopes: string[] },
): Promise<string> {
  return (await freshKeyWithId(server, workspaceId, { kind, scopes })).key;
}

/** Makes a key, and revokes it at once. */
export async function revokedKey(server: DevServer, workspaceId: string, kind: "secret" | "write"): Promise<string> {
  const { id, key } = await freshKeyWithId(server, workspaceId, { kind, scopes: ["events:write"] });
  const revoked = await call(server, `/api/v1/api-keys/${id}`, { method: "DELETE", headers: asOperator(server) });
  expect(revoked.status).toBe(204);
  return key;
}

async function freshKeyWithId(
  server: DevServer,
  workspaceId: string,
  said: { kind: "secret" | "write"; scopes: string[] },
): Promise<{ id: string; key: string }> {
  return await make(server, "/api/v1/api-keys", { workspaceId, label: "Fresh", ...said });
}

async function make<T>(server: DevServer, path: string, body: unknown): Promise<T> {
  const made = await call(server, path, { method: "POST", body, headers: asOperator(server) });
  expect([path, made.status, made.text]).toEqual([path, 201, expect.any(String)]);
  return JSON.parse(made.text) as T;
}

function asOperator(server: DevServer): Record<string, string> {
  return { authorization: `Bearer ${server.dev.adminToken}` };
}
