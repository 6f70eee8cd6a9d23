// How a request reaches the Segment door: its paths, its write key, its body, and the answers to what does not.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, type Answer } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { revokedKey } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import { aTrack, basic, gzipped, openDoor, SUCCESS, type Door } from "./door.ts";

const API = "Segment HTTP API, 2025-11-07";
const OURS = "our choice";

let server: DevServer;
let door: Door;

beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());
beforeEach(async () => {
  door = await openDoor(server);
});

/** Posts without the Basic header that the door's own calls have. */
async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return await call(server, `/segment/v1/${path}`, { method: "POST", headers, body });
}

function failure(answer: Answer): unknown {
  return { status: answer.status, body: JSON.parse(answer.text) as unknown };
}

const UNAUTHORIZED = {
  status: 401,
  body: { success: false, message: "The write key is missing, wrong or revoked." },
};

describe("paths", () => {
  const calls = {
    track: { event: "Seen" },
    identify: { traits: { plan: "Pro" } },
    page: { name: "Home" },
    screen: { name: "Home" },
    group: { groupId: "g-1" },
    alias: { previousId: "before" },
  };
  const letters = { track: "t", identify: "i", page: "p", screen: "s", group: "g", alias: "a" };

  for (const [name, body] of Object.entries(calls)) {
    const letter = letters[name as keyof typeof letters];
    const event = name === "track" ? "Seen" : `$${name}`;
    it(requirement(`takes POST /v1/${name}, and stores it as ${event}`, "D", API), async () => {
      expect(await door.post(name, { userId: "u-1", ...body })).toMatchObject(SUCCESS);
      expect(await door.storedOne()).toMatchObject({ event, source: "segment" });
    });
    it(requirement(`takes POST /v1/${letter} as ${name}`, "S", "analytics-next 1.84.3"), async () => {
      expect(await door.post(letter, { userId: "u-1", ...body })).toMatchObject(SUCCESS);
      expect((await door.storedOne()).event).toBe(event);
    });
    it(requirement(`takes POST /v1/${name}/ with a trailing slash`, "A", OURS), async () => {
      expect(await door.post(`${name}/`, { userId: "u-1", ...body })).toMatchObject(SUCCESS);
      expect((await door.storedOne()).event).toBe(event);
    });
  }

  for (const [path, mark, source] of [
    ["batch", "D", API],
    ["b", "S", "analytics-next 1.84.3"],
    ["import", "W", "Segment's PHP client"],
    ["batch/", "A", OURS],
  ] as const) {
    it(requirement(`takes POST /v1/${path} with a list of calls, each of its own type`, mark, source), async () => {
      const batch = Object.entries(calls).map(([type, body]) => ({ type, userId: "u-1", ...body }));
      expect(await door.post(path, { batch })).toMatchObject(SUCCESS);
      const names = (await door.stored()).map(({ event }) => event);
      expect(names).toEqual(["Seen", "$identify", "$page", "$screen", "$group", "$alias"]);
    });
  }

  it(requirement("lets the path say what a single call is, whatever its type says", "A", OURS), async () => {
    expect(await door.post("track", aTrack({ type: "identify" }))).toMatchObject(SUCCESS);
    expect((await door.storedOne()).event).toBe("Order Completed");
  });

  it(requirement("answers an unknown path 404 in the vendor's shape", "A", OURS), async () => {
    expect(failure(await door.post("nothing", {}))).toEqual({
      status: 404,
      body: { success: false, message: "There is nothing here by that name." },
    });
  });

  it(requirement("answers another method than POST 405, and says which one is taken", "A", OURS), async () => {
    const answer = await call(server, "/segment/v1/track");
    expect(failure(answer)).toEqual({
      status: 405,
      body: { success: false, message: "This path does not take that method." },
    });
    expect(answer.headers.get("allow")).toBe("POST");
  });
});

