// The limits of the Segment door, each at its edge and one past it, and its dedupe by messageId.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import { aTrack, gzipped, jsonOfBytes, openDoor, SUCCESS, type Door } from "./door.ts";

const API = "Segment HTTP API, 2025-11-07";
const OURS = "our choice";
const CALL_BYTES = 32_768;
const BATCH_BYTES = 512_000;

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openDoor(server);
});

function tooLarge(bytes: number): unknown {
  return { status: 400, body: { success: false, message: `The request is larger than ${bytes} bytes.` } };
}

function failure(answer: Answer): unknown {
  return { status: answer.status, body: JSON.parse(answer.text) as unknown };
}

/** A batch of exactly so many bytes: valid calls, and a call that fills what is left. */
function batchOfBytes(bytes: number): string {
  const full = jsonOfBytes({ type: "track", ...aTrack() }, CALL_BYTES);
  const count = Math.floor((bytes - 100) / (full.length + 1)) - 1;
  const head = `{"batch":[${`${full},`.repeat(count)}`;
  const rest = bytes - head.length - 2;
  const half = Math.floor((rest - 1) / 2);
  const call = (length: number): string => jsonOfBytes({ type: "track", ...aTrack() }, length);
  return `${head}${call(half)},${call(rest - 1 - half)}]}`;
}

