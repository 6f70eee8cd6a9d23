// What Cloudflare's Email Service publishes of e-mails, from the queue to the suppression: with the read model that
// says whose a message is, late and away too.
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import worker from "../../src/index.ts";
import { EMAIL_EVENTS_QUEUE } from "../../src/delivery/email-events.ts";
import { runAlarm } from "../support/alarm.ts";
import { attempted, messageOf } from "../support/deliveries.ts";
import { aRun } from "../support/running.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const MESSAGE_ID = "<pIlEAeNiwq8Yqda1hdkDyqtTdfdzfrhVHHKb@example.com>";

/** A workspace that has sent an e-mail to alex@example.com under an id of the service's. */
async function aSentEmail(providerId = MESSAGE_ID): Promise<TestWorkspace> {
  const { workspace } = await aRun([{ id: "thanks", type: "email", template: "order-thanks" }]);
  await attempted(workspace, (await messageOf(workspace)).id, 1, { providerId });
  await runAlarm(workspace.cell);
  return workspace;
}

interface EventOptions {
  kind?: "bounced" | "complained" | "delivered" | "deferred" | "failed" | "rejected";
  payload?: object;
}

/** An event in the shape of the documentation, with the id as events really carry it. */
function anEvent({ kind = "bounced", payload = {} }: EventOptions = {}): object {
  return {
    type: `cf.email.sending.message.${kind}`,
    source: { type: "email.sending", zoneId: "023e105f4ecef8ad9ca31a8372d0c353", domain: "example.com" },
    payload: {
      eventId: "0190d0c4-7ea1-7af2-8b88-c1d2e3f4a5b6",
      messageId: MESSAGE_ID,
      sender: "hello@example.com",
      recipient: "alex@example.com",
      subject: "Your order 1001",
      terminal: true,
      delivery: { status: kind, smtpResponse: "550 5.1.1 User unknown" },
      ...(kind === "bounced" ? { bounce: { type: "hard", reason: "550 5.1.1 No such user" } } : {}),
      ...(kind === "complained" ? { complaint: { type: "abuse" } } : {}),
      ...payload,
    },
    metadata: { eventSchemaVersion: 1, eventTimestamp: "2026-06-01T02:48:57.132Z" },
  };
}

/** Hands bodies to the Worker as one batch. @returns which are acknowledged, and after how many seconds others return */
async function take(bodies: unknown[], attempts = 1): Promise<{ acks: string[]; retries: Record<string, number> }> {
  const acks: string[] = [];
  const retries: Record<string, number> = {};
  const messages = bodies.map((body, index) => {
    const id = String(index);
    const retry = ({ delaySeconds = 0 }: QueueRetryOptions = {}): void => void (retries[id] = delaySeconds);
    return { id, timestamp: new Date(), attempts, body, ack: () => acks.push(id), retry };
  });
  const batch = { queue: EMAIL_EVENTS_QUEUE, messages } as unknown as MessageBatch;
  await worker.queue(batch, env, createExecutionContext());
  return { acks: acks.toSorted(), retries };
}

async function suppressionsOf(workspace: TestWorkspace) {
  return await queryCell(workspace, `SELECT email, reason, diagnostic_code FROM suppressions ORDER BY id`);
}

