// Room at a host: so many messages at a time, and who hangs holds up nobody else.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { NOW_MS } from "../support/clock.ts";
import { claim, granted, messagesOf, report, storeTemplate, type DeliveryState } from "../support/deliveries.ts";
import { erase } from "../support/erasures.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { anEntry, aRunningJourney, pass } from "../support/running.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const DROPPED = { kind: "dropped" };
const LEASE_MS = 30_000;
const SLOW = "https://slow.example.com/h";
const QUICK = "https://quick.example.com/h";

function hooks(urls: readonly string[]): unknown[] {
  return urls.map((url, i) => ({ id: `s${i}`, type: "webhook", url }));
}

/** A run that asks for messages to these addresses at once; all are in the queue. */
async function aQueuedRun(urls: readonly string[]): Promise<{ workspace: TestWorkspace; ids: string[] }> {
  const workspace = await aRunningJourney(hooks(urls));
  await anEntry(workspace);
  await pass(workspace, 0);
  return { workspace, ids: (await messagesOf(workspace)).map(({ id }) => id) };
}

async function statesOf(workspace: TestWorkspace): Promise<(string | null)[]> {
  return (await messagesOf(workspace)).map(({ state, status }: DeliveryState) => state ?? status);
}

function times(count: number, url: string): string[] {
  return Array.from({ length: count }, () => url);
}

describe("a host", () => {
  it("is sent four messages at a time, and the others wait for it", async () => {
    const { workspace, ids } = await aQueuedRun(times(6, SLOW));
    for (const id of ids.slice(0, 4)) await granted(workspace, id);
    for (const id of ids.slice(4)) expect(await claim(workspace, id)).toEqual(DROPPED);
    expect(await statesOf(workspace)).toEqual([...times(4, "claimed"), ...times(2, "parked")]);
  });

  it("that hangs holds up no message to another one", async () => {
    const { workspace, ids } = await aQueuedRun([...times(50, SLOW), ...times(4, QUICK)]);
    for (const id of ids.slice(0, 50)) await claim(workspace, id);
    for (const id of ids.slice(50)) {
      await granted(workspace, id);
      await report(workspace, id, 1);
    }
    expect(await statesOf(workspace)).toEqual([...times(4, "claimed"), ...times(46, "parked"), ...times(4, "sent")]);
  });

  it("is told from another one on the same machine by its port", async () => {
    const { workspace, ids } = await aQueuedRun([...times(4, SLOW), "https://slow.example.com:8443/h"]);
    for (const id of ids) await claim(workspace, id);
    expect(await statesOf(workspace)).toEqual(times(5, "claimed"));
  });

  it("that has answered lets the message go on that waited longest", async () => {
    const { workspace, ids } = await aQueuedRun(times(7, SLOW));
    for (const id of ids) await claim(workspace, id);
    await report(workspace, ids[2] as string, 1);
    expect(await statesOf(workspace)).toEqual(["claimed", "claimed", "sent", "claimed", "waiting", "parked", "parked"]);
    await pass(workspace, 0);
    expect(await granted(workspace, ids[4] as string)).toMatchObject({ attempt: 1 });
    expect(await claim(workspace, ids[5] as string)).toEqual(DROPPED);
  });

  it("lets the next message go on also when an attempt fails", async () => {
    const { workspace, ids } = await aQueuedRun(times(5, SLOW));
    for (const id of ids) await claim(workspace, id);
    await report(workspace, ids[0] as string, 1, { outcome: "retry" });
    expect(await statesOf(workspace)).toEqual(["waiting", ...times(3, "claimed"), "waiting"]);
  });

  it("lets the next messages go on when nobody has heard of those before", async () => {
    const { workspace, ids } = await aQueuedRun(times(9, SLOW));
    for (const id of ids) await claim(workspace, id);
    await evictDurableObject(workspace.cell);
    await pass(workspace, LEASE_MS);
    await pass(workspace, 1);
    expect((await statesOf(workspace)).filter((state) => state === "parked")).toEqual([]);
    for (const id of ids.slice(4, 8)) await granted(workspace, id);
    expect(await claim(workspace, ids[8] as string)).toEqual(DROPPED);
  });

  it("lets the next message go on when the one whose turn it was is not sent at all", async () => {
    const { workspace, ids } = await aQueuedRun(times(6, SLOW));
    for (const id of ids) await claim(workspace, id);
    await report(workspace, ids[0] as string, 1, { outcome: "failed", reason: "endpoint_disabled" });
    await claim(workspace, ids[4] as string);
    expect(await statesOf(workspace)).toEqual(["failed", ...times(3, "claimed"), "skipped", "waiting"]);
  });

  it("lets the next messages go on when those before are erased with their person", async () => {
    const workspace = await aRunningJourney(hooks(times(4, SLOW)), { eligibility: { reentry: "always" } });
    const identities = (name: string) => ({ identities: { email: `${name}@example.com` } });
    for (const name of ["a", "b"]) await anEntry(workspace, identities(name));
    for (const { id } of await messagesOf(workspace)) await claim(workspace, id);
    await erase(workspace, "a@example.com");
    expect(await statesOf(workspace)).toEqual([...times(4, "skipped"), ...times(4, "waiting")]);
  });

  it("sends everything in the end, however many wait for it", async () => {
    const { workspace, ids } = await aQueuedRun(times(40, SLOW));
    let settled = 0;
    for (let round = 0; round < 200 && settled < ids.length; round++) {
      const claimed: string[] = [];
      for (const { id, state } of await messagesOf(workspace)) {
        if (state === "queued" && (await claim(workspace, id)).kind === "granted") claimed.push(id);
      }
      expect(claimed.length).toBeLessThanOrEqual(4);
      for (const id of claimed) await report(workspace, id, 1);
      settled += claimed.length;
      await pass(workspace, 0);
    }
    expect(settled).toBe(40);
  });
});

describe("e-mail", () => {
  it("goes out twenty at a time, and webhooks beside it", async () => {
    const emails = Array.from({ length: 22 }, (_, i) => ({ id: `m${i}`, type: "email", template: "hello" }));
    const workspace = await aWorkspace();
    await storeTemplate(workspace, "hello");
    await anActiveJourney(workspace.cell, { steps: [...emails, { id: "hook", type: "webhook", url: QUICK }] });
    await anEntry(workspace);
    for (const { id } of await messagesOf(workspace)) await claim(workspace, id);
    expect(await statesOf(workspace)).toEqual([...times(20, "claimed"), ...times(2, "parked"), "claimed"]);
    expect((await messagesOf(workspace))[0]).toMatchObject({ due_at: NOW_MS + LEASE_MS, target: "alex@example.com" });
  });
});
