import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { DisabledEndpoints } from "../../../src/cell/disabled-endpoints.ts";
import { get, issuesIn, keyOf, post } from "../../support/api.ts";
import { aWorkspace, anId, type TestWorkspace } from "../../support/workspace.ts";

const ENDPOINTS = "/api/v1/endpoints";
const GONE_AT = Date.parse("2026-06-01T12:00:00.000Z");

/** Asks the store of a workspace's cell. */
async function inStore<T>(workspace: TestWorkspace, run: (store: DisabledEndpoints) => T): Promise<T> {
  return await runInDurableObject(workspace.cell, (_, { storage }) => run(new DisabledEndpoints(storage.sql)));
}

async function disable(workspace: TestWorkspace, url: string, at = GONE_AT): Promise<void> {
  await inStore(workspace, (store) => store.disable(anId(), url, "gone", at));
}

async function enable(workspace: TestWorkspace, url: string): Promise<number> {
  return (await post(keyOf(workspace.apiKey), `${ENDPOINTS}/enable`, { url })).status;
}

async function listed(workspace: TestWorkspace): Promise<unknown[]> {
  return (await get(keyOf(workspace.apiKey), ENDPOINTS)).body.items;
}

describe("GET /api/v1/endpoints", () => {
  it("lists what is disabled, since when and why, newest first", async () => {
    const workspace = await aWorkspace();
    await disable(workspace, "https://a.example.com/");
    await disable(workspace, "https://b.example.com/", GONE_AT + 1);
    const answer = await get(keyOf(workspace.apiKey), ENDPOINTS);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        items: [
          { url: "https://b.example.com/", disabledAt: "2026-06-01T12:00:00.001Z", reason: "gone" },
          { url: "https://a.example.com/", disabledAt: "2026-06-01T12:00:00.000Z", reason: "gone" },
        ],
        nextCursor: null,
      },
    ]);
  });

  it("pages without gaps or repeats", async () => {
    const workspace = await aWorkspace();
    for (const name of ["a", "b", "c"]) await disable(workspace, `https://${name}.example.com/`);
    const urls: string[] = [];
    let cursor = "";
    for (let pages = 0; pages < 5; pages++) {
      const page = (await get(keyOf(workspace.apiKey), `${ENDPOINTS}?limit=1${cursor}`)).body;
      urls.push(...page.items.map(({ url }: { url: string }) => url));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(urls).toEqual(["https://c.example.com/", "https://b.example.com/", "https://a.example.com/"]);
  });

  it("keeps the instant at which an address was disabled first", async () => {
    const workspace = await aWorkspace();
    await disable(workspace, "https://a.example.com/");
    await disable(workspace, "https://a.example.com/", GONE_AT + 5_000);
    expect(await listed(workspace)).toEqual([expect.objectContaining({ disabledAt: "2026-06-01T12:00:00.000Z" })]);
  });

  it("shows nothing of another workspace", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    await disable(other, "https://a.example.com/");
    expect(await listed(own)).toEqual([]);
  });
});

describe("POST /api/v1/endpoints/enable", () => {
  it("lets the address be called again, and no other", async () => {
    const workspace = await aWorkspace();
    const [a, b, c] = ["https://a.example.com/", "https://b.example.com/", "https://c.example.com/"];
    for (const url of [a, b, c]) await disable(workspace, url);
    expect(await enable(workspace, b)).toBe(204);
    expect(await listed(workspace)).toEqual([expect.objectContaining({ url: c }), expect.objectContaining({ url: a })]);
    const disabled = await inStore(workspace, (store) => [a, b, c].map((url) => store.isDisabled(url)));
    expect(disabled).toEqual([true, false, true]);
  });

  it("answers the same for an address that is not disabled", async () => {
    const workspace = await aWorkspace();
    expect(await enable(workspace, "https://a.example.com/")).toBe(204);
  });

  it("leaves another workspace's address alone", async () => {
    const [own, other] = [await aWorkspace(), await aWorkspace()];
    await disable(other, "https://a.example.com/");
    expect(await enable(own, "https://a.example.com/")).toBe(204);
    expect(await listed(other)).toHaveLength(1);
  });

  it.each([
    ["no address", {}],
    ["an empty one", { url: "" }],
    ["no text", { url: 7 }],
    ["over 2,048 characters", { url: "x".repeat(2049) }],
  ])("refuses %s", async (_what, body) => {
    const { apiKey } = await aWorkspace();
    const answer = await post(keyOf(apiKey), `${ENDPOINTS}/enable`, body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["url"]]);
  });
});
