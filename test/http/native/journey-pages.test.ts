import { describe, expect, it } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { aWorkspace, type TestWorkspace } from "../../support/workspace.ts";
import { create, put, read } from "./journey-calls.ts";

/** A document near the largest a body can be: 17 fill a page. */
function aLargeDocument(over: Record<string, unknown> = {}): Record<string, unknown> {
  const body = Array.from({ length: 7 }, () => "b".repeat(32_000));
  return aJourneyDocument({ steps: [{ id: "call", type: "webhook", url: "https://example.com/", body }], ...over });
}

async function pagesOf(workspace: TestWorkspace, path: string): Promise<Record<string, unknown>[][]> {
  const pages: Record<string, unknown>[][] = [];
  let query = "?limit=200";
  for (;;) {
    const { status, body } = await read(workspace, `${path}${query}`);
    expect(status).toBe(200);
    pages.push(body.items);
    if (body.nextCursor === null) return pages;
    query = `?limit=200&cursor=${body.nextCursor}`;
  }
}

describe("a list of large journeys", () => {
  it("ends a page by bytes, and its cursor leads to the rest", async () => {
    const workspace = await aWorkspace();
    const keys = Array.from({ length: 20 }, (_, i) => `j${i}`);
    for (const key of keys) expect((await create(workspace, aLargeDocument({ key }))).status).toBe(201);
    const pages = await pagesOf(workspace, "");
    expect(pages.map((page) => page.length)).toEqual([17, 3]);
    expect(pages.flat().map(({ key }) => key)).toEqual(keys.toReversed());
  });

  it("ends a page of versions by bytes too", async () => {
    const workspace = await aWorkspace();
    await create(workspace, aLargeDocument());
    for (let version = 2; version <= 20; version++) await put(workspace, "order-follow-up", aLargeDocument());
    const pages = await pagesOf(workspace, "/order-follow-up/versions");
    expect(pages.map((page) => page.length)).toEqual([17, 3]);
    expect(pages.flat().map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i));
  });
});
