// Who takes messages from the queue: sends what the cell hands out and nothing else, acknowledges when the cell has
// answered, and tells it how it went.
import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { CellUnavailable } from "../../src/cell/cell-client.ts";
import { consumeDeliveries, DELIVERIES_QUEUE, type SendJob } from "../../src/delivery/consumer.ts";
import type {
  Claim,
  DeliveryJob,
  DeliveryMessage,
  EndedAttempt,
  MessageAttempt,
  SendReport,
} from "../../src/domain/delivery.ts";
import worker from "../../src/index.ts";
import { aReport, attemptsOf, claim, granted, messageOf, messagesOf } from "../support/deliveries.ts";
import { aRun, pass } from "../support/running.ts";
import { aWorkspace, anId, type TestWorkspace } from "../support/workspace.ts";
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
      throw new CellUnavailable("overloaded", {});
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
        throw new CellUnavailable("overloaded", {});
      });
      return aReport();
    });
    await Promise.all(going);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
  });
});

describe("the messages of one batch", () => {
  /** Messages to hosts of their own, in the queue. */
  async function queuedHooks(messages: number): Promise<{ workspace: TestWorkspace; bodies: DeliveryMessage[] }> {
    const hooks = Array.from({ length: messages }, (_, i) => ({
      ...HOOK,
      id: `s${i}`,
      url: `https://h${i}.example.com/`,
    }));
    const { workspace } = await aRun(hooks);
    await pass(workspace, 0);
    const bodies = (await messagesOf(workspace)).map(({ id }) => {
      return { workspaceId: workspace.id, deliveryId: id, attempt: 1 };
    });
    return { workspace, bodies };
  }

  it("are asked for by one call, and told of by one when they end together", async () => {
    const { workspace, bodies } = await queuedHooks(5);
    const receivers = Promise.withResolvers<SendReport>();
    const calls = vi.spyOn(env.WORKSPACE_CELL, "getByName");
    const { acks, going } = await consume(bodies, async () => await receivers.promise);
    expect([acks.length, calls.mock.calls.length]).toEqual([5, 1]);
    receivers.resolve(aReport());
    await Promise.all(going);
    expect(calls).toHaveBeenCalledTimes(2);
    expect((await messagesOf(workspace)).map(({ status }) => status)).toEqual(Array(5).fill("sent"));
  });

  it("that end while the cell is told of one are told of together", async () => {
    const { workspace, bodies } = await queuedHooks(4);
    const told: number[] = [];
    const answer = Promise.withResolvers<void>();
    const { cell } = workspace;
    const others = bodies.map(() => Promise.withResolvers<SendReport>());
    const { going } = await consume(bodies, async ({ deliveryId }) => {
      return await (others[bodies.findIndex((body) => body.deliveryId === deliveryId)]?.promise ?? aReport());
    });
    vi.spyOn(env.WORKSPACE_CELL, "getByName").mockImplementation(() => {
      const reportDeliveries = async (ended: EndedAttempt[]): Promise<void> => {
        told.push(ended.length);
        if (told.length === 1) await answer.promise;
        await cell.reportDeliveries(ended);
      };
      return { reportDeliveries } as unknown as typeof cell;
    });
    others[0]?.resolve(aReport());
    await vi.waitFor(() => expect(told).toEqual([1]));
    for (const { resolve } of others) resolve(aReport());
    answer.resolve();
    await Promise.all(going);
    expect(told).toEqual([1, 3]);
    expect((await messagesOf(workspace)).map(({ status }) => status)).toEqual(Array(4).fill("sent"));
  });

  it("that end while the cell cannot be told of another one do not wait for it", async () => {
    const { workspace, bodies } = await queuedHooks(2);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const second = Promise.withResolvers<SendReport>();
    const { going } = await consume(bodies, async ({ deliveryId }) => {
      if (deliveryId !== bodies[0]?.deliveryId) return await second.promise;
      vi.spyOn(env.WORKSPACE_CELL, "getByName").mockImplementationOnce(() => {
        second.resolve(aReport());
        throw new CellUnavailable("overloaded", {});
      });
      return aReport();
    });
    await going[1];
    expect(await messagesOf(workspace)).toMatchObject([{ state: "claimed" }, { status: "sent" }]);
    await going[0];
    expect(await messagesOf(workspace)).toMatchObject([{ status: "sent" }, { status: "sent" }]);
  });

  it("are handed out but for the one that cannot be", async () => {
    const { workspace, bodies } = await queuedHooks(3);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await runInDurableObject(workspace.cell, (object) => {
      const { deliveryDesk } = object["parts"];
      const handOut = deliveryDesk.claim.bind(deliveryDesk);
      vi.spyOn(deliveryDesk, "claim").mockImplementation((id, ...rest) => {
        if (id === bodies[1]?.deliveryId) throw new Error("a fault of the cell's");
        return handOut(id, ...rest);
      });
    });
    const { jobs, send } = aSender();
    const { acks, going } = await consume(bodies, send);
    await Promise.all(going);
    expect(acks).toEqual(["m0", "m1", "m2"]);
    expect(jobs.map(({ job }) => job.deliveryId)).toEqual([bodies[0]?.deliveryId, bodies[2]?.deliveryId]);
    expect(await messagesOf(workspace)).toMatchObject([{ status: "sent" }, { state: "queued" }, { status: "sent" }]);
  });

  it("are told of but for the one that cannot be", async () => {
    const { workspace, bodies } = await queuedHooks(3);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await runInDurableObject(workspace.cell, (object) => {
      const { deliveryDesk } = object["parts"];
      const report = deliveryDesk.report.bind(deliveryDesk);
      let faults = 1;
      vi.spyOn(deliveryDesk, "report").mockImplementation((id, ...rest) => {
        if (id === bodies[0]?.deliveryId && faults-- > 0) throw new Error("a fault of the cell's");
        report(id, ...rest);
      });
    });
    const receivers = Promise.withResolvers<SendReport>();
    const { going } = await consume(bodies, async () => await receivers.promise);
    receivers.resolve(aReport());
    await Promise.all(going);
    expect((await messagesOf(workspace)).map(({ status }) => status)).toEqual(Array(3).fill("sent"));
  });

  it("are asked for again from the first on that an answer had no room for", async () => {
    const { workspace, bodies } = await queuedHooks(3);
    const asked: number[] = [];
    const { cell } = workspace;
    vi.spyOn(env.WORKSPACE_CELL, "getByName").mockImplementation(() => {
      const claimDeliveries = async (attempts: MessageAttempt[]): Promise<Claim[]> => {
        asked.push(attempts.length);
        return await Promise.all(attempts.slice(0, 2).map(async ({ deliveryId }) => await claim({ cell }, deliveryId)));
      };
      const reportDeliveries = async (ended: EndedAttempt[]): Promise<void> => await cell.reportDeliveries(ended);
      return { claimDeliveries, reportDeliveries } as unknown as typeof cell;
    });
    const { jobs, send } = aSender();
    const { acks, going } = await consume(bodies, send);
    await Promise.all(going);
    expect([asked, acks, jobs.length]).toEqual([[3, 1], ["m0", "m1", "m2"], 3]);
  });

  it("of several workspaces are each asked of their own", async () => {
    const [one, two] = [await aQueuedHook(), await aQueuedHook()];
    const { jobs, send } = aSender();
    const { acks, going } = await consume([one.message, two.message, one.message], send);
    await Promise.all(going);
    expect(acks.toSorted()).toEqual(["m0", "m1", "m2"]);
    expect(jobs.map(({ workspaceId }) => workspaceId).toSorted()).toEqual(
      [one.workspace.id, two.workspace.id].toSorted(),
    );
    for (const { workspace } of [one, two]) expect(await messageOf(workspace)).toMatchObject({ status: "sent" });
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
