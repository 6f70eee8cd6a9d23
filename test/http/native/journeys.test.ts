import { describe, expect, it } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { issuesIn, keyOf, post } from "../../support/api.ts";
import { aWorkspace } from "../../support/workspace.ts";
import { change, create, JOURNEYS, order, put, read, withJourney } from "./journey-calls.ts";

describe("POST /api/v1/journeys", () => {
  it("files a draft of version 1 that no event starts yet", async () => {
    const workspace = await aWorkspace();
    const document = aJourneyDocument({ eligibility: { reentry: { after: "P7D" } } });
    const answer = await create(workspace, document);
    const counts = { matched: 0, enrolled: 0, skipped: 0, active: 0, completed: 0, exited: 0, failed: 0, cancelled: 0 };
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        key: "order-follow-up",
        name: "Order follow-up",
        status: "draft",
        version: 1,
        publishedVersion: null,
        stoppedAt: null,
        definition: document,
        counts: { ...counts, converted: 0 },
        createdAt: expect.stringMatching(/Z$/),
        updatedAt: expect.stringMatching(/Z$/),
      },
    ]);
    expect((await order(workspace)).matchedJourneys).toBe(0);
  });

  it("refuses a key that is taken with 409", async () => {
    const workspace = await withJourney();
    const answer = await create(workspace);
    expect([answer.status, answer.body.error]).toEqual([409, "already_exists"]);
  });

  it("takes a key that only another workspace has", async () => {
    await withJourney();
    expect((await create(await aWorkspace())).status).toBe(201);
  });

  it.each([
    ["no key", { key: undefined }, "key"],
    ["a key with capitals", { key: "Order" }, "key"],
    ["no name", { name: undefined }, "name"],
  ])("refuses a document with %s with 400: it cannot be filed", async (_, over, path) => {
    const answer = await create(await aWorkspace(), JSON.parse(JSON.stringify(aJourneyDocument(over))));
    expect([answer.status, answer.body.error, Object.keys(issuesIn(answer))]).toEqual([400, "invalid_request", [path]]);
  });

  it.each([["[]"], ['"x"'], ["null"], ["7"]])("refuses the body %s with 400", async (body) => {
    const answer = await create(await aWorkspace(), body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["body"]]);
  });

  it("refuses a document that cannot run with 422, naming the step", async () => {
    const steps = [{ id: "rest", type: "delay", for: "P1Y", next: "nowhere" }];
    const answer = await create(await aWorkspace(), aJourneyDocument({ steps }));
    expect([answer.status, answer.body.error]).toEqual([422, "invalid_journey"]);
    const { issues } = answer.body.details;
    expect(issues).toContainEqual({ path: "steps.0.for", stepId: "rest", message: expect.any(String) });
    expect(answer.text).not.toContain("P1Y");
  });

  it("refuses steps that lead nowhere with 422, naming them in plain words", async () => {
    const steps = [
      { id: "hello", type: "email", template: "hello", next: "hello" },
      { id: "bye", type: "email", template: "bye" },
    ];
    const answer = await create(await aWorkspace(), aJourneyDocument({ steps }));
    expect([answer.status, answer.body.error]).toEqual([422, "invalid_journey"]);
    expect(answer.body.details.issues).toEqual([
      { path: "steps.0", stepId: "hello", message: expect.stringContaining("hello → hello") },
      { path: "steps.0", stepId: "hello", message: expect.stringContaining("Nothing leads out of here") },
      { path: "steps.1", stepId: "bye", message: expect.stringContaining("nobody would ever get here") },
    ]);
  });

  it("answers every rule of entry as it was sent", async () => {
    const rules = {
      eligibility: {
        reentry: { after: "P7D" },
        key: "/event/orderId",
        maxActive: 1,
        cap: { enrollments: 3, per: "PT1H" },
        requires: ["email"],
      },
      runaway: { enrollments: 1000, per: "PT1M" },
    };
    const answer = await create(await aWorkspace(), aJourneyDocument(rules));
    expect([answer.status, answer.body.definition]).toEqual([201, expect.objectContaining(rules)]);
  });
});

describe("PUT /api/v1/journeys/{key}", () => {
  it("writes a new version, and an active journey goes on with the published one", async () => {
    const workspace = await withJourney();
    await change(workspace, "activate");
    const edited = await put(workspace, "order-follow-up", aJourneyDocument({ name: "Second" }));
    expect([edited.status, edited.body]).toEqual([
      200,
      expect.objectContaining({ name: "Second", status: "active", version: 2, publishedVersion: 1 }),
    ]);
    expect((await order(workspace)).receipt.journeys[0]?.version).toBe(1);
    await change(workspace, "activate");
    expect((await order(workspace, { email: "kim@example.com" })).receipt.journeys[0]?.version).toBe(2);
  });

  it("refuses a key other than the path's with 400, and changes nothing", async () => {
    const workspace = await withJourney();
    const answer = await put(workspace, "order-follow-up", aJourneyDocument({ key: "another" }));
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["key"]]);
    expect((await read(workspace)).body.version).toBe(1);
  });

  it("refuses a document that cannot run with 422, and changes nothing", async () => {
    const workspace = await withJourney();
    const answer = await put(workspace, "order-follow-up", aJourneyDocument({ steps: [] }));
    expect(answer.status).toBe(422);
    expect((await read(workspace)).body.version).toBe(1);
  });

  it("answers 404 for a journey that does not exist", async () => {
    const answer = await put(await aWorkspace(), "order-follow-up", aJourneyDocument());
    expect([answer.status, answer.body.error]).toEqual([404, "not_found"]);
  });

  it("refuses to change an archived journey with 409", async () => {
    const workspace = await withJourney();
    await change(workspace, "archive");
    const answer = await put(workspace, "order-follow-up", aJourneyDocument());
    expect([answer.status, answer.body.error]).toEqual([409, "journey_archived"]);
  });
});

