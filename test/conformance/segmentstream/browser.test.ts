// SegmentStream's browser SDK as it was recorded: its bytes, and a page in Chromium that calls `/collect` from another
// origin as it does.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBrowser } from "../../support/browser.ts";
import { call } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { startFaultyProxy } from "../../support/faulty-proxy.ts";
import { revokedKey } from "../fresh-workspace.ts";
import { exchange } from "../raw-exchange.ts";
import { requirement } from "../requirement.ts";
import { aName, basic, collect, COLLECT, eventsNamed, OURS, profileOf, rejected, SDK, track } from "./calls.ts";

let server: DevServer;
let browser: Browser;
let site: { origin: string; close: () => Promise<unknown> };
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
  browser = await startBrowser();
  site = await startSite();
});
afterAll(async () => await Promise.all([browser.close(), site.close(), server.stop()]));

/** A customer's website: an origin of its own, with one empty page. */
async function startSite(): Promise<typeof site> {
  const pages = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html", "set-cookie": "__tld__=null" }).end("<title>Shop</title>");
  });
  await new Promise<void>((listening) => pages.listen(0, "127.0.0.1", listening));
  return {
    origin: `http://127.0.0.1:${(pages.address() as AddressInfo).port}`,
    close: async () => await new Promise((closed) => pages.close(closed)),
  };
}

/** A hit with the fields that the SDK sends. */
function sdkHit(name: string, over: Record<string, unknown> = {}) {
  return {
    event: {
      name,
      category: "Ecommerce",
      transaction: {
        total: 120.13,
        currency: "USD",
        orderId: "N1",
        lineItems: [{ product: { id: "123", unitSalePrice: 99, customDimensions: [] }, quantity: 1 }],
      },
    },
    website: { type: "desktop", currency: "USD", environment: "test" },
    type: "event",
    hitId: `52d12530-e562-11f1-95b3-${name}`,
    projectId: server.dev.writeKey,
    projectName: "Demo",
    anonymousId: "80ddb140-e562-11f1-95b3-ed3f07059f97",
    userId: "u2783187492",
    emailHash: "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4",
    context: { page: { path: "/", title: "Shop" }, browser: { name: "Chrome" }, screenWidth: 1280 },
    sentAt: "2026-11-21T04:16:28.419Z",
    version: 7,
    ...over,
  };
}

