// Under which origin unsubscribe links stand, and the one key of a workspace that they are made with.
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { UnsubscribeLinks } from "../../src/cell/unsubscribe-links.ts";
import { readUnsubscribeToken } from "../../src/crypto/unsubscribe-token.ts";
import { keyOf, post } from "../support/api.ts";
import { aJourneyDocument } from "../domain/journey-document.ts";
import { queryCell } from "../support/tables.ts";
import { anId, aWorkspace, type TestWorkspace } from "../support/workspace.ts";

interface Deployed {
  publicUrl?: string;
  workspaceId?: string;
}

/** Asks the links of a cell, as an object that has just woken does. */
async function ask<T>(
  { cell, id }: TestWorkspace,
  { publicUrl, workspaceId = id }: Deployed,
  question: (links: UnsubscribeLinks) => T,
): Promise<T> {
  return await runInDurableObject(cell, (_, { storage }) => {
    const parts = { workspaceId: () => workspaceId, publicUrl: () => publicUrl ?? null };
    return question(new UnsubscribeLinks(storage.sql, parts));
  });
}

const tokenOf = (url: string | null) => readUnsubscribeToken(url?.split("/u/")[1] ?? "");

describe("an unsubscribe link", () => {
  it("stands under the origin of the request that activated a journey", async () => {
    const workspace = await aWorkspace();
    const who = keyOf(workspace.apiKey);
    await post(who, "/api/v1/journeys", aJourneyDocument());
    expect(await ask(workspace, {}, (links) => links.urlOf(anId()))).toBeNull();
    await post(who, `/api/v1/journeys/${aJourneyDocument().key as string}/activate`);
    expect(await ask(workspace, {}, (links) => links.urlOf(anId()))).toMatch(/^http:\/\/waypost\.test\/u\//);
  });

  it("stands under the deployment's own address, where that is set", async () => {
    const workspace = await aWorkspace();
    await ask(workspace, {}, (links) => links.learnOrigin("http://waypost.test"));
    const url = await ask(workspace, { publicUrl: "https://go.example.com" }, (links) => links.urlOf(anId()));
    expect(url).toMatch(/^https:\/\/go\.example\.com\/u\//);
  });

  it("follows an origin that changes, and writes nothing while it stays", async () => {
    const workspace = await aWorkspace();
    const written: number[] = [];
    for (const origin of ["https://a.example", "https://a.example", "https://b.example"]) {
      written.push(
        await runInDurableObject(workspace.cell, (object, { storage }) => {
          const before = [...storage.sql.exec<{ n: number }>(`SELECT total_changes() AS n`)][0]?.n ?? 0;
          object["parts"].unsubscribeLinks.learnOrigin(origin);
          return ([...storage.sql.exec<{ n: number }>(`SELECT total_changes() AS n`)][0]?.n ?? 0) - before;
        }),
      );
    }
    expect(written).toEqual([1, 0, 1]);
  });

  it("is genuine for as long as there is the workspace, and for no other one", async () => {
    const [workspace, other] = [await aWorkspace(), await aWorkspace()];
    const publicUrl = "https://go.example.com";
    const url = await ask(workspace, { publicUrl }, (links) => links.urlOf(anId()));
    const token = tokenOf(url);
    if (token === null) throw new Error("expected a token");
    const admitted = async (where: TestWorkspace): Promise<boolean> => {
      return await ask(where, {}, (links) => links.admits(token));
    };
    await ask(other, { publicUrl }, (links) => links.urlOf(anId()));
    expect([await admitted(workspace), await admitted(workspace), await admitted(other)]).toEqual([true, true, false]);
    expect(await ask(other, { workspaceId: workspace.id }, (links) => links.admits(token))).toBe(false);
  });

  it("is made with a key that is made once, of 32 bytes", async () => {
    const workspace = await aWorkspace();
    for (let i = 0; i < 2; i++) {
      await ask(workspace, { publicUrl: "https://go.example.com" }, (links) => links.urlOf(anId()));
    }
    const keys = async (): Promise<string[]> => {
      const rows = await queryCell<{ key: string }>(workspace, `SELECT hex(unsubscribe_key) AS key FROM sending`);
      return rows.map(({ key }) => key);
    };
    const [first] = await keys();
    expect(first).toMatch(/^[0-9A-F]{64}$/);
    await ask(workspace, { publicUrl: "https://go.example.com" }, (links) => links.urlOf(anId()));
    expect(await keys()).toEqual([first]);
  });

  it("is nobody's in a workspace that never made one", async () => {
    const workspace = await aWorkspace();
    const token = { workspaceId: workspace.id, deliveryId: anId(), tag: new Uint8Array(16) };
    expect(await workspace.cell.admitsUnsubscribe(token)).toBe(false);
    expect(await workspace.cell.unsubscribe(token)).toBe(false);
  });
});