describe("POST /api/v1/journeys/{key}/activate, pause and archive", () => {
  it("take effect for the next event", async () => {
    const workspace = await withJourney({ eligibility: { reentry: "always", maxActive: 10 } });
    const matched: number[] = [];
    for (const what of ["activate", "pause", "activate", "archive"]) {
      const answer = await change(workspace, what);
      expect([what, answer.status]).toEqual([what, 200]);
      matched.push((await order(workspace)).matchedJourneys);
    }
    expect(matched).toEqual([1, 0, 1, 0]);
  });

  it.each(["activate", "pause", "archive"])("%s is idempotent", async (what) => {
    const workspace = await withJourney();
    await change(workspace, "activate");
    const first = await change(workspace, what);
    const second = await change(workspace, what);
    expect([second.status, second.body]).toEqual([200, first.body]);
  });

  it("refuse to pause a draft with 422", async () => {
    const answer = await change(await withJourney(), "pause");
    expect([answer.status, answer.body.error]).toEqual([422, "journey_not_active"]);
  });

  it.each(["activate", "pause"])("refuse to %s an archived journey with 409", async (what) => {
    const workspace = await withJourney();
    await change(workspace, "archive");
    const answer = await change(workspace, what);
    expect([answer.status, answer.body.error]).toEqual([409, "journey_archived"]);
  });

  it("pass over a body", async () => {
    const workspace = await withJourney();
    const answer = await post(keyOf(workspace.apiKey), `${JOURNEYS}/order-follow-up/activate`, "not JSON");
    expect(answer.status).toBe(200);
  });
});

describe("GET /api/v1/journeys", () => {
  it("counts what was matched, enrolled and skipped, pending events included", async () => {
    const workspace = await withJourney();
    await change(workspace, "activate");
    await order(workspace);
    await order(workspace);
    const { counts } = (await read(workspace)).body;
    expect(counts).toMatchObject({ matched: 2, enrolled: 1, skipped: 1, active: 1 });
  });

  it("lists newest first, page by page", async () => {
    const workspace = await aWorkspace();
    for (const key of ["a", "b", "c"]) await create(workspace, aJourneyDocument({ key }));
    const first = await read(workspace, "?limit=2");
    const second = await read(workspace, `?limit=2&cursor=${first.body.nextCursor}`);
    const keys = [first, second].map(({ body }) => body.items.map(({ key }: { key: string }) => key));
    expect([keys, second.body.nextCursor]).toEqual([[["c", "b"], ["a"]], null]);
    expect((await read(workspace, "?limit=3")).body.nextCursor).toBeNull();
  });

  it("lists a journey as the single read shows it", async () => {
    const workspace = await withJourney();
    expect((await read(workspace, "")).body.items).toEqual([(await read(workspace)).body]);
  });
});

describe("GET /api/v1/journeys/{key}/versions", () => {
  it("lists every version, newest first, and when each was published", async () => {
    const workspace = await withJourney();
    await change(workspace, "activate");
    await put(workspace, "order-follow-up", aJourneyDocument({ name: "Second" }));
    const { body } = await read(workspace, "/order-follow-up/versions");
    expect(body.items).toEqual([
      {
        version: 2,
        definition: aJourneyDocument({ name: "Second" }),
        createdAt: expect.any(String),
        publishedAt: null,
      },
      { version: 1, definition: aJourneyDocument(), createdAt: expect.any(String), publishedAt: expect.any(String) },
    ]);
  });

  it("pages", async () => {
    const workspace = await withJourney();
    for (const name of ["2", "3"]) await put(workspace, "order-follow-up", aJourneyDocument({ name }));
    const first = await read(workspace, "/order-follow-up/versions?limit=2");
    const second = await read(workspace, `/order-follow-up/versions?limit=2&cursor=${first.body.nextCursor}`);
    const versions = [first, second].map(({ body }) => body.items.map(({ version }: { version: number }) => version));
    expect([versions, second.body.nextCursor]).toEqual([[[3, 2], [1]], null]);
  });

  it.each(["0", "x", "1.5", "-1"])("refuses a cursor that stands for %s", async (position) => {
    const workspace = await withJourney();
    expect(
      (await read(workspace, `/order-follow-up/versions?cursor=${btoa(position).replaceAll("=", "")}`)).status,
    ).toBe(400);
  });
});