describe("an event of the Email Service", () => {
  it("suppresses the address of a hard bounce, with the reason it gives", async () => {
    const workspace = await aSentEmail();
    expect(await take([anEvent()])).toEqual({ acks: ["0"], retries: {} });
    expect(await suppressionsOf(workspace)).toEqual([
      { email: "alex@example.com", reason: "bounce", diagnostic_code: "550 5.1.1 No such user" },
    ]);
  });

  it("suppresses the address of a complaint", async () => {
    const workspace = await aSentEmail();
    await take([anEvent({ kind: "complained" })]);
    expect(await suppressionsOf(workspace)).toMatchObject([{ email: "alex@example.com", reason: "complaint" }]);
  });

  it.each([{ bounce: { type: "soft", reason: "452 4.2.2 Mailbox full" } }, { bounce: {} }])(
    "only notes a bounce that may pass: %j",
    async (payload) => {
      const workspace = await aSentEmail();
      expect(await take([anEvent({ payload })])).toEqual({ acks: ["0"], retries: {} });
      expect(await suppressionsOf(workspace)).toEqual([]);
      expect(await countInCell(workspace, "soft_bounces")).toBe(1);
    },
  );

  it.each<[EventOptions, string]>([
    [{ payload: { delivery: null, bounce: { type: "hard", reason: null } } }, "bounce"],
    [{ payload: { delivery: { smtpResponse: 550 }, bounce: { type: "hard", reason: ["550"] } } }, "bounce"],
    [{ kind: "complained", payload: { delivery: null, bounce: null, complaint: null } }, "complaint"],
    [{ kind: "complained", payload: { complaint: { type: null } } }, "complaint"],
  ])("suppresses the address however little else can be read of it: %j", async (event, reason) => {
    const workspace = await aSentEmail();
    await take([anEvent(event)]);
    expect(await suppressionsOf(workspace)).toMatchObject([{ email: "alex@example.com", reason }]);
  });

  it("finds its message by an id without angle brackets too", async () => {
    const workspace = await aSentEmail();
    await take([anEvent({ payload: { messageId: MESSAGE_ID.slice(1, -1) } })]);
    expect(await suppressionsOf(workspace)).toHaveLength(1);
    const bare = await aSentEmail("0101018f7d0c4d9a-msg-bounced");
    await take([anEvent({ payload: { messageId: "0101018f7d0c4d9a-msg-bounced" } })]);
    expect(await suppressionsOf(bare)).toHaveLength(1);
  });

  it("changes nothing when it comes a second time", async () => {
    const workspace = await aSentEmail();
    await take([anEvent(), anEvent()]);
    const before = await dumpCell(workspace);
    await take([anEvent()]);
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await suppressionsOf(workspace)).toHaveLength(1);
  });

  it("suppresses nobody but whom the message went to", async () => {
    const workspace = await aSentEmail();
    expect(await take([anEvent({ payload: { recipient: "kim@example.com" } })])).toEqual({ acks: ["0"], retries: {} });
    expect(await suppressionsOf(workspace)).toEqual([]);
  });

  it("is acknowledged unread when it is of another kind, or none that is known", async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    const others = (["delivered", "deferred", "failed", "rejected"] as const).map((kind) => anEvent({ kind }));
    expect(await take([...others, {}, null, "text", { type: "cf.r2.object.created" }])).toEqual({
      acks: ["0", "1", "2", "3", "4", "5", "6", "7"],
      retries: {},
    });
    expect(prepare).not.toHaveBeenCalled();
  });

  it("comes again when nobody knows its message yet, each time later, and is let go after the fifth look", async () => {
    const unknown = anEvent({ payload: { messageId: "<unknown@example.com>" } });
    const waits: unknown[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) waits.push((await take([unknown], attempt)).retries["0"]);
    expect(waits).toEqual([60, 120, 240, 480]);
    expect(await take([unknown], 5)).toEqual({ acks: ["0"], retries: {} });
  });

  it("comes again for as long as the queue keeps it when the read model is away", async () => {
    const workspace = await aSentEmail();
    vi.spyOn(console, "error").mockReturnValue();
    vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1 is away");
    });
    expect(await take([anEvent()], 9)).toEqual({ acks: [], retries: { "0": 3_600 } });
    vi.restoreAllMocks();
    expect(await take([anEvent()], 10)).toEqual({ acks: ["0"], retries: {} });
    expect(await suppressionsOf(workspace)).toHaveLength(1);
  });

  it("holds up no other event of its batch", async () => {
    const workspace = await aSentEmail();
    const unknown = anEvent({ payload: { messageId: "<unknown@example.com>" } });
    expect(await take([unknown, anEvent()])).toEqual({ acks: ["1"], retries: { "0": 60 } });
    expect(await suppressionsOf(workspace)).toHaveLength(1);
  });
});
