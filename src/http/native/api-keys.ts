// API keys: made, listed and revoked by the operator anywhere, or by a key with keys:write in its own workspace.
// Nobody grants a scope they lack.
import { Hono } from "hono";
import { callDirectory } from "../../cell/cell-client.ts";
import { mintApiKey } from "../../crypto/api-key.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { packScopes, unpackScopes } from "../../domain/scopes.ts";
import { askCellOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { operatorOrKey } from "../middleware/credentials.ts";
import { newId } from "../new-id.ts";
import { described } from "../operation.ts";
import { cutPage, listOf, readPage } from "../pagination.ts";
import { check } from "../validation.ts";
import { apiKeyAnswer, apiKeyView, mintedKeyAnswer, newApiKey } from "./api-key-view.ts";
import { workspaceFor, workspaceQuery } from "./named-workspace.ts";

const SECRET_BYTES = 16;

export const apiKeys = new Hono<HttpEnv>();

apiKeys.post(
  "/",
  operatorOrKey("keys:write"),
  described(
    {
      id: "createApiKey",
      summary: "Make an API key",
      description:
        "The key is in this answer and nowhere else. With the adminToken `workspaceId` is required; with a key it is " +
        "that key's own, and only scopes that key has can be granted. A `write` key takes the scope `events:write` only.",
      body: { schema: newApiKey, example: { label: "Shop backend", scopes: ["events:write", "events:read"] } },
      answers: { 201: { description: "The key, shown once.", body: mintedKeyAnswer } },
      errors: ["not_found"],
    },
    async (c) => {
      const request = check(newApiKey, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const workspaceId = await workspaceFor(c, request.workspaceId, "workspaceId");
      const own = c.get("key")?.scopes;
      const lacking = own === undefined ? [] : request.scopes.filter((scope) => !own.includes(scope));
      if (lacking.length > 0) throw new Failure({ code: "insufficient_scope", required: lacking });

      const { kind = "secret", label } = request;
      const scopes = unpackScopes(packScopes(request.scopes));
      const keyId = newId();
      const random = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
      const minted = mintApiKey(c.get("services").keySecrets, { keyId, workspaceId, kind, scopes }, random);
      const stored = { id: keyId, kind, label, scopes, prefix: minted.prefix, createdAt: Date.now() };
      await askCellOf(c, workspaceId, async (cell, caller) => await cell.mintKey(caller, stored, minted.digest));
      await callDirectory(c.env, async (directory) => await directory.putKey(keyId, workspaceId));
      const createdAt = new Date(stored.createdAt).toISOString();
      return c.json({ id: keyId, workspaceId, kind, label, scopes, key: minted.key, createdAt }, 201);
    },
  ),
);

apiKeys.get(
  "/",
  operatorOrKey("keys:write"),
  described(
    {
      id: "listApiKeys",
      summary: "List API keys, newest first",
      description: "With the adminToken `workspaceId` is required. Revoked keys are listed too.",
      query: workspaceQuery,
      paged: true,
      answers: { 200: { description: "A page of API keys.", body: listOf(apiKeyAnswer) } },
      errors: ["not_found"],
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const query = check(workspaceQuery, c.req.query(), "query");
      const workspaceId = await workspaceFor(c, query.workspaceId, "query.workspaceId");
      const keys = await askCellOf(
        c,
        workspaceId,
        async (cell, caller) => await cell.listKeys(caller, limit + 1, before),
      );
      const { rows, nextCursor } = cutPage(keys, limit, (last) => last.id);
      return c.json({ items: rows.map((key) => apiKeyView(workspaceId, key)), nextCursor }, 200);
    },
  ),
);

apiKeys.delete(
  "/:id",
  operatorOrKey("keys:write"),
  described(
    {
      id: "revokeApiKey",
      summary: "Revoke an API key",
      description: "Holds for every request accepted afterwards. Revoking a revoked key changes nothing.",
      query: workspaceQuery,
      answers: { 204: { description: "The key is revoked." } },
    },
    async (c) => {
      const keyId = c.req.param("id");
      const { workspaceId: named } = check(workspaceQuery, c.req.query(), "query");
      const workspaceId =
        c.get("key") === undefined && named === undefined
          ? await workspaceOfKey(c, keyId)
          : await workspaceFor(c, named, "query.workspaceId");
      await askCellOf(c, workspaceId, async (cell, caller) => await cell.revokeKey(caller, keyId));
      return c.body(null, 204);
    },
  ),
);

async function workspaceOfKey(c: HttpContext, keyId: string): Promise<string> {
  const workspaceId = await callDirectory(c.env, async (directory) => await directory.workspaceOfKey(keyId));
  if (workspaceId === null) throw new Failure({ code: "not_found" });
  return workspaceId;
}
