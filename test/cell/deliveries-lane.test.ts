// Into the queue: what is due and no more than it has room for, again when it got lost, and with the queue away later.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import type { DeliveryMessage } from "../../src/domain/delivery.ts";
import { accepted } from "../support/commands.ts";
import { attempted, claim, messagesOf } from "../support/deliveries.ts";
import { aRunningJourney, anEntry, pass } from "../support/running.ts";
import { queryCell } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";
const LEASE_MS = 30_000;
const HOOK = { id: "hook", type: "webhook", url: "https://crm.example.com/h" };

let batches: DeliveryMessage[][] = [];
let queue: MockInstance<Env["DELIVERIES"]["sendBatch"]>;
beforeEach(() => {
  batches = [];
  queue = vi.spyOn(env.DELIVERIES, "sendBatch").mockImplementation(async (messages) => {
    batches.push(Array.from(messages, ({ body }) => body as DeliveryMessage));
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  });
});

/** A workspace with so many messages, which are due. */
async function aBacklog(messages: number): Promise<TestWorkspace> {
  const workspace = await aRunningJourney([HOOK]);
  await anEntry(workspace);
  await queryCell(
    workspace,
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO deliveries (id, enrollment_id, delivery_key, journey_id, version, step_id, channel, status, created_at,
       request, profile_id)
     SELECT printf('01f00000-0000-7000-8000-%012d', i), enrollment_id, 'copy:' || i, journey_id, version, step_id,
       channel, status, created_at, request, profile_id FROM n, deliveries`,
    messages - 1,
  );
  await queryCell(
    workspace,
    `INSERT INTO delivery_work SELECT id, 'waiting', created_at, NULL, 0, 0, created_at FROM deliveries
     WHERE id NOT IN (SELECT delivery_id FROM delivery_work)`,
  );
  return workspace;
}

async function statesIn(workspace: TestWorkspace): Promise<Record<string, number>> {
  const rows = await queryCell<{ state: string; messages: number }>(
    workspace,
    `SELECT state, count(*) AS messages FROM delivery_work GROUP BY state`,
  );
  return Object.fromEntries(rows.map(({ state, messages }) => [state, messages]));
}

async function complaints({ cell }: TestWorkspace): Promise<number> {
  return (await cell.health()).deliveriesWaitingSeconds;
}

describe("messages that are due", () => {
  it("go into the queue as ids, a hundred at a time", async () => {
    const workspace = await aBacklog(250);
    await runDurableObjectAlarm(workspace.cell);
    expect(batches.map(({ length }) => length)).toEqual([100, 100, 50]);
    for (const message of batches.flat()) {
      expect(Object.keys(message).toSorted()).toEqual(["attempt", "deliveryId", "workspaceId"]);
      expect(message).toMatchObject({ workspaceId: workspace.id, attempt: 1 });
    }
  });

  it("stay out of the queue while a thousand are in it, and come as those are taken", async () => {
    const workspace = await aBacklog(1_200);
    await runDurableObjectAlarm(workspace.cell);
    expect(await statesIn(workspace)).toEqual({ queued: 1_000, waiting: 200 });
    const [last, ...taken] = batches.flat().slice(0, 501);
    await runInDurableObject(workspace.cell, (object) => {
      for (const { deliveryId } of taken) object["parts"].deliveryDesk.claim(deliveryId, 1, Date.now());
    });
    await claim(workspace, last?.deliveryId ?? "");
    await runDurableObjectAlarm(workspace.cell);
    expect((await statesIn(workspace)).waiting).toBeUndefined();
  });

  it("stay out of a full queue without waking the object for it", async () => {
    const workspace = await aBacklog(1_200);
    await runDurableObjectAlarm(workspace.cell);
    const before = batches.length;
    await pass(workspace, LEASE_MS - 1);
    expect(batches.length).toBe(before);
    await pass(workspace, 1);
    expect(batches.slice(before).flat()).toHaveLength(1_000);
  });

  it("go into the queue once, although they were claimed while the queue took them", async () => {
    const workspace = await aRunningJourney([HOOK]);
    await anEntry(workspace);
    queue.mockImplementationOnce(async (messages) => {
      // A stub of its own: this runs inside the object.
      const cell = env.WORKSPACE_CELL.getByName(workspace.id);
      for (const { body } of messages) await claim({ cell }, (body as DeliveryMessage).deliveryId);
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
    });
    await runDurableObjectAlarm(workspace.cell);
    expect(await messagesOf(workspace)).toMatchObject([{ state: "claimed", attempt: 1 }]);
  });
});

describe("with the queue away", () => {
  it("messages wait, events are accepted, and the queue's return brings everything", async () => {
    const workspace = await aRunningJourney([HOOK], { eligibility: { reentry: "always", maxActive: 10 } });
    const away = queue.mockRejectedValue(new Error("Queue unavailable"));
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await anEntry(workspace);
    await runDurableObjectAlarm(workspace.cell);
    expect(await statesIn(workspace)).toEqual({ waiting: 1 });
    expect(error).toHaveBeenCalledWith(expect.stringContaining('"lane":"deliveries"'));
    expect((await accepted(workspace)).enrolled).toBe(1);
    await pass(workspace, 150_000);
    expect(await complaints(workspace)).toBe(150);
    away.mockResolvedValue({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } });
    await pass(workspace, 60_000);
    expect(await statesIn(workspace)).toEqual({ queued: 2 });
  });

  it("what else the alarm does goes on", async () => {
    const rest = { id: "rest", type: "delay", for: "PT1S" };
    const workspace = await aRunningJourney([HOOK, rest, { id: "bye", type: "exit" }]);
    queue.mockRejectedValue(new Error("Queue unavailable"));
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await anEntry(workspace);
    await pass(workspace, 1_000);
    expect(await queryCell(workspace, `SELECT status FROM enrollments`)).toEqual([{ status: "completed" }]);
    expect((await workspace.cell.health()).outbox).toBe(0);
  });
});

describe("what /healthz says of messages that wait", () => {
  it("counts from when a message was due, however often it was put into the queue", async () => {
    const workspace = await aRunningJourney([HOOK]);
    await anEntry(workspace);
    for (let i = 0; i < 5; i++) await pass(workspace, LEASE_MS);
    expect(await complaints(workspace)).toBe(150);
  });

  it("does not count a message that waits for its next attempt", async () => {
    const workspace = await aRunningJourney([HOOK]);
    await anEntry(workspace);
    const [message] = await messagesOf(workspace);
    await attempted(workspace, message?.id ?? "", 1, { outcome: "retry", retryAfterMs: 3_600_000 });
    await pass(workspace, 600_000);
    expect(await complaints(workspace)).toBe(0);
  });
});
