// The way of a message: handed out once an attempt, tried again by its schedule, settled once, and what its run and its
// record say of it then.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { retryWaitMs } from "../../src/domain/delivery-retry.ts";
import { NOW_MS } from "../support/clock.ts";
import { OPERATOR } from "../support/commands.ts";
import {
  aReport,
  attempted,
  attemptsOf,
  claim,
  granted,
  messageOf,
  messagesOf,
  report,
  settleDelivery,
} from "../support/deliveries.ts";
import { changeJourney } from "../support/journeys.ts";
import { aRun, linesOf, pass, readRun } from "../support/running.ts";
import { countInCell, queryCell } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";
const HOOK = { id: "hook", type: "webhook", url: "https://crm.example.com/h" };
const REST = { id: "rest", type: "delay", for: "P30D" };
const DROPPED = { kind: "dropped" };
const LEASE_MS = 30_000;
const DAY_MS = 24 * 3_600_000;

/** A run that asked for a webhook, which is in the queue. @returns besides: the id of its first message */
async function aQueuedHook(over: Record<string, unknown> = {}, after: unknown[] = [REST]) {
  const { workspace, id: runId } = await aRun([{ ...HOOK, ...over }, ...after]);
  await pass(workspace, 0);
  const [first] = await messagesOf(workspace);
  return { workspace, id: first?.id ?? "", runId };
}

/** Lets attempts fail until the message is settled. @returns how long it waited for each next one */
async function failUntilSettled(workspace: TestWorkspace, id: string, first = 1): Promise<number[]> {
  const waits: number[] = [];
  for (let attempt = first; attempt < first + 20; attempt++) {
    await attempted(workspace, id, attempt, { outcome: "retry", code: "500" });
    const { status, next_attempt_at } = await messageOf(workspace);
    if (status !== "pending") return waits;
    waits.push((next_attempt_at ?? 0) - Date.now());
    await pass(workspace, (next_attempt_at ?? 0) - Date.now());
  }
  throw new Error("the message is never settled");
}

async function deliveriesHealth({ cell }: TestWorkspace) {
  const { deliveries } = (await cell.health()) as { deliveries: Record<string, unknown> };
  return deliveries;
}

describe("a message that a run asked for", () => {
  it("goes into the queue with the next alarm", async () => {
    const { workspace } = await aRun([HOOK, REST]);
    expect(await messageOf(workspace)).toMatchObject({ status: "pending", state: "waiting", due_at: NOW_MS });
    await pass(workspace, 0);
    expect(await messageOf(workspace)).toMatchObject({ state: "queued", due_at: NOW_MS + LEASE_MS, attempts: 0 });
  });

  it("is handed out once", async () => {
    const { workspace, id } = await aQueuedHook();
    const job = await granted(workspace, id);
    expect(job).toMatchObject({ channel: "webhook", deliveryId: id, attempt: 1, url: HOOK.url, method: "POST" });
    expect(await claim(workspace, id)).toEqual(DROPPED);
    expect(await claim(workspace, id, 2)).toEqual(DROPPED);
  });

  it("says of a step when it asked for it, whenever it is handed out", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await pass(workspace, 1_000);
    const job = await granted(workspace, id);
    const body = JSON.parse((job.channel === "webhook" ? job.body : null) ?? "") as Record<string, unknown>;
    expect(body).toEqual({
      type: "journey.step",
      timestamp: new Date(NOW_MS).toISOString(),
      data: {
        deliveryId: id,
        enrollmentId: runId,
        journeyKey: "order-follow-up",
        version: 1,
        stepId: "hook",
        profile: { id: (await readRun(workspace, runId)).profileId, email: "alex@example.com", externalId: null },
        event: { id: (await readRun(workspace, runId)).eventId, name: "order.created", data: {} },
      },
    });
  });

  it("has the same body at every attempt, sent once more too", async () => {
    const { workspace, id } = await aQueuedHook();
    const bodies: unknown[] = [];
    for (const attempt of [1, 2, 3]) {
      const job = await granted(workspace, id, attempt);
      bodies.push(job.channel === "webhook" ? job.body : null);
      const refused = { outcome: "failed", reason: "rejected" } as const;
      await report(workspace, id, attempt, attempt === 1 ? { outcome: "retry" } : refused);
      if (attempt === 2) await workspace.cell.redeliver(OPERATOR, id);
      await pass(workspace, 6_000);
    }
    expect(bodies[0]).toContain('"journey.step"');
    expect(new Set(bodies).size).toBe(1);
  });

  it("has the body that its step names", async () => {
    const { workspace, id } = await aQueuedHook({ body: { hello: { $state: "/profile/email" } } });
    expect(await granted(workspace, id)).toMatchObject({ body: '{"hello":"alex@example.com"}' });
  });

  it("has no body when it is a GET", async () => {
    const { workspace, id } = await aQueuedHook({ method: "GET" });
    expect(await granted(workspace, id)).toMatchObject({ method: "GET", body: null });
  });

  it("is sent although its journey was archived meanwhile", async () => {
    const { workspace, id } = await aQueuedHook();
    await changeJourney(workspace.cell, "order-follow-up", "archive");
    await pass(workspace, 1_000);
    await attempted(workspace, id, 1);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
  });

  it("says in its run's timeline how it went also while its archived journey's runs are being ended", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await granted(workspace, id);
    await runInDurableObject(workspace.cell, (object) => {
      // One call: the sweep of the runs cannot come between.
      object["parts"].journeyCommands.change("order-follow-up", "archive", Date.now());
      object["parts"].deliveryDesk.report(id, 1, aReport(), Date.now());
    });
    expect((await linesOf(workspace, runId)).slice(-2)).toEqual(["ended rest", "sent hook"]);
    expect(await readRun(workspace, runId)).toMatchObject({ status: "exited", reason: "archived" });
    expect(await countInCell(workspace, "entry_events")).toBe(0);
  });

  it("is sent although its run was cancelled meanwhile", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await workspace.cell.cancelEnrollment(OPERATOR, runId);
    await attempted(workspace, id, 1);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
    expect(await countInCell(workspace, "entry_events")).toBe(0);
  });

  it("is nobody's that nobody asked for", async () => {
    const { workspace } = await aQueuedHook();
    expect(await claim(workspace, "0190b0a0-0000-7000-8000-000000000000")).toEqual(DROPPED);
  });
});

