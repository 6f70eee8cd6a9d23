import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { SCOPES } from "../../../src/domain/scopes.ts";
import { call, get, issuesIn, keyOf, OPERATOR, post, type Credential } from "../../support/api.ts";
import { aKey, anId, aWorkspace } from "../../support/workspace.ts";

const KEYS = "/api/v1/api-keys";

async function revokeBy(who: Credential, id: string, query = "") {
  return await call(who, { method: "DELETE", path: `${KEYS}/${id}${query}` });
}

describe("POST /api/v1/api-keys", () => {
  it("makes a secret key that works at once", async () => {
    const { id: workspaceId } = await aWorkspace();
    const body = { workspaceId, label: "Shop", scopes: ["journeys:read", "events:read"] };
    const answer = await post(OPERATOR, KEYS, body);
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        workspaceId,
        kind: "secret",
        label: "Shop",
        scopes: ["events:read", "journeys:read"],
        key: expect.stringMatching(/^wp_sk_[0-9A-Za-z]+$/),
        createdAt: expect.stringMatching(/Z$/),
      },
    ]);
    expect((await get(keyOf(answer.body.key), "/api/v1/journeys")).status).toBe(200);
  });

  it("makes a write key, which is no secret key", async () => {
    const { id: workspaceId } = await aWorkspace();
    const body = { workspaceId, kind: "write", label: "Browser", scopes: ["events:write"] };
    const answer = await post(OPERATOR, KEYS, body);
    expect([answer.status, answer.body.kind, answer.body.key]).toEqual([
      201,
      "write",
      expect.stringMatching(/^wp_wk_/),
    ]);
    expect((await get(keyOf(answer.body.key), "/api/v1/events")).status).toBe(401);
  });

  it("shows the key only here, and keeps nothing that could be used as one", async () => {
    const workspace = await aWorkspace();
    const made = await post(OPERATOR, KEYS, { workspaceId: workspace.id, label: "x", scopes: ["events:write"] });
    const listed = await get(keyOf(workspace.apiKey), KEYS);
    expect(listed.text).not.toContain(made.body.key);
    const kept = await runInDurableObject(workspace.cell, (_, { storage }) =>
      JSON.stringify([...storage.sql.exec("SELECT id, kind, label, prefix, hex(digest) AS digest FROM api_keys")]),
    );
    expect(kept).not.toContain((made.body.key as string).slice(16));
  });

  it("lets a key make keys for its own workspace, named or not", async () => {
    const { id, apiKey } = await aWorkspace();
    const unnamed = await post(keyOf(apiKey), KEYS, { label: "x", scopes: ["events:read"] });
    const named = await post(keyOf(apiKey), KEYS, { workspaceId: id, label: "x", scopes: ["events:read"] });
    expect([unnamed.status, unnamed.body.workspaceId, named.status]).toEqual([201, id, 201]);
  });

  it("answers a key that names another workspace as if there were none", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    const body = { label: "x", scopes: ["events:read"] };
    const others = await post(keyOf(own.apiKey), KEYS, { ...body, workspaceId: other.id });
    const nobodys = await post(keyOf(own.apiKey), KEYS, { ...body, workspaceId: anId() });
    expect([others.status, others.body]).toEqual([404, nobodys.body]);
    expect((await get(keyOf(other.apiKey), KEYS)).body.items).toHaveLength(1);
  });

  it("grants no scope that the granting key lacks, and names those", async () => {
    const { id } = await aWorkspace();
    const key = await aKey(id, ["keys:write", "events:read"]);
    const body = { label: "x", scopes: ["events:read", "profiles:read", "journeys:write"] };
    const answer = await post(keyOf(key), KEYS, body);
    expect([answer.status, answer.body.details]).toEqual([403, { required: ["profiles:read", "journeys:write"] }]);
    const write = await post(keyOf(key), KEYS, { kind: "write", label: "x", scopes: ["events:write"] });
    expect([write.status, write.body.details]).toEqual([403, { required: ["events:write"] }]);
  });

  it("asks the operator for the workspace, which must exist", async () => {
    const unnamed = await post(OPERATOR, KEYS, { label: "x", scopes: ["events:read"] });
    expect([unnamed.status, Object.keys(issuesIn(unnamed))]).toEqual([400, ["workspaceId"]]);
    const unknown = await post(OPERATOR, KEYS, { workspaceId: anId(), label: "x", scopes: ["events:read"] });
    expect(unknown.status).toBe(404);
  });

  it.each([
    ["no label", { label: undefined }, "label"],
    ["an empty label", { label: "" }, "label"],
    ["a label over 255 characters", { label: "x".repeat(256) }, "label"],
    ["no scopes", { scopes: undefined }, "scopes"],
    ["an empty list of scopes", { scopes: [] }, "scopes"],
    ["a scope twice", { scopes: ["events:read", "events:read"] }, "scopes"],
    ["an unknown scope", { scopes: ["events:read", "events:admin"] }, "scopes.1"],
    ["an unknown kind", { kind: "public" }, "kind"],
    ["a write key with other scopes", { kind: "write", scopes: ["events:write", "events:read"] }, "scopes"],
  ])("refuses %s", async (_, over, path) => {
    const { apiKey } = await aWorkspace();
    const answer = await post(keyOf(apiKey), KEYS, { label: "x", scopes: ["events:read"], ...over });
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
  });
});

