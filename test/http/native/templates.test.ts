import { describe, expect, it } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { get, issuesIn, keyOf } from "../../support/api.ts";
import { queryCell } from "../../support/tables.ts";
import { aDefinition, aDefinitionOf } from "../../support/template-definitions.ts";
import { aWorkspace, type TestWorkspace } from "../../support/workspace.ts";
import * as journeys from "./journey-calls.ts";
import { archive, create, put, read, TEMPLATES } from "./template-calls.ts";

const OTHER = aDefinition({ subject: "Bye" });
const MAIL = [{ id: "mail", type: "email", template: "order-thanks" }];

async function withTemplate(over: Record<string, unknown> = {}): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  expect((await create(workspace, over)).status).toBe(201);
  return workspace;
}

/** A workspace whose one journey sends the one template. */
async function withSendingJourney(): Promise<TestWorkspace> {
  const workspace = await withTemplate();
  await journeys.create(workspace, aJourneyDocument({ steps: MAIL }));
  expect((await journeys.change(workspace, "activate")).status).toBe(200);
  return workspace;
}

describe("POST /api/v1/templates", () => {
  it("files an active template with its first snapshot", async () => {
    const definition = aDefinition({
      subject: { $template: "Order ${/event/orderId}" },
      preheader: "Thank you",
      from: "Shop <shop@example.com>",
      replyTo: { $state: "/event/support" },
      sensitiveTransactionalVariablePaths: ["/event/resetUrl"],
    });
    const answer = await create(await aWorkspace(), { definition });
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        key: "order-thanks",
        name: "Thanks",
        status: "active",
        snapshotId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        definition,
        createdAt: expect.stringMatching(/Z$/),
        updatedAt: expect.stringMatching(/Z$/),
      },
    ]);
  });

  it("drops unknown fields of a definition and keeps the body as it was sent", async () => {
    const definition = { ...aDefinition(), extra: 1 };
    const body = {
      ...definition.body,
      state: { a: 1 },
      elements: { main: { type: "Text", props: { text: "x", more: 1 } } },
    };
    const answer = await create(await aWorkspace(), { definition: { ...definition, body } });
    expect(answer.body.definition).toEqual({ subject: "Hello", body });
  });

  it("refuses a key that is taken with 409, archived or not", async () => {
    const workspace = await withTemplate();
    expect([(await create(workspace)).status, (await create(workspace)).body.error]).toEqual([409, "already_exists"]);
    await archive(workspace);
    expect((await create(workspace)).status).toBe(409);
  });

  it("takes a key that only another workspace has", async () => {
    await withTemplate();
    expect((await create(await aWorkspace())).status).toBe(201);
  });

  it.each([
    ["a key with capitals", { key: "Order" }, "key"],
    ["no name", { name: undefined }, "name"],
    ["no definition", { definition: undefined }, "definition"],
    ["no subject", { definition: { body: aDefinition().body } }, "definition.subject"],
    ["no body", { definition: { subject: "x" } }, "definition.body"],
    [
      "a link that runs",
      { definition: aDefinitionOf("Link", { text: "x", href: "javascript:x" }) },
      "definition.body.elements.main.props.href",
    ],
    [
      "a path that leads nowhere",
      { definition: aDefinition({ subject: { $state: "/person/name" } }) },
      "definition.subject.$state",
    ],
    ["a sender that is no address", { definition: aDefinition({ from: "shop" }) }, "definition.from"],
    [
      "a sensitive path outside of the event",
      { definition: aDefinition({ sensitiveTransactionalVariablePaths: ["/profile/x"] }) },
      "definition.sensitiveTransactionalVariablePaths.0",
    ],
  ])("refuses %s with 400, by its path", async (_, over, path) => {
    const answer = await create(await aWorkspace(), over);
    expect([answer.status, answer.body.error, Object.keys(issuesIn(answer))]).toEqual([400, "invalid_request", [path]]);
  });

  it("refuses a template over 256 KiB with 413", async () => {
    const elements = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`e${i}`, { type: "Text", props: { text: "x".repeat(30_000) } }]),
    );
    expect((await create(await aWorkspace(), { definition: aDefinition({}, elements) })).status).toBe(413);
  });

  it("takes a thousand elements", async () => {
    const children = Array.from({ length: 999 }, (_, i) => `e${i}`);
    const elements = Object.fromEntries(children.map((key) => [key, { type: "Text", props: { text: "x" } }]));
    const definition = aDefinition({}, { root: { type: "Section", children }, ...elements });
    expect((await create(await aWorkspace(), { definition })).status).toBe(201);
  });
});

describe("GET /api/v1/templates", () => {
  it("lists templates newest first, a page at a time", async () => {
    const workspace = await aWorkspace();
    for (const key of ["a", "b", "c"]) await create(workspace, { key });
    const first = await get(keyOf(workspace.apiKey), `${TEMPLATES}?limit=2`);
    expect(first.body.items.map(({ key }: { key: string }) => key)).toEqual(["c", "b"]);
    const second = await get(keyOf(workspace.apiKey), `${TEMPLATES}?limit=2&cursor=${first.body.nextCursor}`);
    expect([second.body.items.map(({ key }: { key: string }) => key), second.body.nextCursor]).toEqual([["a"], null]);
  });

  it("answers one by its key as it was filed", async () => {
    const workspace = await aWorkspace();
    const filed = await create(workspace);
    expect([(await read(workspace)).status, (await read(workspace)).body]).toEqual([200, filed.body]);
  });

  it("answers 404 for another workspace's key as for one that does not exist", async () => {
    await withTemplate();
    const stranger = await aWorkspace();
    const [theirs, nobodys] = [await read(stranger), await read(stranger, "nothing")];
    expect([theirs.status, theirs.body]).toEqual([404, nobodys.body]);
  });
});

