// The same business event through the Segment door and through the native one: the same person, and the journey
// decides the same.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { activateJourney, read, track } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { openDoor, type Door } from "./door.ts";

const SOURCE = "our choice";

const JOURNEY = {
  key: "order-follow-up",
  name: "Order follow-up",
  entry: {
    event: "Order Completed",
    filter: {
      $and: [
        { $state: "/event/total", gte: 40 },
        { $state: "/profile/plan", eq: "Pro" },
      ],
    },
  },
  steps: [{ id: "rest", type: "delay", for: "P1D" }],
};

interface Decision {
  key: string;
  version: number;
  outcome: string;
  reason: string;
  detail: unknown;
}

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openWithJourney();
});

async function openWithJourney(): Promise<Door> {
  const opened = await openDoor(server);
  await activateJourney(ownServer(opened), JOURNEY);
  return opened;
}

/** The server as the owner of a door's workspace calls it. */
function ownServer({ apiKey, workspaceId }: Door): DevServer {
  return { ...server, dev: { ...server.dev, apiKey, workspaceId } };
}

async function throughSegment(to: Door, data: Record<string, unknown>, plan: string): Promise<string> {
  const context = { traits: { plan } };
  await to.post("track", { event: "Order Completed", userId: "u-1", properties: data, context });
  return (await to.stored()).at(-1)?.eventId ?? "";
}

async function throughNative(to: Door, data: Record<string, unknown>, plan: string): Promise<string> {
  const profile = { externalId: "u-1", properties: { plan } };
  const answer = await track(ownServer(to), crypto.randomUUID(), { event: "Order Completed", profile, data });
  expect(answer.status).toBe(202);
  return (JSON.parse(answer.text) as { eventId: string }).eventId;
}

async function decisionsOn(to: Door, eventId: string): Promise<Decision[]> {
  const { receipt } = await read<{ receipt: { journeys: Decision[] } }>(ownServer(to), `/api/v1/events/${eventId}`);
  return receipt.journeys.map(({ key, version, outcome, reason, detail }) => ({
    key,
    version,
    outcome,
    reason,
    detail,
  }));
}

describe("the same event through the native door", () => {
  for (const [outcome, total, plan] of [
    ["enrolled", 49, "Pro"],
    ["filter_failed", 39, "Pro"],
    ["filter_failed", 49, "Free"],
  ] as const) {
    it(requirement(`is decided as ${outcome} there too, with ${total} and ${plan}`, "A", SOURCE), async () => {
      const native = await openWithJourney();
      const here = await decisionsOn(door, await throughSegment(door, { total }, plan));
      const there = await decisionsOn(native, await throughNative(native, { total }, plan));
      expect(here).toEqual(there);
      expect(here.map(({ reason }) => reason)).toEqual([outcome]);
    });
  }

  it(requirement("finds the same person, who is enrolled once", "A", SOURCE), async () => {
    const first = await throughNative(door, { total: 49 }, "Pro");
    const second = await throughSegment(door, { total: 49 }, "Pro");
    const [native, segment] = await door.stored();
    expect([native?.eventId, segment?.eventId]).toEqual([first, second]);
    expect(segment?.profileId).toBe(native?.profileId);
    expect(segment?.data).toMatchObject(native?.data as object);
    expect((await decisionsOn(door, second)).map(({ reason }) => reason)).toEqual(["already_active"]);
  });
});
