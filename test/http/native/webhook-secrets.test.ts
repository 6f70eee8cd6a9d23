import { describe, expect, it, vi } from "vitest";
import { call, get, issuesIn, keyOf, OPERATOR, post } from "../../support/api.ts";
import { NOW_MS } from "../../support/clock.ts";
import { aKey, anId, aWorkspace } from "../../support/workspace.ts";
const SECRETS = "/api/v1/webhook-secrets";
const ROTATE = `${SECRETS}/rotate`;
const DAY_MS = 24 * 3_600_000;

describe("GET /api/v1/webhook-secrets", () => {
  it("makes a secret when it is first asked for, and gives it from then on", async () => {
    const { apiKey } = await aWorkspace();
    const first = await get(keyOf(apiKey), SECRETS);
    expect([first.status, first.body]).toEqual([
      200,
      { current: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/), previous: null, previousUntil: null },
    ]);
    expect((await get(keyOf(apiKey), SECRETS)).body).toEqual(first.body);
  });

  it("is kept by no cache on the way, and neither is the answer to a rotation", async () => {
    const { apiKey } = await aWorkspace();
    for (const answer of [await get(keyOf(apiKey), SECRETS), await post(keyOf(apiKey), ROTATE)]) {
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  it("gives each workspace its own", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    const [ownSecrets, otherSecrets] = [await get(keyOf(own.apiKey), SECRETS), await get(keyOf(other.apiKey), SECRETS)];
    expect(ownSecrets.body.current).not.toBe(otherSecrets.body.current);
  });

  it("answers the operator about the workspace named, which must exist", async () => {
    const { id, apiKey } = await aWorkspace();
    const own = await get(keyOf(apiKey), SECRETS);
    expect((await get(OPERATOR, `${SECRETS}?workspaceId=${id}`)).body).toEqual(own.body);
    const unnamed = await get(OPERATOR, SECRETS);
    expect([unnamed.status, Object.keys(issuesIn(unnamed))]).toEqual([400, ["query.workspaceId"]]);
    expect((await get(OPERATOR, `${SECRETS}?workspaceId=${anId()}`)).status).toBe(404);
  });

  it("answers a key that names another workspace as if there were none", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    for (const method of ["GET", "POST"]) {
      const path = method === "GET" ? SECRETS : ROTATE;
      const others = await call(keyOf(own.apiKey), { method, path: `${path}?workspaceId=${other.id}` });
      const nobodys = await call(keyOf(own.apiKey), { method, path: `${path}?workspaceId=${anId()}` });
      expect([method, others.status, others.body]).toEqual([method, 404, nobodys.body]);
    }
  });

  it("is closed to a key that may read everything else", async () => {
    const { id } = await aWorkspace();
    const key = await aKey(id, ["deliveries:read", "deliveries:write"]);
    for (const answer of [await get(keyOf(key), SECRETS), await post(keyOf(key), ROTATE)]) {
      expect([answer.status, answer.body.details]).toEqual([403, { required: ["keys:write"] }]);
    }
  });
});

describe("POST /api/v1/webhook-secrets/rotate", () => {
  it("makes a new secret, and keeps the one before for a day", async () => {
    const { apiKey } = await aWorkspace();
    const before = (await get(keyOf(apiKey), SECRETS)).body;
    const rotated = await post(keyOf(apiKey), ROTATE);
    expect([rotated.status, rotated.body]).toEqual([
      200,
      {
        current: expect.not.stringContaining(before.current),
        previous: before.current,
        previousUntil: new Date(NOW_MS + DAY_MS).toISOString(),
      },
    ]);
    expect((await get(keyOf(apiKey), SECRETS)).body).toEqual(rotated.body);
    vi.setSystemTime(NOW_MS + DAY_MS - 1);
    expect((await get(keyOf(apiKey), SECRETS)).body).toEqual(rotated.body);
    vi.setSystemTime(NOW_MS + DAY_MS);
    expect((await get(keyOf(apiKey), SECRETS)).body).toEqual({
      current: rotated.body.current,
      previous: null,
      previousUntil: null,
    });
  });

  it("ends the older secret at once when it is called again", async () => {
    const { apiKey } = await aWorkspace();
    const first = (await get(keyOf(apiKey), SECRETS)).body.current;
    const second = (await post(keyOf(apiKey), ROTATE)).body.current;
    const third = (await post(keyOf(apiKey), ROTATE)).body;
    expect([third.previous, third.current === first, third.current === second]).toEqual([second, false, false]);
  });

  it("works for the operator, by name", async () => {
    const { id, apiKey } = await aWorkspace();
    const rotated = await post(OPERATOR, `${ROTATE}?workspaceId=${id}`);
    expect(rotated.status).toBe(200);
    expect((await get(keyOf(apiKey), SECRETS)).body).toEqual(rotated.body);
    expect((await post(OPERATOR, ROTATE)).status).toBe(400);
  });
});
