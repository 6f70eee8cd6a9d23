// Before a webhook is sent its address is asked about once more: what must not be called is not even connected to.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { sendWebhook } from "../../src/delivery/webhook-sender.ts";
import { HOSTILE_ADDRESSES, LOOPBACK_ADDRESSES } from "../support/hostile-addresses.ts";
import { startRawReceiver, type RawReceiver } from "../support/raw-receiver.ts";
import { aWebhookJob, LOOPBACK_OPEN } from "./webhook-jobs.ts";

const REFUSED = {
  outcome: "failed",
  reason: "rejected",
  code: "address_refused",
  message: expect.any(String),
  providerId: null,
  retryAfterMs: null,
  durationMs: expect.any(Number),
};

/** Spellings by which this machine reaches itself, as `fetch` would follow them. */
const SPELLINGS = (
  "127.1 127.0.1 2130706433 0x7f000001 0177.0.0.01 0x7f.0.01 127.0.0.1. 0 0.0.0.0 %31%32%37.0.0.1 １２７.０.０.１ " +
  "①②⑦.⓪.⓪.① 127。0。0。1 [::ffff:127.0.0.1] [::ffff:7f00:1] user@127.0.0.1 user:password@127.0.0.1"
).split(" ");

let listener: RawReceiver;

beforeAll(async () => {
  listener = await startRawReceiver((socket) => {
    socket.end("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
  });
});
afterAll(async () => {
  await listener.close();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("the sender of webhooks", () => {
  it.each(HOSTILE_ADDRESSES)("calls nothing when the address is %s", async (_what, url) => {
    const called = vi.spyOn(globalThis, "fetch");
    for (const env of [{}, LOOPBACK_OPEN]) {
      expect(await sendWebhook(aWebhookJob({ url }), env)).toEqual(REFUSED);
    }
    expect(called).not.toHaveBeenCalled();
  });

  it.each(LOOPBACK_ADDRESSES)("calls nothing of its own machine unless it was told to: %s", async (url) => {
    const called = vi.spyOn(globalThis, "fetch");
    for (const env of [{}, { ALLOW_LOOPBACK_WEBHOOKS: "false" }, { ALLOW_LOOPBACK_WEBHOOKS: "1" }]) {
      expect(await sendWebhook(aWebhookJob({ url }), env)).toEqual(REFUSED);
    }
    expect(called).not.toHaveBeenCalled();
  });

  it.each(SPELLINGS)("makes no connection to a listener that %s reaches", async (host) => {
    const url = `http://${host}:${listener.port}/`;
    const before = listener.connections();
    await reach(host);
    expect(listener.connections()).toBe(before + 1);
    for (const env of [{}, LOOPBACK_OPEN]) {
      expect(await sendWebhook(aWebhookJob({ url }), env)).toEqual(REFUSED);
    }
    expect(listener.connections()).toBe(before + 1);
  });

  it("reaches the same listener by its plain address, where it may", async () => {
    const before = listener.connections();
    const url = `http://127.0.0.1:${listener.port}/`;
    expect(await sendWebhook(aWebhookJob({ url }), LOOPBACK_OPEN)).toMatchObject({ outcome: "sent", code: "204" });
    expect(listener.connections()).toBe(before + 1);
  });
});

/** Calls the listener as a sender would that asks nothing; only a user name is left out, which `fetch` does not take. */
async function reach(host: string): Promise<void> {
  const answer = await fetch(`http://${host.replace(/^.*@/, "")}:${listener.port}/`);
  await answer.arrayBuffer();
}