describe("PUT /api/v1/templates/{key}", () => {
  it("takes a new snapshot, and the one before stays as it was", async () => {
    const workspace = await withTemplate();
    const before = (await read(workspace)).body;
    const answer = await put(workspace, { definition: OTHER });
    expect([answer.status, answer.body.definition, answer.body.name]).toEqual([200, OTHER, "Thanks"]);
    expect(answer.body.snapshotId).not.toBe(before.snapshotId);
    const rows = await queryCell(workspace, `SELECT id, definition FROM template_snapshots ORDER BY id`);
    expect(rows).toEqual([
      { id: before.snapshotId, definition: JSON.stringify(before.definition) },
      { id: answer.body.snapshotId, definition: JSON.stringify(OTHER) },
    ]);
  });

  it("takes no snapshot of what the template says already", async () => {
    const workspace = await withTemplate();
    const before = (await read(workspace)).body;
    const answer = await put(workspace, { name: "Renamed", definition: aDefinition() });
    expect([answer.body.snapshotId, answer.body.name]).toEqual([before.snapshotId, "Renamed"]);
  });

  it("lets an archived template be used again", async () => {
    const workspace = await withTemplate();
    await archive(workspace);
    expect((await put(workspace, { definition: aDefinition() })).body.status).toBe("active");
  });

  it("answers 404 for a key that does not exist, and refuses a bad definition with 400", async () => {
    const workspace = await withTemplate();
    expect((await put(workspace, { definition: OTHER }, "nothing")).status).toBe(404);
    expect((await put(workspace, { definition: {} })).status).toBe(400);
    expect((await read(workspace)).body.definition).toEqual(aDefinition());
  });
});

describe("POST /api/v1/templates/{key}/archive", () => {
  it("archives a template that no journey uses, and again", async () => {
    const workspace = await withTemplate();
    expect([(await archive(workspace)).body.status, (await archive(workspace)).status]).toEqual(["archived", 200]);
  });

  it("refuses with 409 in_use while an active journey sends it, and names the journey", async () => {
    const workspace = await withSendingJourney();
    const answer = await archive(workspace);
    expect([answer.status, answer.body.error, answer.body.details]).toEqual([
      409,
      "in_use",
      { journeys: ["order-follow-up"] },
    ]);
    expect((await read(workspace)).body.status).toBe("active");
  });

  it("counts the published version of a journey, not one that is still to be published", async () => {
    const workspace = await withSendingJourney();
    const resting = aJourneyDocument();
    await journeys.put(workspace, "order-follow-up", resting);
    expect((await archive(workspace)).status).toBe(409);
    await journeys.change(workspace, "activate");
    expect((await archive(workspace)).status).toBe(200);
  });

  it.each(["pause", "archive"])("takes it once its journey is told to %s", async (what) => {
    const workspace = await withSendingJourney();
    await journeys.change(workspace, what);
    expect((await archive(workspace)).status).toBe(200);
  });
});

describe("POST /api/v1/journeys/{key}/activate", () => {
  it("refuses a journey that sends an unknown template with 422, by the step's path", async () => {
    const workspace = await aWorkspace();
    const steps = [{ id: "rest", type: "delay", for: "PT1H" }, ...MAIL];
    await journeys.create(workspace, aJourneyDocument({ steps }));
    const answer = await journeys.change(workspace, "activate");
    expect([answer.status, answer.body.error, answer.body.details.issues]).toEqual([
      422,
      "invalid_journey",
      [{ path: "steps.1.template", stepId: "mail", message: expect.stringContaining("no template") }],
    ]);
    expect((await journeys.read(workspace)).body.status).toBe("draft");
  });

  it("refuses one that sends an archived template, also when a paused journey is to go on", async () => {
    const workspace = await withSendingJourney();
    await journeys.change(workspace, "pause");
    await archive(workspace);
    const answer = await journeys.change(workspace, "activate");
    expect([answer.status, issuesIn(answer)]).toEqual([
      422,
      { "steps.0.template": expect.stringContaining("archived") },
    ]);
  });

  it("goes on with the published version when the new one sends an unknown template", async () => {
    const workspace = await withSendingJourney();
    const steps = [{ id: "mail", type: "email", template: "nothing" }];
    await journeys.put(workspace, "order-follow-up", aJourneyDocument({ steps }));
    expect((await journeys.change(workspace, "activate")).status).toBe(422);
    expect((await journeys.read(workspace)).body).toMatchObject({ status: "active", version: 2, publishedVersion: 1 });
  });

  it("asks for no template of a journey that is active as it is", async () => {
    const workspace = await withSendingJourney();
    await queryCell(workspace, `UPDATE templates SET status = 'archived'`);
    expect((await journeys.change(workspace, "activate")).status).toBe(200);
  });
});
