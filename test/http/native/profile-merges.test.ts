// The log of a profile's merges, and undoing one, as they are asked for.
import { describe, expect, it } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { call, get, issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { runsOf } from "../../support/runs.ts";
import { rowsInD1 } from "../../support/tables.ts";
import { anId, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const PATH = "/api/v1/profiles";

async function put(workspace: TestWorkspace, body: unknown): Promise<string> {
  const answer = await call(keyOf(workspace.apiKey), { method: "PUT", path: PATH, body });
  expect(answer.status).toBe(200);
  return answer.body.id as string;
}

async function met(workspace: TestWorkspace, profile: object): Promise<{ eventId: string; profileId: string }> {
  const answer = await track(workspace, { event: "order.created", profile });
  return await answer.json<{ eventId: string; profileId: string }>();
}

/** A lead and a customer whom an event shows to be one. */
async function aMerge() {
  const workspace = await aWorkspace();
  const lead = await met(workspace, { email: "a@example.com" });
  const customer = await met(workspace, { externalId: "cus_1" });
  const merging = await met(workspace, { email: "a@example.com", externalId: "cus_1" });
  return { workspace, lead, customer, merging };
}

async function merges(workspace: TestWorkspace, id: string, query = ""): Promise<ApiAnswer> {
  return await get(keyOf(workspace.apiKey), `${PATH}/${id}/merges${query}`);
}

async function unmerge(workspace: TestWorkspace, id: string, mergedId: unknown): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), `${PATH}/${id}/unmerge`, { mergedId });
}

async function eventsOf(workspace: TestWorkspace, id: string): Promise<string[]> {
  const { body } = await get(keyOf(workspace.apiKey), `${PATH}/${id}/events`);
  return body.items.map(({ eventId }: { eventId: string }) => eventId);
}

describe("GET /api/v1/profiles/{id}/merges", () => {
  it("says who was merged into whom, when, by what, and what moved", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { entry: { event: "order.created" }, eligibility: { maxActive: 1 } });
    const lead = await met(workspace, { email: "a@example.com" });
    const customer = await put(workspace, { externalId: "cus_1" });
    const merging = await met(workspace, { email: "a@example.com", externalId: "cus_1" });
    const [run] = await runsOf(workspace);
    const answer = await merges(workspace, customer);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        items: [
          {
            at: expect.stringMatching(/Z$/),
            survivorId: customer,
            mergedId: lead.profileId,
            cause: "event",
            eventId: merging.eventId,
            moved: { identities: [{ kind: "email", value: "a@example.com" }], enrollments: [run?.id] },
            undoneAt: null,
          },
        ],
        nextCursor: null,
      },
    ]);
  });

  it("answers a merged-away id with the survivor's log", async () => {
    const { workspace, lead, customer } = await aMerge();
    expect((await merges(workspace, lead.profileId)).body).toEqual((await merges(workspace, customer.profileId)).body);
  });

  it("covers what was merged into the merged, newest first, page by page", async () => {
    const workspace = await aWorkspace();
    const device = await put(workspace, { anonymousId: "device-1" });
    const lead = await put(workspace, { email: "a@example.com" });
    await put(workspace, { email: "a@example.com", anonymousId: "device-1" });
    const customer = await put(workspace, { externalId: "cus_1" });
    await put(workspace, { email: "a@example.com", externalId: "cus_1" });
    const first = await merges(workspace, customer, "?limit=1");
    expect(first.body.items).toMatchObject([{ survivorId: customer, mergedId: lead, cause: "profile.upsert" }]);
    const second = await merges(workspace, customer, `?limit=1&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ items: [{ survivorId: lead, mergedId: device }], nextCursor: null });
  });

  it("shows a merge that was undone to both", async () => {
    const { workspace, lead, customer } = await aMerge();
    await unmerge(workspace, customer.profileId, lead.profileId);
    for (const { profileId } of [lead, customer]) {
      expect((await merges(workspace, profileId)).body.items).toMatchObject([
        { mergedId: lead.profileId, undoneAt: expect.stringMatching(/Z$/) },
      ]);
    }
  });

  it("refuses a cursor that no list of merges gave", async () => {
    const { workspace, customer } = await aMerge();
    expect((await merges(workspace, customer.profileId, "?cursor=nonsense")).status).toBe(400);
  });
});

describe("POST /api/v1/profiles/{id}/unmerge", () => {
  it("answers both profiles as they are then, exact at once", async () => {
    const { workspace, lead, customer } = await aMerge();
    const answer = await unmerge(workspace, customer.profileId, lead.profileId);
    expect([answer.status, answer.body]).toMatchObject([
      200,
      {
        survivor: { id: customer.profileId, externalId: "cus_1", email: null, mergedFrom: [] },
        restored: { id: lead.profileId, externalId: null, email: "a@example.com", mergedFrom: [] },
      },
    ]);
    for (const profile of [answer.body.survivor, answer.body.restored]) {
      expect((await get(keyOf(workspace.apiKey), `${PATH}/${profile.id}`)).body).toEqual(profile);
    }
  });

  it("gives each their events again; those of the time between are the survivor's", async () => {
    const { workspace, lead, customer, merging } = await aMerge();
    const between = await met(workspace, { email: "a@example.com" });
    await unmerge(workspace, customer.profileId, lead.profileId);
    await runAlarm(workspace.cell);
    expect(await eventsOf(workspace, lead.profileId)).toEqual([lead.eventId]);
    expect(await eventsOf(workspace, customer.profileId)).toEqual(
      [between, merging, customer].map((one) => one.eventId),
    );
  });

  it("brings both into the lists of the read model", async () => {
    const { workspace, lead, customer } = await aMerge();
    await runAlarm(workspace.cell);
    await unmerge(workspace, customer.profileId, lead.profileId);
    await runAlarm(workspace.cell);
    expect(await rowsInD1(workspace, "profiles")).toMatchObject([
      { profile_id: lead.profileId, merged_into: null, email: "a@example.com" },
      { profile_id: customer.profileId, merged_from: "[]", email: null },
    ]);
  });

  it.each([
    ["not_merged", async () => anId()],
    [
      "already_undone",
      async ({ workspace, lead, customer }: Awaited<ReturnType<typeof aMerge>>) => {
        await unmerge(workspace, customer.profileId, lead.profileId);
        return lead.profileId;
      },
    ],
  ])("says with 422 %s why not", async (reason, mergedIdOf) => {
    const merged = await aMerge();
    const answer = await unmerge(merged.workspace, merged.customer.profileId, await mergedIdOf(merged));
    expect([answer.status, answer.body]).toEqual([
      422,
      { error: "not_eligible", message: expect.stringMatching(/^\S.*\.$/), details: { reason } },
    ]);
  });

  it("refuses a body that names no profile", async () => {
    const { workspace, customer } = await aMerge();
    for (const mergedId of [undefined, 7, "cus_1"]) {
      const answer = await unmerge(workspace, customer.profileId, mergedId);
      expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["mergedId"]]);
    }
  });
});
