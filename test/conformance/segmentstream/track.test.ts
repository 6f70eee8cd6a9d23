// SegmentStream's documented call: its answers, its limit, its credential, and that a repeated hitId is one event.
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { freshWorkspace, revokedKey } from "../fresh-workspace.ts";
import { exchange } from "../raw-exchange.ts";
import { requirement } from "../requirement.ts";
import { aHit, aName, anEvent, basic, eventsNamed, kept, OURS, REFERENCE, rejected, track, TRACK } from "./calls.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

const MAX_BYTES = 64 * 1024;

/** A hit of exactly so many bytes, not all of them ASCII. */
function sized(bytes: number): string {
  const empty = JSON.stringify(aHit({ event: anEvent({ label: "é", user: { userId: "large" } }) }));
  return empty.replace("é", `é${"x".repeat(bytes - Buffer.byteLength(empty))}`);
}

describe("answers", () => {
  it(requirement("a hit that is taken is a 204 without a byte of body", "D", REFERENCE), async () => {
    const body = JSON.stringify(aHit());
    const request = [
      `POST ${TRACK} HTTP/1.1`,
      "host: track.segmentstream.com",
      `authorization: ${basic(server.dev.writeKey)}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
    const answers = await exchange(server.port, request, request);
    for (const { status, headers } of answers) {
      expect([status, headers["content-length"], headers["transfer-encoding"]]).toEqual([204, undefined, undefined]);
      expect(headers["content-type"]).toBeUndefined();
    }
  });

  it(requirement("takes the path with and without a slash at its end", "A", OURS), async () => {
    const headers = { authorization: basic(server.dev.writeKey) };
    expect((await call(server, `${TRACK}/`, { method: "POST", body: aHit(), headers })).status).toBe(204);
  });

  it(requirement("takes JSON under another content type, and compressed", "A", OURS), async () => {
    expect((await track(server, aHit(), { headers: { "content-type": "text/plain" } })).status).toBe(204);
    const name = aName();
    const hit = JSON.stringify(aHit({ event: anEvent({ name, user: { userId: "small" } }) }));
    const headers = { "content-encoding": "gzip" };
    expect((await track(server, new Uint8Array(gzipSync(hit)), { headers })).status).toBe(204);
    expect(await eventsNamed(server, name)).toHaveLength(1);
  });

  it(
    requirement("the token is the user name of Basic authentication, the password empty", "D", REFERENCE),
    async () => {
      const headers = { authorization: `basic ${btoa(`${server.dev.writeKey}:`)}` };
      expect((await track(server, aHit(), { headers })).status).toBe(204);
    },
  );

  it(requirement("a missing, wrong, revoked or other kind of token is a 401", "D", REFERENCE), async () => {
    const { apiKey, writeKey, adminToken, workspaceId } = server.dev;
    const wrong = [
      basic(""),
      basic(`${writeKey}x`),
      basic(apiKey),
      basic(adminToken),
      "Basic",
      "Basic %",
      "",
      writeKey,
    ];
    for (const authorization of [
      ...wrong,
      `Bearer ${writeKey}`,
      `Basic ${writeKey}`,
      `Basic ${btoa(`:${writeKey}`)}`,
    ]) {
      const answer = await track(server, aHit(), { headers: { authorization } });
      expect([authorization, answer.status, JSON.parse(answer.text)]).toEqual([
        authorization,
        401,
        { error: "unauthorized", message: "The API token is missing, wrong or revoked." },
      ]);
    }
    const token = await revokedKey(server, workspaceId, "write");
    for (const body of [aHit(), "{", {}]) expect((await track(server, body, { token })).status).toBe(401);
  });

  it(requirement("a wrong token is a 401 before the body is looked at", "A", OURS), async () => {
    expect((await track(server, "{", { token: "abc123" })).status).toBe(401);
  });

  const UNREADABLE: [string, string | Uint8Array<ArrayBuffer>, string][] = [
    ["is empty", "", "The body is empty; send a JSON object."],
    ["is no JSON", '{"event":', "The body is not valid JSON."],
    ["is a list", "[{}]", "The body is not a JSON object."],
    ["is no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), "The body is not valid UTF-8."],
  ];
  for (const [what, body, message] of UNREADABLE) {
    it(requirement(`a body that ${what} is a 400`, "D", REFERENCE), async () => {
      const answer = await track(server, body);
      expect([answer.status, JSON.parse(answer.text)]).toEqual([400, { error: "invalid_request", message }]);
    });
  }

  it(requirement("a body of 64 KiB is taken, one byte more is a 400", "D", REFERENCE), async () => {
    expect(Buffer.byteLength(sized(MAX_BYTES))).toBe(MAX_BYTES);
    expect((await track(server, sized(MAX_BYTES))).status).toBe(204);
    const answer = await track(server, sized(MAX_BYTES + 1));
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      400,
      { error: "payload_too_large", message: "The body is larger than 65536 bytes." },
    ]);
  });

  it(requirement("a compressed body counts as large as it is inflated", "A", OURS), async () => {
    const bomb = new Uint8Array(gzipSync(sized(MAX_BYTES + 1)));
    expect((await track(server, bomb, { headers: { "content-encoding": "gzip" } })).status).toBe(400);
  });

  it(requirement("a body of 100 levels is taken, one more is a 400", "A", OURS), async () => {
    const nested = (levels: number): string =>
      JSON.stringify(aHit()).replace(/\}$/, `,"context":${'{"x":'.repeat(levels)}1${"}".repeat(levels)}}`);
    expect((await track(server, nested(99))).status).toBe(204);
    expect((await track(server, nested(100))).status).toBe(400);
  });

  it(requirement("another method is a 405, another path a 404", "A", OURS), async () => {
    const got = await call(server, TRACK);
    expect([got.status, got.headers.get("allow"), JSON.parse(got.text)]).toEqual([
      405,
      "POST",
      { error: "method_not_allowed", message: "This path does not take that method." },
    ]);
    const nowhere = await call(server, "/segmentstream/identify", { method: "POST", body: {} });
    expect([nowhere.status, JSON.parse(nowhere.text)]).toEqual([
      404,
      { error: "not_found", message: "There is nothing at this path." },
    ]);
  });
});

describe("repeated hits", () => {
  it(requirement("a repeated hitId is one event, and the first one stands", "D", REFERENCE), async () => {
    const name = aName();
    const hit = (label: string, firstName: string) =>
      aHit({ hitId: "4c59d330", event: anEvent({ name, label, user: { userId: "repeated", firstName } }) });
    expect((await track(server, hit("first", "John"))).status).toBe(204);
    expect((await track(server, hit("second", "Jane"))).status).toBe(204);
    const events = await eventsNamed(server, name);
    expect(events.map(({ data }) => data["label"])).toEqual(["first"]);
    const profile = await call(server, `/api/v1/profiles/${events[0]?.profileId}`);
    expect(JSON.parse(profile.text)).toMatchObject({ properties: { firstName: "John" } });
  });

  it(requirement("forty hits at once with one hitId are one event", "D", REFERENCE), async () => {
    const name = aName();
    const hit = aHit({ hitId: "at-once", event: anEvent({ name, user: { userId: "at-once" } }) });
    const answers = await Promise.all(Array.from({ length: 40 }, async () => await track(server, hit)));
    expect(answers.every(({ status }) => status === 204)).toBe(true);
    expect(await eventsNamed(server, name)).toHaveLength(1);
  });

  it(requirement("hits without a hitId, or with an empty one, are events of their own", "A", OURS), async () => {
    const name = aName();
    for (const hitId of [undefined, undefined, "", "", null, null, {}, {}]) {
      await track(server, aHit({ hitId, event: anEvent({ name, user: { userId: "no-id" } }) }));
    }
    expect(await eventsNamed(server, name)).toHaveLength(8);
  });

  it(requirement("hitIds are told apart to the last character, a number counts as its text", "A", OURS), async () => {
    const name = aName();
    const long = "x".repeat(1_000);
    for (const hitId of [`${long}1`, `${long}2`, "\uD800", "\uD801", "\uFFFD", 17, "17"]) {
      await track(server, aHit({ hitId, event: anEvent({ name, user: { userId: "apart" } }) }));
    }
    expect(await eventsNamed(server, name)).toHaveLength(6);
  });

  it(requirement("a hitId counts for its project alone", "A", OURS), async () => {
    const { apiKey, writeKey } = await freshWorkspace(server);
    const name = aName();
    const hit = aHit({ hitId: "two-projects", event: anEvent({ name, user: { userId: "two-projects" } }) });
    await track(server, hit);
    await track(server, hit, { token: writeKey });
    expect(await eventsNamed(server, name)).toHaveLength(1);
    expect(await eventsNamed(server, name, apiKey)).toHaveLength(1);
  });

  it(requirement("a hit that was not taken does not use up its hitId", "A", OURS), async () => {
    await track(server, { hitId: "not-burnt", event: anEvent() });
    const event = anEvent({ name: aName(), user: { userId: "in time" } });
    expect(await kept(server, { hitId: "not-burnt", event })).toMatchObject({ event: event["name"] });
  });
});

describe("hits that cannot be taken", () => {
  const long = "x".repeat(256);
  const NOBODY = { reason: "no_user_id", message: "A userId or an anonymousId that identifies somebody is required." };
  const NO_EVENT = { reason: "no_event", message: "event must be an object." };
  const UNUSABLE = {
    reason: "unusable_event_name",
    message: "event.name must be a text of at most 255 characters, well-formed and without U+0000.",
  };
  const UNTAKEN: [string, Record<string, unknown>, { reason: string; message: string }][] = [
    ["no event", {}, NO_EVENT],
    ["an event that is a text", { event: "Registered" }, NO_EVENT],
    ["an event that is a list", { event: [anEvent()] }, NO_EVENT],
    [
      "no event.name",
      { event: { user: { userId: "u" } } },
      { reason: "no_event_name", message: "event.name is required." },
    ],
    [
      "an empty event.name",
      { event: anEvent({ name: "" }) },
      { reason: "no_event_name", message: "event.name is required." },
    ],
    ["an event.name that is no text", { event: anEvent({ name: 7, user: { userId: "u" } }) }, UNUSABLE],
    ["an event.name of 256 characters", { event: anEvent({ name: long, user: { userId: "u" } }) }, UNUSABLE],
    ["an event.name with a lone surrogate", { event: anEvent({ name: "\uD800", user: { userId: "u" } }) }, UNUSABLE],
    ["no event.user", { event: anEvent() }, NOBODY],
    ["an e-mail address and no id", { event: anEvent({ user: { email: "alex@example.com" } }) }, NOBODY],
    ["ids that name nobody", { event: anEvent({ user: { userId: "null", anonymousId: "undefined" } }) }, NOBODY],
    ["ids that are too long", { event: anEvent({ user: { userId: long, anonymousId: long } }) }, NOBODY],
    ["ids that are no texts", { event: anEvent({ user: { userId: {}, anonymousId: true } }) }, NOBODY],
  ];
  for (const [what, payload, why] of UNTAKEN) {
    it(requirement(`a hit with ${what} is a 204, and kept as a rejected event`, "A", OURS), async () => {
      const before = (await rejected(server)).length;
      const answer = await track(server, payload);
      expect([answer.status, answer.text, answer.headers.get("x-rejected-events")]).toEqual([204, "", "1"]);
      const now = await rejected(server);
      expect(now).toHaveLength(before + 1);
      expect(now[0]).toMatchObject({ source: "segmentstream", ...why, payload });
    });
  }

  it(requirement("a hit that would make its profile too large is a 204, and kept as rejected", "A", OURS), async () => {
    const facts = (i: number) => ({ userId: "large", [`fact${i}`]: "x".repeat(60_000) });
    const send = async (i: number) => await track(server, { event: anEvent({ user: facts(i) }) });
    const counts: (string | null)[] = [];
    for (let i = 0; i < 9; i++) counts.push((await send(i)).headers.get("x-rejected-events"));
    expect(counts).toEqual([...Array.from({ length: 8 }, () => null), "1"]);
    expect((await rejected(server))[0]).toMatchObject({
      reason: "profile_too_large",
      message: "The profile would hold more than 512 KiB of properties.",
    });
  });
});
