// POST /api/v1/journeys/{key}/release: the way out of a runaway stop.
import { describe, expect, it } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { issuesIn, keyOf, post } from "../../support/api.ts";
import { track, type TestWorkspace } from "../../support/workspace.ts";
import { change, JOURNEYS, order, read, withJourney } from "./journey-calls.ts";

/** A journey that is stopped: a second person came within the same minute. */
async function withStopped(): Promise<TestWorkspace> {
  const workspace = await withJourney({ runaway: { enrollments: 1, per: "P1D" } });
  await change(workspace, "activate");
  await order(workspace, { email: "a@example.com" });
  await order(workspace, { email: "b@example.com" });
  return workspace;
}

async function release(workspace: TestWorkspace, body?: unknown) {
  return await post(keyOf(workspace.apiKey), `${JOURNEYS}/order-follow-up/release`, body);
}

describe("POST /api/v1/journeys/{key}/release", () => {
  it("lets a stopped journey go on, and says so", async () => {
    const workspace = await withStopped();
    expect((await read(workspace)).body).toMatchObject({ status: "active", stoppedAt: expect.stringMatching(/Z$/) });
    const released = await release(workspace);
    expect([released.status, released.body]).toEqual([
      200,
      expect.objectContaining({ status: "active", stoppedAt: null }),
    ]);
    const next = await order(workspace, { email: "c@example.com" });
    expect(next.receipt.journeys[0]?.outcome).toBe("enrolled");
  });

  it("says the same again when there is nothing to release", async () => {
    const workspace = await withStopped();
    const once = await release(workspace);
    const again = await release(workspace);
    expect([again.status, again.body]).toEqual([200, once.body]);
  });

  it.each([{}, { replaySkipped: false }, { unknown: 1 }])("takes the body %j", async (body) => {
    const answer = await release(await withStopped(), body);
    expect([answer.status, answer.body.stoppedAt]).toEqual([200, null]);
  });

  it("says that a replay is not available, and releases nothing", async () => {
    const workspace = await withStopped();
    const answer = await release(workspace, { replaySkipped: true });
    expect([answer.status, issuesIn(answer)]).toEqual([
      400,
      { replaySkipped: expect.stringContaining("not available yet") },
    ]);
    expect((await read(workspace)).body.stoppedAt).not.toBeNull();
  });

  it.each([{ replaySkipped: "yes" }, { replaySkipped: null }, [], "x"])("refuses the body %j", async (body) => {
    expect((await release(await withStopped(), JSON.stringify(body))).status).toBe(400);
  });

  it("is refused with 409 for a journey that is archived", async () => {
    const workspace = await withStopped();
    await change(workspace, "archive");
    const answer = await release(workspace);
    expect([answer.status, answer.body.error]).toEqual([409, "journey_archived"]);
  });

  it("leaves what the guard skipped skipped: a retry of such an event gets its first answer", async () => {
    const workspace = await withStopped();
    const body = { event: "order.created", profile: { email: "c@example.com" } };
    const first = await (await track(workspace, body, { key: "k" })).text();
    await release(workspace);
    const retry = await track(workspace, body, { key: "k" });
    expect(await retry.text()).toBe(first);
    expect(retry.headers.get("idempotent-replayed")).toBe("true");
  });
});

it("is known to the list of journeys too", async () => {
  const workspace = await withStopped();
  const { items } = (await read(workspace, "")).body as { items: { stoppedAt: string | null; definition: unknown }[] };
  expect(items.map(({ stoppedAt }) => stoppedAt)).toEqual([expect.stringMatching(/Z$/)]);
  expect(items[0]?.definition).toMatchObject(aJourneyDocument());
});