describe("write key", () => {
  const headerless = async (authorization: string, over: Record<string, unknown> = {}): Promise<Answer> =>
    await post("track", aTrack(over), { authorization });

  it(requirement("is taken from Basic authentication, as the user before the colon", "D", API), async () => {
    expect(await headerless(basic(door.writeKey))).toMatchObject(SUCCESS);
    await door.storedOne();
  });
  it(requirement("is taken from Basic authentication without the colon", "D", API), async () => {
    const encoded = Buffer.from(door.writeKey).toString("base64");
    expect(await headerless(`Basic ${encoded}`)).toMatchObject(SUCCESS);
  });
  it(requirement("is taken from Basic authentication whatever the password", "A", OURS), async () => {
    expect(await headerless(basic(door.writeKey, "any:thing"))).toMatchObject(SUCCESS);
  });
  it(requirement("is taken from writeKey in the body of a call", "D", API), async () => {
    expect(await post("track", aTrack({ writeKey: door.writeKey }))).toMatchObject(SUCCESS);
    await door.storedOne();
  });
  it(requirement("is taken from writeKey in the body of a batch", "D", API), async () => {
    const batch = [{ type: "track", ...aTrack() }];
    expect(await post("batch", { batch, writeKey: door.writeKey })).toMatchObject(SUCCESS);
  });
  it(requirement("is taken from writeKey in the body beside an OAuth Bearer token", "D", API), async () => {
    expect(await headerless("Bearer an-access-token", { writeKey: door.writeKey })).toMatchObject(SUCCESS);
  });
  it(requirement("is taken from the body where Basic authentication names no user", "A", OURS), async () => {
    expect(await headerless(basic(""), { writeKey: door.writeKey })).toMatchObject(SUCCESS);
    expect(await headerless("Basic ###", { writeKey: door.writeKey })).toMatchObject(SUCCESS);
  });
  it(requirement("of Basic authentication decides alone when the body has another", "A", OURS), async () => {
    const other = await openDoor(server);
    expect(await headerless(basic(door.writeKey), { writeKey: other.writeKey })).toMatchObject(SUCCESS);
    expect(await door.stored()).toHaveLength(1);
    expect(await other.stored()).toHaveLength(0);
    expect(failure(await headerless(basic("unknown"), { writeKey: door.writeKey }))).toEqual(UNAUTHORIZED);
  });
  it(requirement("that is unknown is a 401", "A", "our choice; Segment's edge answers 200"), async () => {
    expect(failure(await headerless(basic("unknown")))).toEqual(UNAUTHORIZED);
    expect(failure(await post("track", aTrack({ writeKey: "unknown" })))).toEqual(UNAUTHORIZED);
  });
  it(requirement("that is missing is a 401", "A", OURS), async () => {
    expect(failure(await post("track", aTrack()))).toEqual(UNAUTHORIZED);
    expect(failure(await post("track", aTrack({ writeKey: 7 })))).toEqual(UNAUTHORIZED);
  });
  it(requirement("must be a write key: a secret key is a 401", "A", OURS), async () => {
    expect(failure(await headerless(basic(door.apiKey)))).toEqual(UNAUTHORIZED);
    expect(failure(await post("track", aTrack({ writeKey: door.apiKey })))).toEqual(UNAUTHORIZED);
  });
  it(
    requirement("that was revoked is a 401 on every answer, also to what was refused otherwise", "A", OURS),
    async () => {
      const authorization = basic(await revokedKey(server, door.workspaceId, "write"));
      expect(failure(await post("track", aTrack(), { authorization }))).toEqual(UNAUTHORIZED);
      expect(failure(await post("track", "{", { authorization }))).toEqual(UNAUTHORIZED);
      expect(failure(await post("batch", { batch: [] }, { authorization }))).toEqual(UNAUTHORIZED);
      expect(failure(await post("track", {}, { authorization }))).toEqual(UNAUTHORIZED);
    },
  );
});

describe("body", () => {
  for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
    it(
      requirement(`is read as JSON under the content type ${type}`, "S", "analytics-next, rudder-sdk-node"),
      async () => {
        expect(await door.post("track", aTrack(), { "content-type": type })).toMatchObject(SUCCESS);
        await door.storedOne();
      },
    );
  }
  it(requirement("may be compressed with gzip", "S", "rudder-sdk-node 3.0.13"), async () => {
    const batch = [{ type: "track", ...aTrack() }];
    const headers = { "content-encoding": "gzip", "content-type": "application/x-www-form-urlencoded" };
    expect(await door.post("batch", gzipped({ batch }), headers)).toMatchObject(SUCCESS);
    await door.storedOne();
  });
  it(requirement("that is no JSON is a 400", "D", API), async () => {
    expect(failure(await door.post("track", "{"))).toEqual({
      status: 400,
      body: { success: false, message: "The body is not valid JSON." },
    });
    expect(failure(await door.post("batch", ""))).toEqual({
      status: 400,
      body: { success: false, message: "The body is empty; send a JSON object." },
    });
  });
  it(requirement("that is JSON and no object is a 400", "A", OURS), async () => {
    expect(failure(await door.post("track", "[]"))).toEqual({
      status: 400,
      body: { success: false, message: "The body is not a JSON object." },
    });
  });
  it(requirement("of a batch without a list of calls is a 400", "A", OURS), async () => {
    expect(failure(await door.post("batch", aTrack()))).toEqual({
      status: 400,
      body: { success: false, message: "batch must be an array of events." },
    });
  });
  it(requirement("that is not compressed as its header says is a 400", "A", OURS), async () => {
    const cut = gzipped({ batch: [] }).slice(0, 12);
    expect(failure(await door.post("batch", cut, { "content-encoding": "gzip" }))).toEqual({
      status: 400,
      body: { success: false, message: "The body is not compressed as content-encoding says, or not whole." },
    });
  });
  it(requirement("of a batch may be an empty list", "A", OURS), async () => {
    expect(await door.post("batch", { batch: [] })).toMatchObject(SUCCESS);
    expect(await door.stored()).toEqual([]);
  });
});

describe("CORS", () => {
  const ORIGIN = "https://shop.example";

  it(
    requirement(
      "answers the preflight of every call, with what the browser's client sends",
      "S",
      "analytics-next 1.84.3",
    ),
    async () => {
      for (const path of ["t", "i", "p", "s", "g", "a", "b", "batch"]) {
        const response = await fetch(`${door.baseUrl}/v1/${path}`, {
          method: "OPTIONS",
          headers: {
            origin: ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-retry-count",
          },
        });
        expect([path, response.status]).toEqual([path, 204]);
        expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN);
        expect(response.headers.get("access-control-allow-methods")).toBe("POST");
        expect(response.headers.get("access-control-allow-headers")).toBe("authorization,content-type,x-retry-count");
        expect(response.headers.get("access-control-allow-credentials")).toBe("true");
      }
    },
  );
  it(
    requirement(
      "lets a page read an answer, an error's too, with Retry-After and how many were rejected",
      "S",
      "analytics-next 1.84.3",
    ),
    async () => {
      for (const body of [aTrack(), { event: "About nobody" }, "{"]) {
        const { headers } = await door.post("t", body, { origin: ORIGIN });
        expect(headers.get("access-control-allow-origin")).toBe(ORIGIN);
        expect(headers.get("access-control-expose-headers")).toBe("retry-after,x-rejected-events,x-request-id");
      }
      const { status, headers } = await post("t", aTrack(), { origin: ORIGIN });
      expect([status, headers.get("access-control-allow-origin")]).toEqual([401, ORIGIN]);
    },
  );
});
