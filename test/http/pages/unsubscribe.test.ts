// The link in an e-mail: looking at it changes nothing, posting to it ends such e-mails, and nobody can make one up.
import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { mintUnsubscribeToken } from "../../../src/crypto/unsubscribe-token.ts";
import { aMailing, aMessage, aPerson, aSendingWorkspace, standOf } from "../../support/consent.ts";
import { erase } from "../../support/erasures.ts";
import { claim, granted } from "../../support/deliveries.ts";
import { get, keyOf } from "../../support/api.ts";
import { countInCell, dumpCell } from "../../support/tables.ts";
import { anId, aWorkspace, send, type TestWorkspace } from "../../support/workspace.ts";

const ONE_CLICK = "List-Unsubscribe=One-Click";

interface Sent {
  workspace: TestWorkspace;
  profileId: string;
  deliveryId: string;
  path: string;
}

/** A message with a sender, as it leaves: with its link. */
async function aSentMessage(identities: object = { email: "alex@example.com" }, given?: TestWorkspace): Promise<Sent> {
  const workspace = given ?? (await aSendingWorkspace());
  if (given === undefined) await aMailing(workspace);
  const { id, profileId } = await aMessage(workspace, { identities });
  const job = await granted(workspace, id);
  const url = new URL((job.channel === "email" && job.unsubscribeUrl) || "about:blank");
  expect(url.origin).toBe("http://waypost.test");
  return { workspace, profileId, deliveryId: id, path: url.pathname };
}

async function oneClick(path: string): Promise<Response> {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return await send(path, { method: "POST", headers, body: ONE_CLICK });
}

async function reasonsOf({ workspace, profileId }: Sent): Promise<string[]> {
  const { body } = await get(keyOf(workspace.apiKey), `/api/v1/profiles/${profileId}`);
  return body.deliverySuppression.reasons as string[];
}

/** How the next e-mail to the person fares. */
async function nextOf({ workspace }: Sent, identities: object = { email: "alex@example.com" }): Promise<string> {
  const { id } = await aMessage(workspace, { identities });
  const { kind } = await claim(workspace, id);
  return kind === "granted" ? kind : await standOf(workspace, id);
}