describe("GET /api/v1/api-keys", () => {
  it("lists what is known of a key, newest first", async () => {
    const { id, apiKey } = await aWorkspace();
    const made = (await post(keyOf(apiKey), KEYS, { label: "newer", scopes: ["events:read"] })).body;
    const answer = await get(keyOf(apiKey), KEYS);
    const { key, ...same } = made;
    expect(answer.body.items[0]).toEqual({ ...same, prefix: key.slice(0, 16), lastUsedAt: null, revokedAt: null });
    expect(answer.body.items[1]).toMatchObject({
      workspaceId: id,
      scopes: [...SCOPES],
      lastUsedAt: expect.any(String),
    });
    expect(answer.body.nextCursor).toBeNull();
  });

  it("pages without gaps or repeats", async () => {
    const { id, apiKey } = await aWorkspace();
    for (const label of ["a", "b", "c"]) await post(keyOf(apiKey), KEYS, { label, scopes: ["events:read"] });
    const labels: string[] = [];
    let cursor = "";
    for (let pages = 0; pages < 5; pages++) {
      const page = await get(OPERATOR, `${KEYS}?workspaceId=${id}&limit=1${cursor}`);
      labels.push(...page.body.items.map(({ label }: { label: string }) => label));
      if (page.body.nextCursor === null) break;
      cursor = `&cursor=${page.body.nextCursor}`;
    }
    expect(labels).toEqual(["c", "b", "a", "test"]);
  });

  it("asks the operator for the workspace, which must exist", async () => {
    expect((await get(OPERATOR, KEYS)).status).toBe(400);
    expect((await get(OPERATOR, `${KEYS}?workspaceId=${anId()}`)).status).toBe(404);
  });

  it("answers a key that names another workspace as if there were none", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    const others = await get(keyOf(own.apiKey), `${KEYS}?workspaceId=${other.id}`);
    const nobodys = await get(keyOf(own.apiKey), `${KEYS}?workspaceId=${anId()}`);
    expect([others.status, others.body]).toEqual([404, nobodys.body]);
  });
});

describe("DELETE /api/v1/api-keys/{id}", () => {
  it("ends a key for the next request, and says when in the list", async () => {
    const { apiKey } = await aWorkspace();
    const { key, id } = (await post(keyOf(apiKey), KEYS, { label: "x", scopes: ["events:read"] })).body;
    expect((await get(keyOf(key), "/api/v1/events")).status).toBe(200);
    const revoked = await revokeBy(keyOf(apiKey), id);
    expect([revoked.status, revoked.text]).toEqual([204, ""]);
    expect((await get(keyOf(key), "/api/v1/events")).status).toBe(401);
    const listed = await get(keyOf(apiKey), KEYS);
    expect(listed.body.items[0]).toMatchObject({ id, revokedAt: expect.stringMatching(/Z$/) });
  });

  it("changes nothing for a key that is revoked already", async () => {
    const { apiKey } = await aWorkspace();
    const { id } = (await post(keyOf(apiKey), KEYS, { label: "x", scopes: ["events:read"] })).body;
    await revokeBy(keyOf(apiKey), id);
    const before = await get(keyOf(apiKey), KEYS);
    expect((await revokeBy(keyOf(apiKey), id)).status).toBe(204);
    expect((await get(keyOf(apiKey), KEYS)).body).toEqual(before.body);
  });

  it("lets a key revoke itself", async () => {
    const { apiKey } = await aWorkspace();
    const made = await post(keyOf(apiKey), KEYS, { label: "x", scopes: ["keys:write"] });
    const { key, id } = made.body;
    expect((await revokeBy(keyOf(key), id)).status).toBe(204);
    expect((await get(keyOf(key), KEYS)).status).toBe(401);
  });

  it("finds a key's workspace for the operator, who may name it too", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    const make = async () => (await post(keyOf(own.apiKey), KEYS, { label: "x", scopes: ["keys:write"] })).body;
    const [first, second] = [await make(), await make()];
    expect((await revokeBy(OPERATOR, second.id, `?workspaceId=${other.id}`)).status).toBe(404);
    expect((await revokeBy(OPERATOR, first.id)).status).toBe(204);
    expect((await revokeBy(OPERATOR, second.id, `?workspaceId=${own.id}`)).status).toBe(204);
    for (const { key } of [first, second]) expect((await get(keyOf(key), KEYS)).status).toBe(401);
  });

  it("answers 404 for a key that does not exist", async () => {
    const { apiKey } = await aWorkspace();
    for (const id of [anId(), "nonsense"]) {
      expect([id, (await revokeBy(OPERATOR, id)).status]).toEqual([id, 404]);
      expect([id, (await revokeBy(keyOf(apiKey), id)).status]).toEqual([id, 404]);
    }
  });

  it("leaves another workspace's key alone", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    const { key, id } = (await post(keyOf(other.apiKey), KEYS, { label: "x", scopes: ["keys:write"] })).body;
    expect((await revokeBy(keyOf(own.apiKey), id)).status).toBe(404);
    expect((await get(keyOf(key), KEYS)).status).toBe(200);
  });
});
