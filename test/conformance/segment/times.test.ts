// When a Segment call happened: what it claims, corrected by how wrong the sender's clock is.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { aTrack, openDoor, type Door } from "./door.ts";

const API = "Segment HTTP API, 2025-11-07";
const OURS = "our choice";
const HOUR_MS = 3_600_000;
/** Between the Worker's reading of the clock and the cell's, on a machine that may be busy; what is told apart is hours. */
const WITHIN_MS = 10 * 60_000;

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openDoor(server);
});

/** Sends a call, and tells by how much it happened before it was received, in milliseconds. */
async function agoOf(over: Record<string, unknown>): Promise<number> {
  await door.post("track", aTrack(over));
  return await ago();
}

async function ago(): Promise<number> {
  const event = (await door.stored()).at(-1);
  return Date.parse(event?.receivedAt ?? "") - Date.parse(event?.occurredAt ?? "");
}

async function occurredAt(over: Record<string, unknown>): Promise<string> {
  await door.post("track", aTrack(over));
  return (await door.storedOne()).occurredAt;
}

describe("clock skew", () => {
  it(
    requirement("takes how long ago it was by the sender's clock, and counts back from our own", "D", API),
    async () => {
      const skewed = await agoOf({ originalTimestamp: "2001-01-01T10:00:00.000Z", sentAt: "2001-01-01T11:00:00.000Z" });
      expect(Math.abs(skewed - HOUR_MS)).toBeLessThan(WITHIN_MS);
    },
  );
  it(requirement("takes a timestamp that the caller set for the original one", "D", API), async () => {
    const skewed = await agoOf({
      timestamp: "2001-01-01T10:00:00Z",
      originalTimestamp: "2001-01-01T10:59:59Z",
      sentAt: "2001-01-01T12:00:00+01:00",
    });
    expect(Math.abs(skewed - HOUR_MS)).toBeLessThan(WITHIN_MS);
  });
  it(requirement("lets the future stay the future", "A", OURS), async () => {
    const skewed = await agoOf({ timestamp: "2001-01-01T12:00:00Z", sentAt: "2001-01-01T11:00:00Z" });
    expect(Math.abs(skewed + HOUR_MS)).toBeLessThan(WITHIN_MS);
  });
  it(requirement("takes the batch's sentAt for every call of it", "D", API), async () => {
    const batch = [{ type: "track", ...aTrack({ timestamp: "2001-01-01T10:00:00Z" }) }];
    await door.post("batch", { batch, sentAt: "2001-01-01T11:00:00Z" });
    expect(Math.abs((await ago()) - HOUR_MS)).toBeLessThan(WITHIN_MS);
  });
  it(requirement("takes a call's own sentAt before the batch's", "S", "rudder-sdk-node 3.0.13"), async () => {
    const own = { originalTimestamp: "2001-01-01T10:00:00Z", sentAt: "2001-01-01T11:00:00Z" };
    await door.post("batch", { batch: [{ type: "track", ...aTrack(own) }], sentAt: "2001-01-01T18:00:00Z" });
    expect(Math.abs((await ago()) - HOUR_MS)).toBeLessThan(WITHIN_MS);
  });
});

describe("claimed time", () => {
  it(requirement("stands as it is without a sentAt", "A", OURS), async () => {
    expect(await occurredAt({ timestamp: "2012-12-02T00:30:12.984Z" })).toBe("2012-12-02T00:30:12.984Z");
  });
  it(requirement("stands as it is beside a sentAt that is no instant", "A", OURS), async () => {
    const claimed = { timestamp: "2012-12-02T00:30:12+02:00", sentAt: "just now" };
    expect(await occurredAt(claimed)).toBe("2012-12-01T22:30:12.000Z");
  });
  it(requirement("without an offset is UTC", "A", OURS), async () => {
    expect(await occurredAt({ timestamp: "2012-12-02 00:30:12" })).toBe("2012-12-02T00:30:12.000Z");
  });
  for (const [what, timestamp] of [
    ["no ISO 8601 text", "Tuesday"],
    ["a number", 1_354_408_212_984],
    ["a day that does not exist", "2012-13-41T00:00:00Z"],
    ["a day that its month does not have", "2026-02-30T00:00:00Z"],
    ["null", null],
  ] as const) {
    it(requirement(`that is ${what} is ignored: it happened when it was received`, "A", OURS), async () => {
      expect(await agoOf({ timestamp, sentAt: "2012-12-02T00:30:12Z" })).toBe(0);
    });
  }
  it(requirement("that cannot be read is kept in the context, beside what is there", "A", OURS), async () => {
    const sent = {
      timestamp: "2026-02-30T00:00:00Z",
      sentAt: "just now",
      context: { sentAt: "mine", ip: "192.0.2.1" },
    };
    await door.post("track", aTrack(sent));
    const context = { timestamp: "2026-02-30T00:00:00Z", sentAt: "mine", ip: "192.0.2.1" };
    expect((await door.storedOne()).data).toEqual({ context });
  });
  it(requirement("is when it was received if a call claims none", "D", API), async () => {
    expect(await agoOf({ sentAt: "2012-12-02T00:30:12Z" })).toBe(0);
  });
  it(
    requirement("that the correction would put outside the years 0000 to 9999 stands uncorrected", "A", OURS),
    async () => {
      const claimed = { timestamp: "9999-12-31T23:59:59Z", sentAt: "0001-01-01T00:00:00Z" };
      expect(await occurredAt(claimed)).toBe("9999-12-31T23:59:59.000Z");
    },
  );
});
