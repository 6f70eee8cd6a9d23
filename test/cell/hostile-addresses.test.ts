// Journeys that were written before addresses were checked: what they ask to call is refused when it is to be sent, in
// the Worker's own runtime, all the way from the run to what is told of it. Nothing is called.
import {
  createExecutionContext,
  createMessageBatch,
  evictDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { DELIVERIES_QUEUE } from "../../src/delivery/consumer.ts";
import worker from "../../src/index.ts";
import { attemptsOf, messageOf } from "../support/deliveries.ts";
import { HOSTILE_ADDRESSES, LOOPBACK_ADDRESSES } from "../support/hostile-addresses.ts";
import { anEntry, aRunningJourney, deliveriesOf, linesOf, pass, readRun } from "../support/running.ts";
import { queryCell } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";
const HOOK = { id: "hook", type: "webhook", url: "https://crm.example.com/h", onFailure: "fail" };

let queued: unknown[];
beforeEach(() => {
  queued = [];
  vi.spyOn(env.DELIVERIES, "sendBatch").mockImplementation(async (messages) => {
    queued.push(...Array.from(messages, ({ body }) => body));
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  });
});

/** A journey whose published version has an address that its writer's check would refuse today. */
async function aJourneyFromBefore(url: string): Promise<TestWorkspace> {
  const workspace = await aRunningJourney([HOOK, { id: "done", type: "exit" }]);
  const [version] = await queryCell<{ definition: string }>(workspace, `SELECT definition FROM journey_versions`);
  const definition = JSON.parse(version?.definition ?? "") as { steps: { url?: string }[] };
  const [hook] = definition.steps;
  if (hook?.url !== HOOK.url) throw new Error("expected the webhook's step first");
  hook.url = url;
  await queryCell(workspace, `UPDATE journey_versions SET definition = ?`, JSON.stringify(definition));
  // Versions are kept in memory, prepared for their runs.
  await evictDurableObject(workspace.cell);
  return workspace;
}

/** Has the Worker take what is in the queue, and waits until all of it is sent and told of. */
async function consume(settings: { ALLOW_LOOPBACK_WEBHOOKS?: string }): Promise<void> {
  const messages = queued.splice(0).map((body, i) => ({ id: `m${i}`, timestamp: new Date(), attempts: 1, body }));
  const { ALLOW_LOOPBACK_WEBHOOKS: _, ...deployed } = env;
  const ctx = createExecutionContext();
  await worker.queue(createMessageBatch(DELIVERIES_QUEUE, messages), { ...deployed, ...settings }, ctx);
  await waitOnExecutionContext(ctx);
}

/** Runs such a journey to its end. */
async function run(url: string, settings: { ALLOW_LOOPBACK_WEBHOOKS?: string } = {}) {
  const workspace = await aJourneyFromBefore(url);
  const runId = await anEntry(workspace);
  const [message] = await deliveriesOf(workspace);
  expect(message).toMatchObject({ status: "pending", request: { channel: "webhook", url } });
  await pass(workspace, 0);
  expect(queued).toEqual([{ workspaceId: workspace.id, deliveryId: message?.id, attempt: 1 }]);
  await consume(settings);
  return { workspace, runId, id: message?.id ?? "" };
}

async function expectRefused({ workspace, runId, id }: Awaited<ReturnType<typeof run>>): Promise<void> {
  const failed = { status: "failed", reason: "rejected", attempts: 1, state: null };
  expect(await messageOf(workspace)).toMatchObject(failed);
  expect(await attemptsOf(workspace, id)).toEqual(["failed address_refused"]);
  await pass(workspace, 0);
  expect(await linesOf(workspace, runId)).toContain("failed hook");
  expect((await readRun(workspace, runId)).status).toBe("failed");
}

describe("a journey from before addresses were checked", () => {
  it.each(HOSTILE_ADDRESSES)("calls nothing by %s, in development neither", async (_what, url) => {
    const called = vi.spyOn(globalThis, "fetch");
    await expectRefused(await run(url, { ALLOW_LOOPBACK_WEBHOOKS: "true" }));
    expect(called).not.toHaveBeenCalled();
  });

  it.each(LOOPBACK_ADDRESSES)("calls nothing of its own machine in a deployment: %s", async (url) => {
    const called = vi.spyOn(globalThis, "fetch");
    await expectRefused(await run(url));
    expect(called).not.toHaveBeenCalled();
  });

  it("calls an address that may be called, all the same way", async () => {
    const called = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 204 }));
    const { workspace, runId } = await run("https://crm.example.com/other");
    expect(called.mock.calls.map(([url]) => url)).toEqual(["https://crm.example.com/other"]);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: null });
    expect((await readRun(workspace, runId)).status).toBe("completed");
  });
});