describe("a message that is reported as sent", () => {
  it("is settled, with the provider's id and its attempt", async () => {
    const { workspace, id } = await aQueuedHook();
    await attempted(workspace, id, 1, { code: "204", providerId: "p-1" });
    expect(await messageOf(workspace)).toMatchObject({
      status: "sent",
      reason: null,
      attempts: 1,
      provider_id: "p-1",
      next_attempt_at: null,
      state: null,
    });
    expect(await attemptsOf(workspace, id)).toEqual(["sent 204"]);
  });

  it("lets its run go on that waited for it", async () => {
    const { workspace, id, runId } = await aQueuedHook({ onFailure: "fail" });
    expect(await linesOf(workspace, runId)).not.toContain("entered rest");
    await attempted(workspace, id, 1);
    expect(await linesOf(workspace, runId)).toEqual([
      "entered hook",
      "waiting hook",
      "sent hook",
      "entered rest",
      "waiting rest",
    ]);
  });

  it("stays settled, whatever is reported after that", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await attempted(workspace, id, 1);
    const before = [await messageOf(workspace), await readRun(workspace, runId)];
    await report(workspace, id, 1);
    await report(workspace, id, 1, { outcome: "failed", reason: "rejected" });
    await report(workspace, id, 7, { outcome: "failed" });
    expect([await messageOf(workspace), await readRun(workspace, runId)]).toEqual(before);
  });

  it("is handed out no more", async () => {
    const { workspace, id } = await aQueuedHook();
    await attempted(workspace, id, 1);
    for (const attempt of [1, 2]) expect(await claim(workspace, id, attempt)).toEqual(DROPPED);
  });
});

