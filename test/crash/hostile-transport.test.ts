// Requests that are wrong before their body is: methods, paths, queries, headers, and bodies that do not come as
// announced, on raw sockets where a client library would refuse to send them.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, track } from "../support/dev-client.ts";
import { bodyOfSize, bodyWith, OVERSIZE_BYTES } from "./hostile-bodies.ts";
import { describeRefusal, ECHO, HostileServer } from "./hostile-server.ts";
import { chunk, sendRaw, trackHead, type AfterSending } from "./raw-http.ts";

let hostile: HostileServer;
beforeAll(async () => {
  hostile = await HostileServer.start();
});
afterAll(async () => hostile.server.kill9());

const good = bodyWith(`{"v":"${ECHO}"}`, "good");

/** The bytes of an event's request: a head with these lines, and whatever follows it. */
function rawTrack(key: string | Buffer, headers: string[], body: string): Buffer {
  const head = trackHead(hostile.server.dev.apiKey, key, ...headers);
  return Buffer.concat([head, Buffer.from(`\r\n\r\n${body}`)]);
}

describe("a method that the path does not take", () => {
  it.each([
    ["DELETE", "/api/v1/events", "GET, POST"],
    ["PATCH", "/api/v1/events", "GET, POST"],
    ["PUT", `/api/v1/events/${ECHO}`, "GET"],
    ["OPTIONS", "/api/v1/journeys", "GET, POST"],
    ["DELETE", `/api/v1/journeys/${ECHO}`, "GET, PUT"],
    ["POST", "/healthz", "GET"],
  ])("%s %s is a 405 with what it takes", async (method, path, allowed) => {
    const answer = await call(hostile.server, path, { method });
    expect(describeRefusal(answer)).toBe("405 method_not_allowed");
    const allow = (answer.headers.get("allow") ?? "").split(", ").filter((each) => each !== "HEAD");
    expect(allow.toSorted()).toEqual(allowed.split(", "));
  });

  it("that HTTP does not have is a 501 of the runtime's own, as RFC 9110 has it", async () => {
    const answer = await sendRaw(hostile.server.port, `${ECHO} / HTTP/1.1\r\nhost: waypost\r\n\r\n`);
    expect(answer?.status).toBe(501);
    expect(answer?.text).not.toContain(ECHO);
  });
});

describe("a path that does not exist", () => {
  it.each([
    `/${ECHO}`,
    `/api/v1/${ECHO}`,
    `/api/v1/events/${ECHO}`,
    `/api/v1/events/${"x".repeat(10_000)}${ECHO}`,
    `/api/v1/events/%00${ECHO}`,
    `/api/v1/events/%ff%fe${ECHO}`,
    `/api/v1/events/%${ECHO}`,
    `/api/v1/profiles/'%20OR%201=1%20--${ECHO}`,
    `/api/v1/journeys/__proto__`,
    `/api/v1//events`,
    `/API/V1/EVENTS`,
    `/api/v1/events/..%2f..%2fhealthz`,
  ])("%s is a 404", async (path) => {
    expect(describeRefusal(await call(hostile.server, path))).toBe("404 not_found");
  });
});

describe("a query that is refused", () => {
  const CURSOR_OF_ANOTHER_KIND = Buffer.from(ECHO).toString("base64url");

  it.each([
    ...["0", "201", "-1", "1.5", "1e2", "0x10", "", ECHO, "9".repeat(20)].map((limit) => `limit=${limit}`),
    ...["", ECHO, "!!!", "a", "x".repeat(5_000), CURSOR_OF_ANOTHER_KIND, "%00"].map((cursor) => `cursor=${cursor}`),
    ...["", ECHO, "1", "2026-02-29T00:00:00Z", "2026-05-31"].flatMap((at) => [`from=${at}`, `to=${at}`]),
    ...["", ECHO, "1"].map((id) => `profileId=${id}`),
    "event=",
    "event=%00",
    `event=${"x".repeat(256)}`,
    "referenceId=",
    `referenceId=${"x".repeat(256)}`,
  ])("GET /api/v1/events?%s is a 400", async (query) => {
    expect(describeRefusal(await call(hostile.server, `/api/v1/events?${query}`))).toBe("400 invalid_request");
  });

  it.each([`include=${ECHO}`, "include=", `dryRun=${ECHO}`])("POST /api/v1/events?%s is a 400", async (query) => {
    const key = hostile.newKey();
    const answer = await track(hostile.server, key, bodyWith("{}"), { query: `?${query}` });
    expect(hostile.refusal(answer, key)).toBe("400 invalid_request");
  });
});