describe("the browser SDK", () => {
  it(requirement("takes the bytes that the SDK sends", "S", SDK), async () => {
    const name = aName();
    const body = JSON.stringify(sdkHit(name));
    const [answer] = await exchange(
      server.port,
      [
        "POST /segmentstream/collect HTTP/1.1",
        `Host: 127.0.0.1:${server.port}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        "Content-Type: text/plain;charset=UTF-8",
        "Accept: */*",
        "Origin: http://127.0.0.1:41053",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Dest: empty",
        "Referer: http://127.0.0.1:41053/",
        "Cookie: __tld__=null; dd__persistedKeys=[]",
        "",
        body,
      ].join("\r\n"),
    );
    expect([answer?.status, answer?.text]).toEqual([204, ""]);
    expect(answer?.headers).toMatchObject({
      "access-control-allow-origin": "http://127.0.0.1:41053",
      "access-control-allow-credentials": "true",
      vary: expect.stringMatching(/\borigin\b/i),
    });
    const [event] = await eventsNamed(server, name);
    const { event: sent, website, projectName, version, type, context, emailHash } = sdkHit(name);
    const { name: _name, ...facts } = sent;
    expect(event?.data).toEqual({ ...facts, context: { ...context, website, projectName, version, type } });
    expect(event?.occurredAt).toBe("2026-11-21T04:16:28.419Z");
    expect(await profileOf(server, event as NonNullable<typeof event>)).toMatchObject({
      externalId: "u2783187492",
      properties: { emailHash },
    });
  });

  it(requirement("a page of another origin posts to it with its cookies, without a preflight", "S", SDK), async () => {
    const name = aName();
    const proxy = await startFaultyProxy({ target: server.baseUrl, plan: [] });
    const page = await (await browser.newContext()).newPage();
    await page.goto(site.origin);
    const seen = await postFrom(page, `${proxy.baseUrl}${COLLECT}`, JSON.stringify(sdkHit(name)));
    await page.context().close();
    await proxy.close();
    expect(seen).toEqual({ status: 204, ok: true, text: "" });
    expect(proxy.requests.map(({ method }) => method)).toEqual(["POST"]);
    expect(proxy.requests[0]?.headers).toMatchObject({
      origin: site.origin,
      "content-type": "text/plain;charset=UTF-8",
      cookie: "__tld__=null",
    });
    expect(await eventsNamed(server, name)).toHaveLength(1);
  });

  it(requirement("a page sees errors too, and how many events were rejected", "A", OURS), async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(site.origin);
    const url = `${server.baseUrl}${COLLECT}`;
    expect(await postFrom(page, url, "{")).toMatchObject({ status: 400, ok: false });
    expect(await postFrom(page, url, "{}")).toMatchObject({ status: 401, ok: false });
    const nobody = JSON.stringify({ ...sdkHit("Nobody"), userId: "", anonymousId: "" });
    expect(await postFrom(page, url, nobody, "x-rejected-events")).toMatchObject({ status: 204, header: "1" });
    await page.context().close();
    expect((await rejected(server))[0]).toMatchObject({ reason: "no_user_id", payload: { projectName: "Demo" } });
  });

  it(requirement("answers a preflight, which only other clients send", "A", OURS), async () => {
    const headers = {
      origin: "https://shop.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    };
    const answer = await call(server, COLLECT, { method: "OPTIONS", headers });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
    expect(answer.headers.get("access-control-allow-methods")).toBe("POST,OPTIONS");
    expect(answer.headers.get("access-control-allow-headers")).toBe("authorization,content-type");
  });

  it(
    requirement("projectId is the write key: missing, wrong, revoked or of another kind it is a 401", "A", OURS),
    async () => {
      const { apiKey, adminToken, writeKey, workspaceId } = server.dev;
      const revoked = await revokedKey(server, workspaceId, "write");
      for (const projectId of [undefined, "", "proj-1", 7, [writeKey], apiKey, adminToken, revoked]) {
        const { status, text } = await collect(server, sdkHit("Refused", { projectId }));
        expect([projectId, status, text.includes("unauthorized")]).toEqual([projectId, 401, true]);
      }
      expect(
        (
          await call(server, COLLECT, {
            method: "POST",
            body: { event: {} },
            headers: { authorization: basic(writeKey) },
          })
        ).status,
      ).toBe(401);
    },
  );

  it(requirement("a body of 64 KiB is taken, one byte more is a 400", "A", OURS), async () => {
    const empty = JSON.stringify(sdkHit(aName(), { pad: "" }));
    const sized = (bytes: number) => empty.replace('"pad":""', `"pad":"${"x".repeat(bytes - empty.length)}"`);
    expect((await collect(server, sized(64 * 1024))).status).toBe(204);
    expect((await collect(server, sized(64 * 1024 + 1))).status).toBe(400);
  });

  it(requirement("a repeated hitId is one event, also through the other door", "A", OURS), async () => {
    const name = aName();
    const hit = sdkHit(name);
    await collect(server, hit);
    await collect(server, hit);
    await track(server, hit);
    expect(await eventsNamed(server, name)).toHaveLength(1);
  });

  it(requirement("an id inside event.user wins over the one beside the event", "A", OURS), async () => {
    const name = aName();
    const { event } = sdkHit(name);
    await collect(server, sdkHit(name, { event: { ...event, user: { userId: "inside", anonymousId: "" } } }));
    const [stored] = await eventsNamed(server, name);
    expect(await profileOf(server, stored as NonNullable<typeof stored>)).toMatchObject({ externalId: "inside" });
  });
});

/** Posts a text from a page, as the SDK does. @param header  of the answer, if the page may read it */
async function postFrom(page: Page, url: string, body: string, header?: string) {
  return await page.evaluate(
    async (sent) => {
      // A browser's fetch: the types at hand are the Workers runtime's, which knows neither cookies nor origins.
      const init = { method: "post", credentials: "include", mode: "cors", body: sent.body } as RequestInit;
      const response = await fetch(sent.url, init);
      const seen = { status: response.status, ok: response.ok, text: await response.text() };
      return sent.header === undefined ? seen : { ...seen, header: response.headers.get(sent.header) };
    },
    { url, body, header },
  );
}
