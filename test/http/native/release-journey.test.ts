// POST /api/v1/journeys/{key}/release: the way out of a runaway stop.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { runAlarm } from "../../support/alarm.ts";
import { keyOf, post } from "../../support/api.ts";
import { d1GoesAway } from "../../support/d1-faults.ts";
import { countInCell } from "../../support/tables.ts";
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

describe("a release with replaySkipped", () => {
  it("lets in what the guard kept out, and tells what became of it", async () => {
    const workspace = await withStopped();
    await order(workspace, { email: "c@example.com" });
    const answer = await release(workspace, { replaySkipped: true });
    expect([answer.status, answer.body]).toEqual([
      200,
      expect.objectContaining({
        stoppedAt: null,
        counts: expect.objectContaining({ matched: 5, enrolled: 3, skipped: 2, active: 3 }),
        replay: {
          replayId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          events: 2,
          enrolled: 2,
          skipped: {},
          alreadyDecided: 0,
          complete: true,
        },
      }),
    ]);
  });

  it("does not count those entries: the next event is not kept out for them", async () => {
    const workspace = await withStopped();
    await release(workspace, { replaySkipped: true });
    // Of the instant of a release nothing counts.
    vi.setSystemTime(Date.now() + 1);
    const next = await order(workspace, { email: "c@example.com" });
    expect(next.receipt.journeys[0]?.outcome).toBe("enrolled");
    await evictDurableObject(workspace.cell);
    const overLimit = await order(workspace, { email: "d@example.com" });
    expect(overLimit.receipt.journeys[0]?.outcome).toBe("skipped");
  });

  it("lets nothing in twice, and finds nothing the second time", async () => {
    const workspace = await withStopped();
    await release(workspace, { replaySkipped: true });
    const again = await release(workspace, { replaySkipped: true });
    expect(again.body.replay).toMatchObject({ events: 0, enrolled: 0, complete: true });
    expect(await countInCell(workspace, "enrollments")).toBe(2);
  });

  it("lets in what an earlier stop kept out, though it was released without", async () => {
    const workspace = await withStopped();
    await release(workspace);
    const answer = await release(workspace, { replaySkipped: true });
    expect(answer.body.replay).toMatchObject({ events: 1, enrolled: 1 });
  });

  it("lets in what has reached the read model meanwhile too", async () => {
    const workspace = await withStopped();
    await runAlarm(workspace.cell);
    await order(workspace, { email: "c@example.com" });
    const answer = await release(workspace, { replaySkipped: true });
    expect(answer.body.replay).toMatchObject({ events: 2, enrolled: 2 });
  });

  it("leaves out what was skipped for another reason, and what came before the stop", async () => {
    const workspace = await withStopped();
    await order(workspace, { email: "a@example.com" });
    const answer = await release(workspace, { replaySkipped: true });
    expect(answer.body.replay).toMatchObject({ events: 1, enrolled: 1, alreadyDecided: 0, skipped: {} });
  });

  it("honours eligibility: whoever has entered meanwhile is kept out", async () => {
    const workspace = await withStopped();
    await release(workspace);
    await order(workspace, { email: "b@example.com" });
    const answer = await release(workspace, { replaySkipped: true });
    expect(answer.body.replay).toMatchObject({ events: 1, enrolled: 0, skipped: { already_active: 1 } });
  });

  it("goes on where D1 failed", async () => {
    const workspace = await withStopped();
    await runAlarm(workspace.cell);
    const away = d1GoesAway();
    expect((await release(workspace, { replaySkipped: true })).status).toBe(503);
    away.mockRestore();
    const answer = await release(workspace, { replaySkipped: true });
    expect(answer.body.replay).toMatchObject({ enrolled: 1, complete: true });
  });

  it("is refused with 422 for a journey that is paused, which stays stopped", async () => {
    const workspace = await withStopped();
    await change(workspace, "pause");
    expect((await release(workspace, { replaySkipped: true })).body.error).toBe("journey_not_active");
    expect((await read(workspace)).body.stoppedAt).not.toBeNull();
  });
});

it("is known to the list of journeys too", async () => {
  const workspace = await withStopped();
  const { items } = (await read(workspace, "")).body as { items: { stoppedAt: string | null; definition: unknown }[] };
  expect(items.map(({ stoppedAt }) => stoppedAt)).toEqual([expect.stringMatching(/Z$/)]);
  expect(items[0]?.definition).toMatchObject(aJourneyDocument());
});