describe("an idempotency key", () => {
  it("that is missing is a 400", async () => {
    const answer = await call(hostile.server, "/api/v1/events", { method: "POST", body: bodyWith("{}") });
    expect(describeRefusal(answer)).toBe("400 invalid_request");
  });

  it.each([0, 256, 10_000])("of %i characters is a 400", async (length) => {
    expect(
      describeRefusal(await track(hostile.server, ECHO.padEnd(length, "k").slice(0, length), bodyWith("{}"))),
    ).toBe("400 invalid_request");
  });

  it("of spaces only is a 400", async () => {
    expect(describeRefusal(await track(hostile.server, "   ", bodyWith("{}")))).toBe("400 invalid_request");
  });

  it.each([1, 255])("of %i characters is taken, and replays", async (length) => {
    const key = "k".repeat(length);
    const { eventId } = await hostile.sendAccepted(good, key);
    expect((await hostile.sendAccepted(good, key)).eventId).toBe(eventId);
  });

  it("of UTF-8 is taken, and told apart from others", async () => {
    const length = `content-length: ${Buffer.byteLength(good)}`;
    const eventIds = new Set<string>();
    for (const key of ["\u00e9", "\u00e8", "\u{1F4A9}"]) {
      const answer = await sendRaw(hostile.server.port, rawTrack(key, [length], good));
      eventIds.add(hostile.accepted(answer).eventId);
    }
    expect(eventIds.size).toBe(3);
  });

  it.each([
    { what: "a surrogate", bytes: [0xed, 0xa0, 0x80] },
    { what: "Latin-1", bytes: [0x6b, 0xe9] },
    { what: "bytes that no encoding has", bytes: [0xff, 0xfe] },
  ])("of $what is a 400: the runtime would make one key of many", async ({ bytes }) => {
    const length = `content-length: ${Buffer.byteLength(good)}`;
    const answer = await sendRaw(hostile.server.port, rawTrack(Buffer.from(bytes), [length], good));
    expect(describeRefusal(answer)).toBe("400 invalid_request");
  });

  it("with NUL in it is refused by the runtime", async () => {
    const answer = await sendRaw(hostile.server.port, rawTrack(`${ECHO}\0`, ["content-length: 0"], ""));
    expect(answer?.status).toBe(400);
    expect(answer?.text).not.toContain(ECHO);
  });
});

describe("a header of 10 kB", () => {
  const long = ECHO.repeat(1_500);

  it("is passed over where nobody reads it", async () => {
    const headers = { "idempotency-key": hostile.newKey(), "x-other": long, "user-agent": long, cookie: long };
    const answer = await call(hostile.server, "/api/v1/events", { method: "POST", headers, body: good });
    expect(hostile.accepted(answer)).toMatchObject({ matchedJourneys: 0 });
  });

  it("is a 401 as a credential", async () => {
    const key = hostile.newKey();
    expect(hostile.refusal(await track(hostile.server, key, good, { key: long }), key)).toBe("401 unauthorized");
    expect(describeRefusal(await track(hostile.server, key, good, { key: `wp_sk_${long}` }))).toBe("401 unauthorized");
    const bearer = { authorization: `Bearer ${long}` };
    expect(describeRefusal(await call(hostile.server, "/healthz", { headers: bearer }))).toBe("401 unauthorized");
  });

  it("is taken as a content type, which nobody reads", async () => {
    const headers = { "idempotency-key": hostile.newKey(), "content-type": long };
    const answer = await call(hostile.server, "/api/v1/events", { method: "POST", headers, body: good });
    expect(hostile.accepted(answer)).toMatchObject({ matchedJourneys: 0 });
  });
});

