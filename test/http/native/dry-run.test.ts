import { beforeEach, describe, expect, it } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { dumpCell, rowsInD1 } from "../../support/tables.ts";
import { aKey, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const DRY = "/api/v1/events?dryRun=true";
const SECRET = "4242-4242-dry";

let workspace: TestWorkspace;
beforeEach(async () => {
  workspace = await aWorkspace();
  const filter = { $state: "/event/total", gte: 40 };
  await anActiveJourney(workspace.cell, { entry: { event: "order.created", filter } });
});

async function dry(body: unknown): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), DRY, body);
}

const anOrder = (total: number) => ({
  event: "order.created",
  profile: { email: "alex@example.com" },
  data: { total },
});

describe("POST /api/v1/events?dryRun=true", () => {
  it("answers what accepting would do, with a receipt that names no run", async () => {
    const { status, body } = await dry(anOrder(50));
    expect([status, body]).toEqual([
      200,
      {
        dryRun: true,
        profileId: null,
        matchedJourneys: 1,
        enrolledJourneys: 1,
        skippedJourneys: 0,
        receipt: {
          journeys: [
            expect.objectContaining({ key: "order-follow-up", outcome: "enrolled", enrollmentId: null, detail: null }),
          ],
          warnings: [],
        },
        inactive: [],
        similarEvents: [],
      },
    ]);
    const accepted = await (await track(workspace, anOrder(50))).json<{ profileId: string }>();
    expect((await dry(anOrder(30))).body).toMatchObject({
      profileId: accepted.profileId,
      enrolledJourneys: 0,
      skippedJourneys: 1,
      receipt: { journeys: [{ reason: "filter_failed", detail: { path: "/event/total", operator: "gte" } }] },
    });
  });

  it("needs no key, and uses none up", async () => {
    const key = "the-key";
    const answer = await track(workspace, anOrder(30), { key, query: "?dryRun=true" });
    expect([answer.status, (await track(workspace, anOrder(50), { key })).status]).toEqual([200, 202]);
    // Nor does it find what the key stands for.
    expect((await track(workspace, anOrder(30), { key, query: "?dryRun=true" })).status).toBe(200);
  });

  it("stores nothing, in the cell or in D1", async () => {
    await track(workspace, anOrder(30));
    await runAlarm(workspace.cell);
    // What any call writes: when its key was last used.
    await dry({ event: "page.viewed", profile: { email: "alex@example.com" } });
    const all = async () => [
      await dumpCell(workspace),
      await rowsInD1(workspace, "user_events"),
      await rowsInD1(workspace, "profiles"),
      await rowsInD1(workspace, "enrollments"),
    ];
    const before = await all();
    await dry({
      ...anOrder(50),
      profile: { email: "alex@example.com", externalId: "cus_1", properties: { plan: "Pro" } },
    });
    await dry({ ...anOrder(50), profile: { email: "new@example.com" } });
    expect(await all()).toEqual(before);
  });

  it("never shows what is declared secret", async () => {
    const filter = { $state: "/event/card", eq: "none" };
    await anActiveJourney(workspace.cell, { key: "cards", entry: { event: "card.used", filter } });
    const answer = await dry({
      event: "card.used",
      profile: { email: "alex@example.com" },
      data: { card: SECRET },
      redactedDataPaths: ["/event/card"],
    });
    expect(answer.body.receipt.journeys).toMatchObject([{ reason: "filter_failed" }]);
    expect([answer.text.includes(SECRET), JSON.stringify(await dumpCell(workspace)).includes(SECRET)]).toEqual([
      false,
      false,
    ]);
  });

  it("refuses what accepting would refuse, with the same words", async () => {
    const wrong = { event: "", profile: { externalId: "null" } };
    const [asked, sent] = [await dry(wrong), await track(workspace, wrong)];
    expect([asked.status, sent.status, asked.body]).toEqual([400, 400, await sent.json()]);
    expect(issuesIn(await dry({ event: "a", profile: {} }))).toHaveProperty("profile");
  });

  it("asks for events:write, and for no other word than true or false", async () => {
    const reader = keyOf(await aKey(workspace.id, ["events:read", "journeys:read"]));
    expect((await post(reader, DRY, anOrder(1))).status).toBe(403);
    const answer = await post(keyOf(workspace.apiKey), "/api/v1/events?dryRun=yes", anOrder(1));
    expect([answer.status, issuesIn(answer)]).toEqual([400, { "query.dryRun": "Must be true or false." }]);
  });

  it("offers the names that were probably meant, and journeys that are not active", async () => {
    await post(keyOf(workspace.apiKey), "/api/v1/journeys", {
      key: "draft",
      name: "Draft",
      entry: { event: "order_create" },
      steps: [{ id: "done", type: "exit" }],
    });
    expect((await dry({ ...anOrder(1), event: "order_create" })).body).toMatchObject({
      matchedJourneys: 0,
      inactive: [{ key: "draft", status: "draft" }],
      similarEvents: ["order.created"],
    });
  });
});
