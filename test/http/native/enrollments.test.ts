import { describe, expect, it } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { get, keyOf, type ApiAnswer } from "../../support/api.ts";
import { anId, type TestWorkspace } from "../../support/workspace.ts";
import { change, order, read, withJourney, type Decision } from "./journey-calls.ts";

async function withRuns(...people: string[]): Promise<{ workspace: TestWorkspace; decisions: Decision[] }> {
  const workspace = await withJourney();
  await change(workspace, "activate");
  const decisions: Decision[] = [];
  for (const name of people) decisions.push(await order(workspace, { email: `${name}@example.com` }));
  await runAlarm(workspace.cell);
  return { workspace, decisions };
}

const idsOf = (answer: ApiAnswer): string[] => answer.body.items.map(({ id }: { id: string }) => id);
const runOf = (decision: Decision | undefined): string => decision?.receipt.journeys[0]?.enrollmentId ?? "";

describe("enrollments", () => {
  it("are read by id with their timeline as soon as the event was accepted", async () => {
    const workspace = await withJourney();
    await change(workspace, "activate");
    const decision = await order(workspace);
    const answer = await get(keyOf(workspace.apiKey), `/api/v1/enrollments/${runOf(decision)}`);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        id: runOf(decision),
        journeyId: (await read(workspace)).body.id,
        journeyKey: "order-follow-up",
        version: 1,
        profileId: decision.profileId,
        eventId: expect.any(String),
        status: "active",
        reason: null,
        stepId: "rest",
        startedAt: expect.stringMatching(/Z$/),
        endedAt: null,
        convertedAt: null,
        timeline: [
          { at: expect.stringMatching(/Z$/), stepId: "rest", kind: "entered", detail: null },
          { at: expect.stringMatching(/Z$/), stepId: "rest", kind: "waiting", detail: expect.anything() },
        ],
      },
    ]);
  });

  it("are listed newest first, without the timeline, page by page", async () => {
    const { workspace, decisions } = await withRuns("a", "b", "c");
    const first = await read(workspace, "/order-follow-up/enrollments?limit=2");
    const second = await read(workspace, `/order-follow-up/enrollments?limit=2&cursor=${first.body.nextCursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(decisions.map(runOf).toReversed());
    const { timeline: _, ...single } = (
      await get(keyOf(workspace.apiKey), `/api/v1/enrollments/${runOf(decisions[2])}`)
    ).body;
    expect(first.body.items[0]).toEqual(single);
  });

  it("are filtered by status, step, version and person", async () => {
    const { workspace, decisions } = await withRuns("a", "b");
    const list = async (query: string) => idsOf(await read(workspace, `/order-follow-up/enrollments?${query}`));
    const [a, b] = decisions;
    expect(await list("status=active&stepId=rest&version=1")).toHaveLength(2);
    expect(await list("status=completed")).toEqual([]);
    expect(await list("stepId=other")).toEqual([]);
    expect(await list("version=2")).toEqual([]);
    expect(await list(`profileId=${a?.profileId}`)).toEqual([runOf(a)]);
    expect(await list(`profileId=${b?.profileId}`)).toEqual([runOf(b)]);
    expect(await list(`profileId=${anId()}`)).toEqual([]);
  });

  it("of merged profiles are found under either id", async () => {
    const workspace = await withJourney({ eligibility: { reentry: "always", maxActive: 10 } });
    await change(workspace, "activate");
    const byEmail = await order(workspace, { email: "alex@example.com" });
    const byId = await order(workspace, { externalId: "cus_1" });
    await order(workspace, { email: "alex@example.com", externalId: "cus_1" });
    await runAlarm(workspace.cell);
    for (const { profileId } of [byEmail, byId]) {
      const answer = await read(workspace, `/order-follow-up/enrollments?profileId=${profileId}`);
      expect(idsOf(answer)).toEqual(expect.arrayContaining([runOf(byEmail), runOf(byId)]));
    }
  });

  it.each(["status=running", "profileId=nobody", "version=0", "version=x", "stepId=", "limit=0", "cursor=x"])(
    "refuse the filter %s",
    async (query) => {
      expect((await read(await withJourney(), `/order-follow-up/enrollments?${query}`)).status).toBe(400);
    },
  );
});
