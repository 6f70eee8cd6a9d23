// What operators and authors do with runs over HTTP: cancelling, migrating, simulating.
import { describe, expect, it } from "vitest";
import { get, issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anId, type TestWorkspace } from "../../support/workspace.ts";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { change, order, put, read, withJourney } from "./journey-calls.ts";

const KEY = "order-follow-up";
const START = "2026-05-31T12:00:00.000Z";
const STEPS = [
  { id: "hook", type: "webhook", url: "https://example.com/h" },
  { id: "rest", type: "delay", for: "P1D" },
  { id: "bye", type: "exit", reason: "done" },
];

async function withRun(): Promise<{ workspace: TestWorkspace; id: string; profileId: string }> {
  const workspace = await withJourney({ steps: STEPS });
  await change(workspace, "activate");
  const { receipt, profileId } = await order(workspace);
  return { workspace, id: receipt.journeys[0]?.enrollmentId ?? "", profileId };
}

const call = async (workspace: TestWorkspace, path: string, body?: unknown): Promise<ApiAnswer> =>
  await post(keyOf(workspace.apiKey), `/api/v1/${path}`, body);

describe("cancelling", () => {
  it("a run answers the enrollment, and does so again", async () => {
    const { workspace, id } = await withRun();
    const first = await call(workspace, `enrollments/${id}/cancel`);
    expect([first.status, first.body]).toMatchObject([200, { id, status: "cancelled", reason: "cancelled" }]);
    expect((await call(workspace, `enrollments/${id}/cancel`)).body).toEqual(first.body);
    expect((await get(keyOf(workspace.apiKey), `/api/v1/enrollments/${id}`)).body).toEqual(first.body);
    expect((await call(workspace, `enrollments/${anId()}/cancel`)).status).toBe(404);
  });

  it("many runs says how many there were", async () => {
    const { workspace, profileId } = await withRun();
    const cancel = async (filter: object) => (await call(workspace, `journeys/${KEY}/enrollments/cancel`, filter)).body;
    expect(await cancel({ stepId: "bye" })).toEqual({ cancelled: 0 });
    expect(await cancel({ version: 2 })).toEqual({ cancelled: 0 });
    expect(await cancel({ startedBefore: START })).toEqual({ cancelled: 0 });
    expect(await cancel({ status: "completed" })).toEqual({ cancelled: 0 });
    expect(await cancel({ profileIds: [anId()] })).toEqual({ cancelled: 0 });
    expect(await cancel({ profileIds: [profileId], stepId: "rest", version: 1, status: "active" })).toEqual({
      cancelled: 1,
    });
    expect((await read(workspace)).body.counts).toMatchObject({ active: 0, cancelled: 1 });
  });

  it("many runs needs to be told which", async () => {
    const { workspace } = await withRun();
    const answer = await call(workspace, `journeys/${KEY}/enrollments/cancel`, { unknown: 1 });
    expect([answer.status, issuesIn(answer)]).toEqual([400, { body: expect.stringContaining("which runs") }]);
    expect((await read(workspace)).body.counts).toMatchObject({ active: 1 });
  });
});

describe("migrating a run", () => {
  it("shows first, then moves, and refuses with a reason", async () => {
    const { workspace, id } = await withRun();
    await put(workspace, KEY, aJourneyDocument({ key: KEY, steps: STEPS.slice(1) }));
    const migrate = async (body: object) => await call(workspace, `enrollments/${id}/migrate`, body);
    expect((await migrate({ version: 2, dryRun: true })).body).toEqual({
      from: { version: 1, stepId: "rest" },
      to: { version: 2, stepId: "rest" },
      changes: expect.arrayContaining([expect.stringContaining("from version 1 to 2")]),
      applied: false,
    });
    expect((await migrate({ version: 2 })).body.applied).toBe(true);
    const refused = await migrate({ version: 2, stepId: "hook" });
    expect([refused.status, refused.body]).toMatchObject([
      422,
      { error: "not_eligible", message: expect.stringContaining("stepId"), details: { reason: "no_such_step" } },
    ]);
    expect((await migrate({ version: 3 })).body).toEqual({
      error: "not_eligible",
      message: "The journey has no version of that number.",
      details: { reason: "no_such_version" },
    });
  });
});

describe("simulating", () => {
  const script = {
    start: START,
    profile: { email: "Alex@example.com", properties: { plan: "Pro" } },
    events: [{ at: START, event: "order.created", data: { total: 5 } }],
  };

  it("answers the whole timeline, with what would have been sent, and leaves no trace", async () => {
    const workspace = await withJourney({ steps: STEPS });
    const { status, body } = await call(workspace, `journeys/${KEY}/simulate`, script);
    expect([status, body]).toMatchObject([
      200,
      {
        enrollments: [{ status: "completed", reason: "done", endedAt: "2026-06-01T12:00:00.000Z", journeyKey: KEY }],
        decisions: [{ outcome: "enrolled" }],
        deliveries: [{ stepId: "hook", request: { url: "https://example.com/h" } }],
        stoppedBy: null,
      },
    ]);
    expect(body.enrollments[0].timeline.map(({ kind, stepId }: Record<string, string>) => `${kind} ${stepId}`)).toEqual(
      ["entered hook", "entered rest", "waiting rest", "sent hook", "resumed rest", "entered bye", "ended bye"],
    );
    expect((await read(workspace)).body.counts).toMatchObject({ matched: 0, enrolled: 0 });
  });

  it("ends at `until`, and plays the version that is named", async () => {
    const workspace = await withJourney({ steps: STEPS });
    await put(workspace, KEY, aJourneyDocument({ key: KEY, steps: [{ id: "now", type: "exit" }] }));
    const simulate = async (over: object) =>
      (await call(workspace, `journeys/${KEY}/simulate`, { ...script, ...over })).body;
    expect((await simulate({})).enrollments).toMatchObject([{ version: 2, status: "completed" }]);
    expect((await simulate({ version: 1, until: START })).enrollments).toMatchObject([
      { version: 1, status: "active" },
    ]);
    expect((await simulate({ version: 3 })).error).toBe("not_found");
  });

  it("takes a number for a seed too", async () => {
    const workspace = await withJourney({ steps: STEPS });
    const simulate = async (seed: unknown) =>
      (await call(workspace, `journeys/${KEY}/simulate`, { ...script, seed })).body;
    expect(await simulate(42)).toEqual(await simulate("42"));
    expect((await simulate(42)).enrollments).toHaveLength(1);
    expect((await simulate(true)).error).toBe("invalid_request");
  });

  it("refuses what no script can be", async () => {
    const workspace = await withJourney();
    const issues = async (over: object) =>
      issuesIn(await call(workspace, `journeys/${KEY}/simulate`, { ...script, ...over }));
    expect(Object.keys(await issues({ start: "1969-01-01T00:00:00Z" }))).toContain("start");
    expect(await issues({ start: "2026-06-01T00:00:00Z" })).toEqual({
      events: "Must not hold an event before the start.",
    });
    expect(Object.keys(await issues({ events: Array.from({ length: 1_001 }, () => script.events[0]) }))).toEqual([
      "events",
    ]);
  });
});
