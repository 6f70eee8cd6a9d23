// Who takes messages from the queue: sends what the cell hands out and nothing else, acknowledges when the cell has
// answered, and tells it how it went.
import { createExecutionContext, createMessageBatch, getQueueResult, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { CellUnavailable } from "../../src/cell/cell-client.ts";
import { consumeDeliveries, DELIVERIES_QUEUE, type SendJob } from "../../src/delivery/consumer.ts";
import type { DeliveryJob, DeliveryMessage, SendReport } from "../../src/domain/delivery.ts";
import worker from "../../src/index.ts";
import { stopClock } from "../support/clock.ts";
import { aReport, attemptsOf, granted, messageOf, messagesOf } from "../support/deliveries.ts";
import { aRun, pass } from "../support/running.ts";
import { aWorkspace, anId, type TestWorkspace } from "../support/workspace.ts";

stopClock();

const HOOK = { id: "hook", type: "webhook", url: "https://crm.example.com/h" };

async function aQueuedHook(): Promise<{ workspace: TestWorkspace; message: DeliveryMessage }> {
  const { workspace } = await aRun([HOOK]);
  await pass(workspace, 0);
  const { id: deliveryId } = await messageOf(workspace);
  return { workspace, message: { workspaceId: workspace.id, deliveryId, attempt: 1 } };
}

/** Has a batch consumed. @returns what became of the queue's messages before anything was sent, and then */
async function consume(bodies: unknown[], send: SendJob, settings: Partial<Env> = {}) {
  const batch = createMessageBatch(
    DELIVERIES_QUEUE,
    bodies.map((body, i) => ({ id: `m${i}`, timestamp: new Date(), attempts: 1, body })),
  );
  const ctx = createExecutionContext();
  const going: Promise<void>[] = [];
  await consumeDeliveries(batch, { ...env, ...settings }, (work) => void going.push(work), send);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, ctx);
  return { acks: explicitAcks, retries: retryMessages.map(({ msgId }) => msgId), going };
}

/** Sends nothing, and remembers what it should have sent. */
function aSender(over: Partial<SendReport> = {}) {
  const jobs: { job: DeliveryJob; workspaceId: string }[] = [];
  const send: SendJob = async (job, workspaceId) => {
    jobs.push({ job, workspaceId });
    return aReport(over);
  };
  return { jobs, send };
}