describe("a message that is to be tried again", () => {
  it("waits as its schedule says", async () => {
    const { workspace, id } = await aQueuedHook();
    const waits = await failUntilSettled(workspace, id);
    const planned = [1, 2, 3, 4, 5, 6, 7].map((failures) =>
      retryWaitMs({ deliveryId: id, failures, lost: false, retryAfterMs: null }),
    );
    expect(waits).toEqual(planned);
  });

  it("fails as exhausted after eight attempts, and its run hears why", async () => {
    const { workspace, id, runId } = await aQueuedHook({ onFailure: "fail" });
    await failUntilSettled(workspace, id);
    expect(await messageOf(workspace)).toMatchObject({
      status: "failed",
      reason: "exhausted",
      attempts: 8,
      state: null,
    });
    expect(await attemptsOf(workspace, id)).toEqual(Array.from({ length: 8 }, () => "retry 500"));
    const run = await readRun(workspace, runId);
    expect([run.status, run.reason]).toEqual(["failed", "delivery_failed"]);
    expect(run.timeline).toContainEqual(
      expect.objectContaining({ kind: "failed", stepId: "hook", detail: { deliveryKey: "hook:1", code: "exhausted" } }),
    );
  });

  it("is not handed out before its time", async () => {
    const { workspace, id } = await aQueuedHook();
    await attempted(workspace, id, 1, { outcome: "retry" });
    expect(await claim(workspace, id, 2)).toEqual(DROPPED);
    await pass(workspace, 6_000);
    expect(await granted(workspace, id, 2)).toMatchObject({ attempt: 2 });
  });

  it("waits longer if its receiver asks for it, and a day at most", async () => {
    const { workspace, id } = await aQueuedHook();
    await attempted(workspace, id, 1, { outcome: "retry", retryAfterMs: 90_000 });
    expect(await messageOf(workspace)).toMatchObject({ next_attempt_at: NOW_MS + 90_000, due_at: NOW_MS + 90_000 });
    await pass(workspace, 90_000);
    await attempted(workspace, id, 2, { outcome: "retry", retryAfterMs: 9 * DAY_MS });
    expect(await messageOf(workspace)).toMatchObject({ next_attempt_at: NOW_MS + 90_000 + DAY_MS });
  });

  it("goes on where it was after the object was evicted", async () => {
    const { workspace, id } = await aQueuedHook();
    await attempted(workspace, id, 1, { outcome: "retry", retryAfterMs: 60_000 });
    await evictDurableObject(workspace.cell);
    await pass(workspace, 60_000);
    expect(await messageOf(workspace)).toMatchObject({ state: "queued", attempt: 1 });
    await attempted(workspace, id, 2);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", attempts: 2 });
  });
});

describe("a message that is refused for good", () => {
  it("fails with the reason", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await attempted(workspace, id, 1, { outcome: "failed", reason: "rejected", code: "blocked" });
    expect(await messageOf(workspace)).toMatchObject({ status: "failed", reason: "rejected", attempts: 1 });
    expect(await linesOf(workspace, runId)).toContain("failed hook");
  });

  it("disables its address when that is gone, and the next one to it is skipped", async () => {
    const { workspace, id, runId } = await aQueuedHook({}, [{ ...HOOK, id: "again" }, REST]);
    const [, second] = await messagesOf(workspace);
    await attempted(workspace, id, 1, { outcome: "failed", reason: "endpoint_disabled", code: "410" });
    expect(await claim(workspace, second?.id ?? "")).toEqual(DROPPED);
    const rows = await queryCell(workspace, `SELECT status, reason, attempts FROM deliveries ORDER BY id`);
    expect(rows).toEqual([
      { status: "failed", reason: "endpoint_disabled", attempts: 1 },
      { status: "skipped", reason: "endpoint_disabled", attempts: 0 },
    ]);
    expect(await queryCell(workspace, `SELECT url, reason FROM disabled_endpoints`)).toEqual([
      { url: HOOK.url, reason: "gone" },
    ]);
    expect((await readRun(workspace, runId)).timeline).toContainEqual(
      expect.objectContaining({ kind: "skipped", detail: { deliveryKey: "again:2", reason: "endpoint_disabled" } }),
    );
  });
});