/** Objects inside each other, so many levels in all. */
function nested(levels: number): string {
  return `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
}

describe("size", () => {
  it(requirement("takes a call of 32 KB, in the larger reading: 32,768 bytes", "D", API), async () => {
    expect(await door.post("track", jsonOfBytes(aTrack(), CALL_BYTES))).toMatchObject(SUCCESS);
    await door.storedOne();
  });
  it(requirement("refuses a call of one byte more with a 400", "D", API), async () => {
    expect(failure(await door.post("track", jsonOfBytes(aTrack(), CALL_BYTES + 1)))).toEqual(tooLarge(CALL_BYTES));
    expect(await door.stored()).toEqual([]);
  });
  it(requirement("counts a compressed call once it is inflated", "A", OURS), async () => {
    const sent = async (bytes: number): Promise<Answer> =>
      await door.post("track", gzipped(JSON.parse(jsonOfBytes(aTrack(), bytes))), { "content-encoding": "gzip" });
    expect(await sent(CALL_BYTES)).toMatchObject(SUCCESS);
    expect(failure(await sent(CALL_BYTES + 1))).toEqual(tooLarge(CALL_BYTES));
  });
  it(requirement("takes a batch of 500 KB, in the larger reading: 512,000 bytes", "D", API), async () => {
    const body = batchOfBytes(BATCH_BYTES);
    expect(body).toHaveLength(BATCH_BYTES);
    const answer = await door.post("batch", body);
    expect(answer).toMatchObject(SUCCESS);
    expect(answer.headers.get("x-rejected-events")).toBeNull();
  });
  it(requirement("refuses a batch of one byte more with a 400, and takes nothing of it", "D", API), async () => {
    expect(failure(await door.post("batch", batchOfBytes(BATCH_BYTES + 1)))).toEqual(tooLarge(BATCH_BYTES));
    expect(await door.stored()).toEqual([]);
    expect(await door.rejected()).toEqual([]);
  });
  it(requirement("counts a compressed batch once it is inflated", "A", OURS), async () => {
    const body = gzipped(JSON.parse(batchOfBytes(BATCH_BYTES + 1)));
    expect(body.byteLength).toBeLessThan(BATCH_BYTES / 10);
    expect(failure(await door.post("batch", body, { "content-encoding": "gzip" }))).toEqual(tooLarge(BATCH_BYTES));
  });
  it(
    requirement(
      "takes an event of 32 KB in a batch, and keeps one of a byte more as rejected (event_too_large)",
      "D",
      API,
    ),
    async () => {
      const call = (name: string, bytes: number): string =>
        jsonOfBytes({ type: "track", event: name, userId: "u-1" }, bytes);
      const answer = await door.post(
        "batch",
        `{"batch":[${call("Over", CALL_BYTES + 1)},${call("Edge", CALL_BYTES)}]}`,
      );
      expect(answer).toMatchObject(SUCCESS);
      expect(answer.headers.get("x-rejected-events")).toBe("1");
      expect((await door.storedOne()).event).toBe("Edge");
      expect(await door.rejected()).toMatchObject([{ reason: "event_too_large", payload: { event: "Over" } }]);
    },
  );
  it(requirement("counts bytes, not characters", "A", OURS), async () => {
    const call = { type: "track", ...aTrack({ properties: { filler: "ü".repeat(CALL_BYTES / 2) } }) };
    expect((await door.post("batch", { batch: [call] })).headers.get("x-rejected-events")).toBe("1");
  });
  it(
    requirement("takes a batch's context of 32 KB in all, and refuses the batch with a 400 past that", "A", OURS),
    async () => {
      const shared = (bytes: number): unknown => {
        const empty = JSON.stringify({ context: { filler: "" }, integrations: {} }).length;
        return { context: { filler: "x".repeat(bytes - empty) }, batch: [{ type: "track", ...aTrack() }] };
      };
      expect(await door.post("batch", shared(CALL_BYTES))).toMatchObject(SUCCESS);
      expect(failure(await door.post("batch", shared(CALL_BYTES + 1)))).toEqual(tooLarge(CALL_BYTES));
    },
  );
});

describe("a batch's context", () => {
  it(
    requirement(
      "is stored with each event, up to 5 MB of events; those after that are kept as rejected (event_too_large)",
      "A",
      OURS,
    ),
    async () => {
      const call = (n: number): unknown => ({ type: "track", event: "e", userId: "u", properties: { n } });
      const batch = Array.from({ length: 2_500 }, (_, n) => call(n));
      const answer = await door.post("batch", { context: { filler: "x".repeat(32_000) }, batch });
      expect(answer).toMatchObject(SUCCESS);
      const rejected = await door.rejected();
      expect(answer.headers.get("x-rejected-events")).toBe(String(rejected.length));
      const stored = await door.stored();
      expect(stored.length * 32_000).toBeLessThan(5_100_000);
      expect(stored.length * 32_000).toBeGreaterThan(4_900_000);
      expect(new Set(rejected.map(({ reason }) => reason))).toEqual(new Set(["event_too_large"]));
      expect(rejected.map(({ payload }) => payload as unknown)).toEqual(batch.slice(stored.length));
    },
  );
});

describe("number", () => {
  const batchOf = (count: number): unknown => ({
    batch: Array.from({ length: count }, (_, n) => ({ type: "track", event: "e", userId: "u", properties: { n } })),
  });

  it(requirement("takes 2,500 events in a batch", "D", API), async () => {
    const answer = await door.post("batch", batchOf(2_500));
    expect(answer).toMatchObject(SUCCESS);
    expect(answer.headers.get("x-rejected-events")).toBeNull();
    expect(await door.stored()).toHaveLength(2_500);
  });
  it(
    requirement(
      "takes the first 2,500 of more, keeps the others as rejected (too_many_events), and answers 200",
      "D",
      API,
    ),
    async () => {
      const answer = await door.post("batch", batchOf(2_502));
      expect(answer).toMatchObject(SUCCESS);
      expect(answer.headers.get("x-rejected-events")).toBe("2");
      expect(await door.stored()).toHaveLength(2_500);
      const rejected = await door.rejected();
      expect(rejected).toMatchObject([
        { reason: "too_many_events", payload: { properties: { n: 2_500 } } },
        { reason: "too_many_events", payload: { properties: { n: 2_501 } } },
      ]);
    },
  );
  it(requirement("keeps what is past 5,000 events of a batch together, and counts each", "A", OURS), async () => {
    const answer = await door.post("batch", { batch: Array.from({ length: 5_010 }, (_, n) => n) });
    expect(answer).toMatchObject(SUCCESS);
    expect(answer.headers.get("x-rejected-events")).toBe("5010");
    const rejected = await door.rejected();
    expect(rejected).toHaveLength(5_001);
    expect(rejected.at(-1)).toMatchObject({
      reason: "too_many_events",
      payload: Array.from({ length: 10 }, (_, n) => 5_000 + n),
    });
  });
});

describe("depth", () => {
  it(
    requirement("takes 100 levels of an event, and keeps a deeper one as rejected (event_too_deep)", "A", OURS),
    async () => {
      const call = (name: string, levels: number): string =>
        `{"type":"track","event":"${name}","userId":"u","properties":${nested(levels - 1)}}`;
      const answer = await door.post(
        "batch",
        `{"batch":[${call("Over", 101)},${call("Edge", 100)},${call("Far", 9_000)}]}`,
      );
      expect(answer.headers.get("x-rejected-events")).toBe("2");
      expect((await door.storedOne()).event).toBe("Edge");
      expect(await door.rejected()).toMatchObject([
        { reason: "event_too_deep", payload: null },
        { reason: "event_too_deep", payload: null },
      ]);
    },
  );
  it(requirement("refuses a batch whose context is deeper with a 400", "A", OURS), async () => {
    expect(failure(await door.post("batch", `{"batch":[],"context":${nested(101)}}`))).toEqual({
      status: 400,
      body: { success: false, message: "The batch's context or integrations are nested too deep." },
    });
  });
});

describe("names", () => {
  it(
    requirement(
      "takes an event of 255 characters, and keeps a longer one as rejected (event_name_too_long)",
      "A",
      OURS,
    ),
    async () => {
      await door.post("track", aTrack({ event: "e".repeat(255) }));
      const over = await door.post("track", aTrack({ event: "e".repeat(256) }));
      expect(over).toMatchObject(SUCCESS);
      expect((await door.storedOne()).event).toHaveLength(255);
      expect(await door.rejected()).toMatchObject([{ reason: "event_name_too_long" }]);
    },
  );
  it(
    requirement("takes a messageId of 99 characters, and keeps one of 100 as rejected (message_id_too_long)", "D", API),
    async () => {
      await door.post("track", aTrack({ messageId: "m".repeat(99) }));
      const over = await door.post("track", aTrack({ messageId: "m".repeat(100) }));
      expect(over).toMatchObject(SUCCESS);
      expect(over.headers.get("x-rejected-events")).toBe("1");
      await door.storedOne();
      expect(await door.rejected()).toMatchObject([{ reason: "message_id_too_long" }]);
    },
  );
  it(
    requirement(
      "keeps a call whose traits would make the profile too large as rejected (profile_too_large)",
      "A",
      OURS,
    ),
    async () => {
      const traits = (n: number): Record<string, unknown> => ({ [`t${n}`]: "x".repeat(30_000) });
      const batch = Array.from({ length: 17 }, (_, n) => ({ type: "identify", userId: "u-1", traits: traits(n) }));
      await door.post("batch", { batch: batch.slice(0, 12) });
      const answer = await door.post("batch", {
        batch: [...batch.slice(12), { type: "identify", userId: "u-1", traits: traits(17) }],
      });
      expect(answer.headers.get("x-rejected-events")).toBe("1");
      expect(await door.stored()).toHaveLength(17);
      expect(await door.rejected()).toMatchObject([{ reason: "profile_too_large", payload: { traits: traits(17) } }]);
    },
  );
});

describe("messageId", () => {
  it(requirement("stores one event for a call that is sent again", "D", API), async () => {
    const call = aTrack({ messageId: "m-1", properties: { total: 49 } });
    for (let n = 0; n < 3; n++) expect(await door.post("track", call)).toMatchObject(SUCCESS);
    expect(await door.stored()).toHaveLength(1);
  });
  it(requirement("lets the first of two calls win, whatever the second says", "D", API), async () => {
    await door.post("track", aTrack({ messageId: "m-1", properties: { n: 1 } }));
    const second = { messageId: "m-1", userId: "u-2", traits: { plan: "Pro" } };
    const answer = await door.post("identify", second);
    expect(answer).toMatchObject(SUCCESS);
    expect(answer.headers.get("x-rejected-events")).toBeNull();
    const event = await door.storedOne();
    expect(event).toMatchObject({ event: "Order Completed", data: { n: 1 } });
  });
  it(requirement("counts within one batch, and over single calls and batches", "D", API), async () => {
    const call = { type: "track", ...aTrack({ messageId: "m-1" }) };
    await door.post("batch", { batch: [call, call] });
    await door.post("track", call);
    expect(await door.stored()).toHaveLength(1);
  });
  it(requirement("stores one event of many that arrive at once", "A", OURS), async () => {
    const call = aTrack({ messageId: "m-1" });
    await Promise.all(Array.from({ length: 20 }, async () => await door.post("track", call)));
    expect(await door.stored()).toHaveLength(1);
  });
  it(requirement("that is absent, null or empty is none: each call is an event", "D", API), async () => {
    for (const over of [{}, {}, { messageId: null }, { messageId: "" }]) await door.post("track", aTrack(over));
    expect(await door.stored()).toHaveLength(4);
  });
  it(
    requirement(
      "counts within a workspace, not over all of them",
      "A",
      "our choice; Segment's reaches over workspaces",
    ),
    async () => {
      const other = await openDoor(server);
      const call = aTrack({ messageId: "m-1" });
      await door.post("track", call);
      await other.post("track", call);
      expect(await door.stored()).toHaveLength(1);
      expect(await other.stored()).toHaveLength(1);
    },
  );
  it(requirement("never meets an idempotency key of the native door", "A", OURS), async () => {
    await door.post("track", aTrack({ messageId: "m-1" }));
    const response = await fetch(`${server.baseUrl}/api/v1/events`, {
      method: "POST",
      headers: { "x-api-key": door.apiKey, "idempotency-key": "m-1", "content-type": "application/json" },
      body: JSON.stringify({ event: "Other", profile: { externalId: "u-1" } }),
    });
    expect(response.status).toBe(202);
    expect(await door.stored()).toHaveLength(2);
  });
  it(requirement("of a call that was rejected is not used up", "A", OURS), async () => {
    await door.post("track", { userId: "u-1", messageId: "m-1" });
    await door.post("track", aTrack({ messageId: "m-1" }));
    expect(await door.stored()).toHaveLength(1);
  });
});