describe("a message of the queue", () => {
  it("is sent, and the cell hears how it went", async () => {
    const { workspace, message } = await aQueuedHook();
    const { jobs, send } = aSender({ code: "202", providerId: "p-1" });
    const { acks, going } = await consume([message], send);
    await Promise.all(going);
    expect(acks).toEqual(["m0"]);
    expect(jobs).toMatchObject([{ workspaceId: workspace.id, job: { deliveryId: message.deliveryId, attempt: 1 } }]);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", provider_id: "p-1", attempts: 1 });
    expect(await attemptsOf(workspace, message.deliveryId)).toEqual(["sent 202"]);
  });

  it("is acknowledged when its claim is answered, while its receiver has not answered yet", async () => {
    const { workspace, message } = await aQueuedHook();
    const receiver = Promise.withResolvers<SendReport>();
    const { acks, going } = await consume([message], async () => await receiver.promise);
    expect(acks).toEqual(["m0"]);
    expect(await messageOf(workspace)).toMatchObject({ state: "claimed" });
    receiver.resolve(aReport());
    await Promise.all(going);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
  });

  it("that comes twice is sent once", async () => {
    const { message } = await aQueuedHook();
    const { jobs, send } = aSender();
    const { acks, going } = await consume([message, message], send);
    await Promise.all(going);
    expect(acks).toEqual(["m0", "m1"]);
    expect(jobs).toHaveLength(1);
  });

  it("of an attempt that is over is dropped", async () => {
    const { workspace, message } = await aQueuedHook();
    await granted(workspace, message.deliveryId);
    const { jobs, send } = aSender();
    expect((await consume([message], send)).acks).toEqual(["m0"]);
    expect(jobs).toEqual([]);
  });

  it("does not wait for another one of its batch", async () => {
    const { workspace } = await aRun([HOOK, { ...HOOK, id: "two", url: "https://two.example.com/h" }]);
    await pass(workspace, 0);
    const bodies = (await messagesOf(workspace)).map(({ id }) => ({
      workspaceId: workspace.id,
      deliveryId: id,
      attempt: 1,
    }));
    const hanging = Promise.withResolvers<SendReport>();
    const { going } = await consume(bodies, async (job) => {
      return job.channel === "webhook" && job.url === HOOK.url ? await hanging.promise : aReport();
    });
    await going[1];
    expect(await messagesOf(workspace)).toMatchObject([{ state: "claimed" }, { status: "sent" }]);
    hanging.resolve(aReport());
    await Promise.all(going);
  });

  it.each([
    ["no object", "hello"],
    ["an unknown shape", { deliveryId: 1 }],
    ["ids that are none", { workspaceId: "w", deliveryId: "d", attempt: 1 }],
    ["no attempt", { workspaceId: anId(), deliveryId: anId(), attempt: 0 }],
  ])("that is %s is acknowledged and logged, without what it holds", async (_, body) => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { jobs, send } = aSender();
    expect((await consume([body], send)).acks).toEqual(["m0"]);
    expect(jobs).toEqual([]);
    expect(error).toHaveBeenCalledExactlyOnceWith(
      JSON.stringify({ level: "error", at: "deliveries", what: "message_malformed", messageId: "m0" }),
    );
  });

  it("that nobody knows in its workspace is acknowledged", async () => {
    const { id: workspaceId } = await aWorkspace();
    const { jobs, send } = aSender();
    expect((await consume([{ workspaceId, deliveryId: anId(), attempt: 1 }], send)).acks).toEqual(["m0"]);
    expect(jobs).toEqual([]);
  });

  it("comes again when its cell cannot be reached", async () => {
    const { workspace, message } = await aQueuedHook();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(env.WORKSPACE_CELL, "getByName").mockImplementation(() => {
      throw new CellUnavailable("overloaded");
    });
    const { acks, retries } = await consume([message], aSender().send);
    expect([acks, retries]).toEqual([[], ["m0"]]);
    vi.restoreAllMocks();
    expect(await messageOf(workspace)).toMatchObject({ state: "queued" });
  });
});

describe("an attempt", () => {
  it("whose sender throws is tried again", async () => {
    const { workspace, message } = await aQueuedHook();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { going } = await consume([message], async () => {
      throw new Error("a fault of the sender's");
    });
    await Promise.all(going);
    expect(await messageOf(workspace)).toMatchObject({ status: "pending", state: "waiting", attempts: 1 });
    expect(await attemptsOf(workspace, message.deliveryId)).toEqual(["retry internal"]);
  });

  it("is told again when its cell could not be reached", async () => {
    const { workspace, message } = await aQueuedHook();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { going } = await consume([message], async () => {
      vi.spyOn(env.WORKSPACE_CELL, "getByName").mockImplementationOnce(() => {
        throw new CellUnavailable("overloaded");
      });
      return aReport();
    });
    await Promise.all(going);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
  });
});

describe("the Worker", () => {
  it("sends what its queue hands to it", async () => {
    const { workspace, message } = await aQueuedHook();
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(null, { status: 204 }));
    const batch = createMessageBatch(DELIVERIES_QUEUE, [
      { id: "m0", timestamp: new Date(), attempts: 1, body: message },
    ]);
    const ctx = createExecutionContext();
    await worker.queue(batch, env, ctx);
    await waitOnExecutionContext(ctx);
    expect(fetched).toHaveBeenCalledOnce();
    expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
  });
});