describe("a body that does not come as announced", () => {
  const half = bodyWith(`{"v":"${ECHO}"}`).slice(0, 40);
  const BROKEN: { what: string; headers: string[]; body: string }[] = [
    { what: "half of its length", headers: ["content-length: 5000"], body: half },
    { what: "none of its length", headers: ["content-length: 5000"], body: "" },
    { what: "a whole document of a longer length", headers: ["content-length: 5000"], body: bodyWith("{}") },
    { what: "chunks without an end", headers: ["transfer-encoding: chunked"], body: chunk(bodyWith("{}")) },
    { what: "half a chunk", headers: ["transfer-encoding: chunked"], body: `ff\r\n${half}` },
  ];
  const ENDS: AfterSending[] = ["close", "reset"];

  it.each(BROKEN.flatMap((broken) => ENDS.map((end) => ({ ...broken, end }))))(
    "$what, then $end, is stored nowhere",
    async ({ headers, body, end }) => {
      const key = hostile.newKey();
      const answer = await sendRaw(hostile.server.port, rawTrack(key, headers, body), end);
      expect(["no answer", "400 invalid_request"]).toContain(hostile.refusal(answer, key));
    },
  );

  it("as a chunk that is none is a 400", async () => {
    const key = hostile.newKey();
    const bytes = rawTrack(key, ["transfer-encoding: chunked"], `zz\r\n${half}\r\n0\r\n\r\n`);
    expect(hostile.refusal(await sendRaw(hostile.server.port, bytes), key)).toBe("400 invalid_request");
  });

  it("as more than a length of 0 is read as an empty one", async () => {
    const key = hostile.newKey();
    const answer = await sendRaw(hostile.server.port, rawTrack(key, ["content-length: 0"], good));
    expect(hostile.refusal(answer, key)).toBe("400 invalid_request");
  });

  it("in many chunks is accepted", async () => {
    const key = hostile.newKey();
    const body = Array.from(good, chunk).join("") + chunk("");
    const answer = await sendRaw(hostile.server.port, rawTrack(key, ["transfer-encoding: chunked"], body));
    expect(hostile.accepted(answer)).toMatchObject({ matchedJourneys: 0 });
  });

  it("in chunks of 256 KiB in all is accepted", async () => {
    const key = hostile.newKey();
    const body = chunk(bodyOfSize(OVERSIZE_BYTES - 1, "edge")) + chunk("");
    const answer = await sendRaw(hostile.server.port, rawTrack(key, ["transfer-encoding: chunked"], body));
    expect(hostile.accepted(answer)).toMatchObject({ matchedJourneys: 0 });
  });

  it("in chunks past 256 KiB is a 413 before it has ended", async () => {
    const key = hostile.newKey();
    const endless = chunk(bodyOfSize(OVERSIZE_BYTES));
    const answer = await sendRaw(hostile.server.port, rawTrack(key, ["transfer-encoding: chunked"], endless));
    expect(hostile.refusal(answer, key)).toBe("413 payload_too_large");
  });

  it("with a length past 256 KiB is a 413 before any of it is sent", async () => {
    const key = hostile.newKey();
    const answer = await sendRaw(hostile.server.port, rawTrack(key, [`content-length: ${OVERSIZE_BYTES}`], ""));
    expect(hostile.refusal(answer, key)).toBe("413 payload_too_large");
  });

  it("is let run out, so that the connection serves the next request", async () => {
    for (let round = 0; round < 12; round += 1) {
      const key = hostile.newKey();
      const oversize = bodyOfSize(OVERSIZE_BYTES * (round % 2 === 0 ? 1 : 8));
      expect(hostile.refusal(await track(hostile.server, key, oversize), key)).toBe("413 payload_too_large");
      await hostile.sendAccepted(good);
    }
  });

  it("is let run out under a wrong credential too", async () => {
    for (let round = 0; round < 12; round += 1) {
      const answer = await track(hostile.server, hostile.newKey(), bodyOfSize(), { key: ECHO });
      expect(describeRefusal(answer)).toBe("401 unauthorized");
      await hostile.sendAccepted(good);
    }
  });

  it.each(["abc", "-1", "1, 2"])("with a length of %s is refused by the runtime", async (length) => {
    const key = hostile.newKey();
    const answer = await sendRaw(hostile.server.port, rawTrack(key, [`content-length: ${length}`], good));
    expect(answer?.status).toBe(400);
    expect(answer?.text).not.toContain(ECHO);
    hostile.refusal(answer, key);
  });
});

describe("afterwards", () => {
  it("nothing was half-written, and no key of a refused request is used up", async () => {
    expect(await hostile.leftovers()).toEqual({ usedUpKeys: [], missing: [], unexpected: [], people: [] });
  });

  it("the server has nothing to say, and still serves", async () => {
    await hostile.sendAccepted({ event: "order.created", profile: { email: "ada@example.com" } });
    expect(hostile.server.stderr()).toBe("");
    expect((await call(hostile.server, "/healthz")).text).toBe('{"status":"ok"}');
  });
});