describe("a message that got lost", () => {
  it("in the queue goes into it again, and is the same attempt", async () => {
    const { workspace, id } = await aQueuedHook();
    await pass(workspace, LEASE_MS);
    expect(await messageOf(workspace)).toMatchObject({ state: "queued", due_at: NOW_MS + 2 * LEASE_MS, attempt: 0 });
    expect(await granted(workspace, id)).toMatchObject({ attempt: 1 });
  });

  it("with its sender is tried again after the lease", async () => {
    const { workspace, id } = await aQueuedHook();
    await granted(workspace, id);
    await pass(workspace, LEASE_MS - 1);
    expect(await messageOf(workspace)).toMatchObject({ state: "claimed" });
    await pass(workspace, 1);
    expect(await messageOf(workspace)).toMatchObject({ status: "pending", state: "waiting", attempts: 1 });
    expect(await attemptsOf(workspace, id)).toEqual(["expired"]);
    await pass(workspace, 6_000);
    expect(await granted(workspace, id, 2)).toMatchObject({ attempt: 2 });
  });

  async function loseEightTimes() {
    const { workspace, id } = await aQueuedHook();
    for (let attempt = 1; attempt <= 8; attempt++) {
      await granted(workspace, id, attempt);
      await pass(workspace, LEASE_MS);
      const { next_attempt_at } = await messageOf(workspace);
      if (next_attempt_at !== null) await pass(workspace, next_attempt_at - Date.now());
    }
    return { workspace, id };
  }

  it("with its senders eight times fails as exhausted", async () => {
    const { workspace } = await loseEightTimes();
    expect(await messageOf(workspace)).toMatchObject({ status: "failed", reason: "exhausted", attempts: 8 });
  });

  it("and failed says in its log that it was sent after all, and stays failed", async () => {
    const { workspace, id } = await loseEightTimes();
    await report(workspace, id, 8, { code: "200" });
    expect(await messageOf(workspace)).toMatchObject({ status: "failed", reason: "exhausted", attempts: 8 });
    expect((await attemptsOf(workspace, id)).slice(-2)).toEqual(["expired", "sent 200"]);
  });

  it("and was sent after all is sent, and not tried again", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await granted(workspace, id);
    await pass(workspace, LEASE_MS);
    await report(workspace, id, 1, { code: "200", providerId: "p-1" });
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", provider_id: "p-1", attempts: 1, state: null });
    expect(await attemptsOf(workspace, id)).toEqual(["sent 200"]);
    expect(await linesOf(workspace, runId)).toContain("sent hook");
  });

  it("and was sent after all is sent although its next attempt is under way, whose end is written down too", async () => {
    const { workspace, id, runId } = await aQueuedHook();
    await granted(workspace, id);
    await pass(workspace, LEASE_MS);
    await pass(workspace, 6_000);
    await granted(workspace, id, 2);
    await report(workspace, id, 1, { code: "200" });
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", attempts: 1, state: null });
    await report(workspace, id, 2, { code: "202" });
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", attempts: 2 });
    expect(await attemptsOf(workspace, id)).toEqual(["sent 200", "sent 202"]);
    expect((await linesOf(workspace, runId)).filter((line) => line === "sent hook")).toHaveLength(1);
  });

  it("and failed is tried again all the same: that report comes too late", async () => {
    const { workspace, id } = await aQueuedHook();
    await granted(workspace, id);
    await pass(workspace, LEASE_MS);
    await report(workspace, id, 1, { outcome: "failed", reason: "rejected" });
    expect(await messageOf(workspace)).toMatchObject({ status: "pending", state: "waiting" });
    expect(await attemptsOf(workspace, id)).toEqual(["expired"]);
  });

  it("is not believed to have been sent by an attempt that never was", async () => {
    const { workspace, id } = await aQueuedHook();
    await report(workspace, id, 1);
    await granted(workspace, id);
    await report(workspace, id, 2);
    expect(await messageOf(workspace)).toMatchObject({ status: "pending", state: "claimed", attempts: 0 });
  });
});

describe("a message that cannot be put together", () => {
  it("is tried again by its schedule, and holds up nobody", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { workspace, id } = await aQueuedHook({}, [{ ...HOOK, id: "again" }, REST]);
    await queryCell(
      workspace,
      `UPDATE deliveries SET request = '{"channel":"webhook","url":"nowhere"}' WHERE id = ?`,
      id,
    );
    expect(await claim(workspace, id)).toEqual(DROPPED);
    expect(await attemptsOf(workspace, id)).toEqual(["retry fault"]);
    expect(
      await queryCell(workspace, `SELECT state, attempt, failures FROM delivery_work WHERE delivery_id = ?`, id),
    ).toEqual([{ state: "waiting", attempt: 1, failures: 1 }]);
    const [other] = await queryCell<{ id: string }>(workspace, `SELECT id FROM deliveries WHERE id <> ?`, id);
    expect(await granted(workspace, other?.id ?? "")).toMatchObject({ attempt: 1 });
  });
});

describe("the sum of messages", () => {
  it("holds at every stage", async () => {
    const { workspace, id } = await aQueuedHook();
    const none = { made: 1, sent: 0, skipped: 0, failed: 0, pending: 0, holds: true };
    expect(await deliveriesHealth(workspace)).toEqual({ ...none, pending: 1 });
    await attempted(workspace, id, 1, { outcome: "failed", reason: "rejected" });
    expect(await deliveriesHealth(workspace)).toEqual({ ...none, failed: 1 });
    expect(await workspace.cell.redeliver(OPERATOR, id)).toMatchObject({ ok: true });
    expect(await deliveriesHealth(workspace)).toEqual({ ...none, pending: 1 });
    await attempted(workspace, id, 2);
    expect(await deliveriesHealth(workspace)).toEqual({ ...none, sent: 1 });
  });

  it("shows when a message is counted nowhere", async () => {
    const { workspace, id } = await aQueuedHook();
    await queryCell(workspace, `DELETE FROM delivery_work WHERE delivery_id = ?`, id);
    expect(await deliveriesHealth(workspace)).toMatchObject({ made: 1, pending: 0, holds: false });
  });

  it("counts a message settled once, however often it is told", async () => {
    const { workspace, id } = await aQueuedHook();
    for (let i = 0; i < 3; i++) await settleDelivery(workspace, id, { status: "skipped", reason: "suppressed" });
    expect(await deliveriesHealth(workspace)).toMatchObject({ skipped: 1, holds: true });
  });
});
