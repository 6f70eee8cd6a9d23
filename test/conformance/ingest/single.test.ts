// The calls that take one item, and what all three calls answer to a wrong key, a wrong body and a wrong path.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { revokedKey } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import { anIdentify, aTrack, CONTRACT, openDoor, OURS, type Door } from "./door.ts";

let server: DevServer;
let door: Door;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
  door = await openDoor(server);
  await door.batch(anIdentify({ userId: "wp_1" }), anIdentify({ email: "sam@example.com", userId: "wp_2" }));
});
afterAll(async () => server.stop());

const final = { duplicate: false, retryable: false };
const REJECTED = { status: "rejected", reason: "invalid_input", ...final };
const PATHS = ["batch", "identify", "track"] as const;
const bodyOf = (path: (typeof PATHS)[number]): object => {
  if (path === "batch") return { batch: [aTrack()] };
  return { ...(path === "identify" ? anIdentify() : aTrack()), type: undefined };
};

describe("One item by itself", () => {
  it.each(["identify", "track"] as const)(
    requirement("%s answers 200 accepted, then duplicate, with the outcome of a batch less its index", "D", CONTRACT),
    async (path) => {
      const item = { ...bodyOf(path), messageId: `m-${path}` };
      const first = await door.post(path, item);
      const { eventId } = first.body;
      expect([first.status, first.body]).toEqual([
        200,
        { messageId: `m-${path}`, status: "accepted", eventId: expect.any(String), ...final },
      ]);
      const again = await door.post(path, item);
      const duplicate = { status: "duplicate", reason: "duplicate_occurrence", duplicate: true, retryable: false };
      expect([again.status, again.body]).toEqual([200, { messageId: `m-${path}`, eventId, ...duplicate }]);
      expect((await door.event(eventId)).event).toBe(path === "identify" ? "$identify" : "cart.updated");
    },
  );

  it(
    requirement("track about nobody who is known is a 200 dropped, and its messageId stays unused", "D", CONTRACT),
    async () => {
      const item = { ...aTrack({ messageId: "m-late", email: "late@example.com" }) };
      const dropped = await door.post("track", item);
      expect([dropped.status, dropped.body]).toEqual([
        200,
        { messageId: "m-late", status: "dropped", reason: "profile_not_found", ...final },
      ]);
      await door.post("identify", anIdentify({ email: "late@example.com" }));
      expect((await door.post("track", item)).body.status).toBe("accepted");
    },
  );

  it(requirement("a messageId is one event over all three calls", "A", OURS), async () => {
    const item = aTrack();
    const { body } = await door.batch(item);
    const again = await door.post("track", item);
    expect([again.body.status, again.body.eventId]).toEqual(["duplicate", body.results[0].eventId]);
  });

  it.each(["identify", "track"] as const)(
    requirement("%s without consent is a 200 dropped", "D", CONTRACT),
    async (path) => {
      const consent = { analytics: false, marketing: false };
      const { status, body } = await door.post(path, { ...bodyOf(path), messageId: "m-no", consent });
      expect([status, body]).toEqual([
        200,
        { messageId: "m-no", status: "dropped", reason: "analytics_consent_revoked", ...final },
      ]);
    },
  );

  it.each([
    ["identify", { email: "alex" }, "email"],
    ["identify", { email: undefined, userId: "wp_1" }, "email"],
    ["identify", { traits: 7 }, "traits"],
    ["identify", { profileId: "x" }, "profileId"],
    ["track", { event: "" }, "event"],
    ["track", { email: undefined, anonymousId: "anon" }, "email"],
    ["track", { timestamp: "today" }, "timestamp"],
    ["track", { type: "identify" }, "type"],
    ["track", { consent: { analytics: 1 } }, "consent.analytics"],
  ] as const)(
    requirement("%s with %j is a 400 with the outcome's fields and the envelope's", "D", CONTRACT),
    async (path, over, where) => {
      const { status, body } = await door.post(path, { ...bodyOf(path), messageId: "m-wrong", ...over });
      expect([status, body]).toEqual([
        400,
        {
          messageId: "m-wrong",
          ...REJECTED,
          error: "invalid_request",
          message: expect.any(String),
          details: { issues: expect.arrayContaining([{ path: where, message: expect.any(String) }]) },
        },
      ]);
    },
  );

  it(requirement("identify that names two people is a 409 that says not to retry", "D", CONTRACT), async () => {
    const { status, body, headers } = await door.post("identify", anIdentify({ messageId: "m-409", userId: "wp_2" }));
    expect([status, body, headers.get("x-should-retry")]).toEqual([
      409,
      {
        messageId: "m-409",
        status: "rejected",
        reason: "identity_conflict",
        ...final,
        error: "identity_conflict",
        message: expect.any(String),
      },
      "false",
    ]);
  });

  it(requirement("is at most 256 KiB", "A", OURS), async () => {
    const text = JSON.stringify({ writeKey: door.writeKey, ...aTrack() });
    const padded = (bytes: number) => text + " ".repeat(bytes - Buffer.byteLength(text));
    expect((await door.post("track", padded(262_144))).status).toBe(200);
    const over = await door.post("track", padded(262_145));
    expect([over.status, over.body.error, over.body.details]).toEqual([
      413,
      "payload_too_large",
      { maxBytes: 262_144 },
    ]);
  });
});

