import { beforeAll, describe, expect, it } from "vitest";
import { renderEmail } from "../../../src/delivery/render.ts";
import { call, issuesIn, keyOf } from "../../support/api.ts";
import { aDefinition, aDefinitionOf } from "../../support/template-definitions.ts";
import { aKey, anId, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";
import { create, preview, put } from "./template-calls.ts";

const GREETING = aDefinition(
  {
    subject: { $template: "Order ${/event/orderId}" },
    preheader: { $state: "/event/note" },
    from: { $template: "${/event/shop} <shop@example.com>" },
    replyTo: "help@example.com",
  },
  {
    page: { type: "Container", children: ["hello", "pay", "end"] },
    hello: { type: "Text", props: { text: { $template: "Hello ${/profile/firstName}, ${/profile/email}" } } },
    pay: { type: "Button", props: { text: "Pay", href: { $state: "/event/url" } } },
    end: { type: "Link", props: { text: "Unsubscribe", href: { $state: "/journey/unsubscribeUrl" } } },
  },
);

const DATA = { orderId: "ord_1", note: "Soon", shop: "Mugs", url: "https://pay.example/1" };

async function withTemplate(definition = GREETING): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  expect((await create(workspace, { definition })).status).toBe(201);
  return workspace;
}

async function anEvent(
  workspace: TestWorkspace,
  over: Record<string, unknown> = {},
): Promise<{ eventId: string; profileId: string }> {
  const profile = { email: "Alex@example.com", properties: { firstName: "Alex" } };
  return await (await track(workspace, { event: "order.created", profile, data: DATA, ...over })).json();
}

// Evaluating the renderer takes seconds where its modules are loaded one by one.
beforeAll(async () => void (await renderEmail(aDefinition(), { event: {}, profile: {}, journey: {} })), 60_000);