describe("GET of an unsubscribe link", () => {
  it.each(["GET", "HEAD"])("shows a page, and changes nothing (%s)", async (method) => {
    const sent = await aSentMessage();
    const before = await dumpCell(sent.workspace);
    const answers = await Promise.all(Array.from({ length: 3 }, () => send(sent.path, { method })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await dumpCell(sent.workspace)).toEqual(before);
  });

  it("names the workspace, escaped, and has one form, without a script", async () => {
    const sent = await aSentMessage();
    const name = `<script>alert("1")</script> & Söhne`;
    await sent.workspace.cell.changeWorkspace({ name });
    const known = await env.DIRECTORY_CELL.getByName("directory").find(sent.workspace.id);
    if (known === null) throw new Error("expected a workspace");
    await env.DIRECTORY_CELL.getByName("directory").put({ ...known, name });
    const page = await (await send(sent.path)).text();
    expect(page).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; Söhne");
    expect(page.match(/<script|<img|<link|javascript:|https?:/gi)).toBeNull();
    expect(page.match(/<form/g)).toHaveLength(1);
  });

  it("has the one style that its policy allows", async () => {
    const answer = await send((await aSentMessage()).path);
    const [, style = ""] = /<style>(.*?)<\/style>/s.exec(await answer.text()) ?? [];
    const digest = createHash("sha256").update(style).digest("base64");
    expect(answer.headers.get("content-security-policy")).toContain(`style-src 'sha256-${digest}'`);
  });

  it("says nothing of the person, nor lets others know that it was seen", async () => {
    const sent = await aSentMessage();
    const answer = await send(sent.path);
    expect(await answer.text()).not.toContain("alex@");
    const headers = Object.fromEntries(answer.headers);
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=UTF-8",
      "referrer-policy": "no-referrer",
      "x-robots-tag": "noindex, nofollow",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(headers["content-security-policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
    );
    expect(headers["set-cookie"]).toBeUndefined();
  });
});

describe("POST to an unsubscribe link", () => {
  it("as a mail program does it (RFC 8058) ends such e-mails", async () => {
    const sent = await aSentMessage();
    expect((await oneClick(sent.path)).status).toBe(200);
    expect([await reasonsOf(sent), await nextOf(sent)]).toEqual([["unsubscribe"], "skipped unsubscribed"]);
  });

  it("takes multipart, and a body that says nothing", async () => {
    for (const body of [new URLSearchParams(), new FormData(), "", "whatever"]) {
      const sent = await aSentMessage();
      if (body instanceof FormData) body.set("List-Unsubscribe", "One-Click");
      expect((await send(sent.path, { method: "POST", body })).status).toBe(200);
      expect(await reasonsOf(sent)).toEqual(["unsubscribe"]);
    }
  });

  it("by the page's button says that it is done", async () => {
    const sent = await aSentMessage();
    const page = await (await send(sent.path, { method: "POST", body: new URLSearchParams() })).text();
    expect(page).toContain("You are unsubscribed");
    expect(page).not.toContain("<form");
  });

  it("repeated changes nothing more", async () => {
    const sent = await aSentMessage();
    await oneClick(sent.path);
    const before = await dumpCell(sent.workspace);
    expect((await oneClick(sent.path)).status).toBe(200);
    expect(await dumpCell(sent.workspace)).toEqual(before);
  });

  it("stops what is in the queue already", async () => {
    const sent = await aSentMessage();
    const queued = await aMessage(sent.workspace);
    await oneClick(sent.path);
    await claim(sent.workspace, queued.id);
    expect(await standOf(sent.workspace, queued.id)).toBe("skipped unsubscribed");
  });

  it("holds for every address of the person, and for whom they were merged into", async () => {
    const sent = await aSentMessage();
    const customer = { externalId: "cus_1" };
    await aPerson(sent.workspace, { identities: { ...customer, email: "c@example.com" } });
    await aPerson(sent.workspace, { identities: { ...customer, email: "alex@example.com" } });
    await oneClick(sent.path);
    expect(await nextOf(sent, { email: "c@example.com" })).toBe("skipped unsubscribed");
  });

  it("is listed with every address of the person, and where the e-mail went", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: "Alex@Work.example" });
    const identities = { email: "alex@example.com", externalId: "cus_1" };
    await aPerson(workspace, { identities: { ...identities, email: "old@example.com" } });
    const { path, profileId } = await aSentMessage(identities, workspace);
    await oneClick(path);
    const { items } = (await get(keyOf(workspace.apiKey), "/api/v1/suppressions")).body;
    expect(items.map((item: object) => ({ ...item, at: "" })).toReversed()).toEqual(
      ["alex@example.com", "old@example.com", "alex@work.example"].map((email) => {
        return { email, reason: "unsubscribe", at: "", profileId };
      }),
    );
  });

  it("holds for nobody else", async () => {
    const sent = await aSentMessage();
    await oneClick(sent.path);
    expect(await nextOf(sent, { email: "kim@example.com" })).toBe("granted");
  });

  it("of an e-mail to somebody who was erased since brings nothing of them back", async () => {
    const sent = await aSentMessage();
    expect(await erase(sent.workspace, "alex@example.com")).toBe(true);
    expect((await oneClick(sent.path)).status).toBe(200);
    expect(await countInCell(sent.workspace, "suppressions")).toBe(0);
  });
});

describe("a link that is none", () => {
  async function hostile(): Promise<[string, string][]> {
    const sent = await aSentMessage();
    const { path, deliveryId } = sent;
    const token = path.slice("/u/".length);
    const other = await aWorkspace();
    const forged = (workspaceId: string, about: string): string => {
      return mintUnsubscribeToken(new Uint8Array(32), workspaceId, about);
    };
    return [
      ["cut off", token.slice(0, -1)],
      ["with a letter changed", token.slice(0, 20) + (token[20] === "a" ? "b" : "a") + token.slice(21)],
      ["made up for this workspace", forged(sent.workspace.id, deliveryId)],
      ["made up for another workspace", forged(other.id, deliveryId)],
      ["made up for no workspace", forged(anId(), deliveryId)],
      ["no token", "hello"],
      ["a path", "..%2f..%2fhealthz"],
    ];
  }

  it("answers one and the same page, whatever is wrong with it, and whether one looks or posts", async () => {
    const pages = new Set<string>();
    for (const [what, token] of await hostile()) {
      for (const method of ["GET", "POST"]) {
        const answer = await send(`/u/${token}`, { method });
        expect([what, answer.status]).toEqual([what, 404]);
        pages.add(await answer.text());
      }
    }
    expect(pages.size).toBe(1);
  });

  it("wakes no cell of a workspace that is not there", async () => {
    const ids: string[] = [];
    const counting = {
      ...env,
      WORKSPACE_CELL: { getByName: (name: string) => (ids.push(name), env.WORKSPACE_CELL.getByName(name)) },
    };
    const { default: worker } = await import("../../../src/index.ts");
    const token = mintUnsubscribeToken(new Uint8Array(32), anId(), anId());
    const request = new Request(`http://waypost.test/u/${token}`, { method: "POST" });
    const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
    const answer = await worker.fetch(request, counting, context);
    expect([answer.status, ids]).toEqual([404, []]);
  });

  it("takes no other method", async () => {
    const sent = await aSentMessage();
    expect((await send(sent.path, { method: "DELETE" })).status).toBe(405);
  });
});