describe("The write key", () => {
  it.each(PATHS)(
    requirement("%s answers 401 to a missing, wrong, revoked or other key in the body", "A", OURS),
    async (path) => {
      const keys = {
        missing: undefined,
        wrong: "wp_wk_unknown",
        empty: "",
        "no text": 7,
        secret: door.apiKey,
        adminToken: server.dev.adminToken,
        revoked: await revokedKey(server, door.workspaceId, "write"),
      };
      for (const [what, writeKey] of Object.entries(keys)) {
        const { status, body } = await door.post(path, { ...bodyOf(path), writeKey });
        expect([what, status, body]).toEqual([what, 401, { error: "unauthorized", message: expect.any(String) }]);
      }
    },
  );

  it.each(PATHS)(requirement("%s takes a key in no header", "D", CONTRACT), async (path) => {
    const headers = { "x-api-key": door.writeKey, authorization: `Bearer ${door.writeKey}` };
    expect((await door.post(path, { ...bodyOf(path), writeKey: undefined }, headers)).status).toBe(401);
  });

  it(requirement("opens nothing but this door", "A", OURS), async () => {
    const headers = { "x-api-key": door.writeKey };
    expect((await fetch(`${server.baseUrl}/api/v1/events`, { headers })).status).toBe(401);
  });
});

describe("The body", () => {
  it.each(["application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""])(
    requirement("is JSON by its look, with content-type %j", "A", OURS),
    async (type) => {
      const { status } = await door.post("batch", { batch: [aTrack()] }, type === "" ? {} : { "content-type": type });
      expect(status).toBe(200);
    },
  );

  it.each(["", "{", "[]", "null", "7", '"x"', "writeKey=x"])(
    requirement("%j is a 400; the calls of one item add the outcome's fields", "A", OURS),
    async (text) => {
      const batch = await door.post("batch", text);
      const issues = [{ path: "body", message: expect.any(String) }];
      const envelope = { error: "invalid_request", message: expect.any(String), details: { issues } };
      expect([batch.status, batch.body]).toEqual([400, envelope]);
      const track = await door.post("track", text);
      expect([track.status, track.body]).toEqual([400, { messageId: null, ...REJECTED, ...envelope }]);
    },
  );
});

describe("Paths", () => {
  it(requirement("that do not exist are a 404, and other methods a 405", "A", OURS), async () => {
    const answer = async (method: string, path: string) => {
      const response = await fetch(`${server.baseUrl}/api/v1/ingest${path}`, { method });
      return [response.status, (await response.json<{ error: string }>()).error, response.headers.get("allow")];
    };
    expect(await answer("POST", "/page")).toEqual([404, "not_found", null]);
    expect(await answer("GET", "/batch")).toEqual([405, "method_not_allowed", "POST"]);
    expect(await answer("PUT", "/track")).toEqual([405, "method_not_allowed", "POST"]);
  });
});