describe("POST /api/v1/templates/{key}/preview", () => {
  it("renders sample data about somebody made up, as HTML and as plain text", async () => {
    const profile = { email: "kim@example.com", properties: { firstName: "Kim & Co <b>" } };
    const answer = await preview(await withTemplate(), { data: DATA, profile });
    expect([answer.status, { ...answer.body, html: "", text: "" }]).toEqual([
      200,
      {
        subject: "Order ord_1",
        preheader: "Soon",
        from: "Mugs <shop@example.com>",
        replyTo: "help@example.com",
        html: "",
        text: "",
        missingPaths: [],
      },
    ]);
    expect(answer.body.html).toMatch(/^<!DOCTYPE html .*Hello Kim &amp; Co &lt;b&gt;, kim@example\.com/s);
    expect(answer.body.html).toContain('href="https://pay.example/1"');
    expect(answer.body.text).toBe(
      "Hello Kim & Co <b>, kim@example.com\n\nPay: https://pay.example/1\n\nUnsubscribe: http://waypost.test/u/preview",
    );
  });

  it("takes other names of a made-up profile as properties too", async () => {
    const answer = await preview(await withTemplate(), { data: DATA, profile: { firstName: "Kim" } });
    expect([answer.body.text.split("\n")[0], answer.body.missingPaths]).toEqual(["Hello Kim,", ["/profile/email"]]);
  });

  it("renders a stored event about the person that it is about", async () => {
    const workspace = await withTemplate();
    const { eventId } = await anEvent(workspace);
    const answer = await preview(workspace, { eventId });
    expect([answer.body.subject, answer.body.text.split("\n")[0]]).toEqual([
      "Order ord_1",
      "Hello Alex, alex@example.com",
    ]);
  });

  it("renders it about somebody else who is named", async () => {
    const workspace = await withTemplate();
    const { eventId } = await anEvent(workspace);
    const profile = { email: "kim@example.com", properties: { firstName: "Kim" } };
    const { profileId } = await anEvent(workspace, { profile });
    const answer = await preview(workspace, { eventId, profileId });
    expect(answer.body.text.split("\n")[0]).toBe("Hello Kim, kim@example.com");
  });

  it.each([
    ["a stored event", "eventId", "events:read"],
    ["somebody who is here", "profileId", "profiles:read"],
  ] as const)("shows %s only to a key that may read it", async (_, field, scope) => {
    const workspace = await withTemplate();
    const named = await anEvent(workspace);
    const author: TestWorkspace = { ...workspace, apiKey: await aKey(workspace.id, ["templates:read"]) };
    for (const id of [named[field], anId()]) {
      const answer = await preview(author, { [field]: id });
      expect([answer.status, answer.body.error, answer.body.details]).toEqual([
        403,
        "insufficient_scope",
        { required: [scope] },
      ]);
      expect(answer.text).not.toMatch(/ord_1|alex/i);
    }
    expect((await preview(author, { data: DATA, profile: { email: "kim@example.com" } })).status).toBe(200);
  });

  it("names every scope that is missing where an event and a person are named", async () => {
    const workspace = await withTemplate();
    const author: TestWorkspace = { ...workspace, apiKey: await aKey(workspace.id, ["templates:read"]) };
    const answer = await preview(author, await anEvent(workspace));
    expect([answer.status, answer.body.details]).toEqual([403, { required: ["events:read", "profiles:read"] }]);
  });

  it("sees a stored event without what was redacted, and lists it as missing", async () => {
    const workspace = await withTemplate();
    const { eventId } = await anEvent(workspace, { redactedDataPaths: ["/event/url"] });
    const answer = await preview(workspace, { eventId });
    expect([answer.body.missingPaths, answer.text.includes("pay.example")]).toEqual([["/event/url"], false]);
  });

  it("sees neither data nor person of an event whose person was erased", async () => {
    const workspace = await withTemplate();
    const { eventId, profileId } = await anEvent(workspace);
    const erase = { method: "DELETE", path: `/api/v1/profiles/${profileId}` };
    expect((await call(keyOf(workspace.apiKey), erase)).status).toBe(204);
    const answer = await preview(workspace, { eventId });
    expect([answer.status, answer.body?.subject]).toEqual([200, "Order"]);
    expect(answer.text).not.toMatch(/ord_1|alex/i);
    expect((await preview(workspace, { profileId })).status).toBe(404);
  });

  it("sees neither event nor person of another workspace", async () => {
    const { eventId, profileId } = await anEvent(await aWorkspace());
    const stranger = await withTemplate();
    expect((await preview(stranger, { eventId })).status).toBe(404);
    expect((await preview(stranger, { profileId })).status).toBe(404);
  });

  it("lists missing paths once each, in order, and sends nothing in their place", async () => {
    const answer = await preview(await withTemplate(), {});
    expect([answer.body.subject, answer.body.missingPaths]).toEqual([
      "Order",
      ["/event/orderId", "/event/note", "/event/shop", "/profile/firstName", "/profile/email", "/event/url"],
    ]);
    expect([answer.body.from, answer.body.preheader]).toEqual(["shop@example.com", null]);
    expect(answer.body.html + answer.body.text).not.toMatch(/undefined|null|NaN|\[object/);
  });

  it("renders a definition that is not stored, and leaves the stored one as it is", async () => {
    const workspace = await withTemplate();
    const answer = await preview(workspace, { definition: aDefinition({ subject: "Draft" }) });
    expect([answer.status, answer.body.subject]).toEqual([200, "Draft"]);
    expect((await preview(workspace, { data: DATA })).body.subject).toBe("Order ord_1");
  });

  it("renders what a template says after an edit", async () => {
    const workspace = await withTemplate();
    await put(workspace, { definition: aDefinition({ subject: "Second" }) });
    expect((await preview(workspace, {})).body.subject).toBe("Second");
  });

  it.each([
    ["an event and data", { eventId: anId(), data: {} }, "data"],
    ["a person twice", { profileId: anId(), profile: {} }, "profile"],
    ["data that is no object", { data: [1] }, "data"],
    ["a wrong definition", { definition: aDefinitionOf("Script", {}) }, "definition.body.elements.main.type"],
    ["a profile whose properties are no object", { profile: { properties: [1] } }, "profile.properties"],
  ])("refuses %s with 400", async (_, body, path) => {
    const answer = await preview(await withTemplate(), body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
  });

  it.each([
    ["a template that does not exist", {}, "nothing"],
    ["an event that does not exist", { eventId: anId() }, "order-thanks"],
    ["a person who does not exist", { profileId: anId() }, "order-thanks"],
  ])("answers 404 for %s", async (_, body, key) => {
    expect((await preview(await withTemplate(), body, key)).status).toBe(404);
  });

  it("says 422 of an e-mail that would be too large", async () => {
    const many = aDefinition(
      {},
      {
        list: { type: "Section", children: ["item"], repeat: { statePath: "/event/items" } },
        item: { type: "Text", props: { text: { $item: "" } } },
      },
    );
    const workspace = await withTemplate(many);
    expect((await preview(workspace, { data: { items: Array(400).fill("x") } })).status).toBe(200);
    const answer = await preview(workspace, { data: { items: Array(600).fill("x") } });
    expect([answer.status, answer.body.error, answer.body.details]).toEqual([
      422,
      "not_eligible",
      { reason: "render_failed" },
    ]);
    expect(answer.body.message).toContain("1000 elements");
  });
});
