// What Greenflash's door answers, whom its events are about, and that a repeated insertId is the first event.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activateJourney, call, caughtUp, read } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { freshKey, freshWorkspace, revokedKey } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import { anEvent, create, created, kept, OURS, PATH, refused, REFERENCE, SDK, stored, UUID } from "./calls.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

const UNKNOWN_ID = "0192a000-0000-7000-8000-000000000000";
const MIB = 1024 * 1024;

describe("answers", () => {
  it(requirement("a new event is a 201 with success and its eventId, as JSON", "A", OURS), async () => {
    const answer = await create(server, anEvent());
    expect([answer.status, answer.headers.get("content-type")]).toEqual([201, "application/json"]);
    expect(JSON.parse(answer.text)).toEqual({ success: true, eventId: expect.stringMatching(UUID) });
  });

  it(requirement("takes the path with and without a slash at its end", "A", OURS), async () => {
    const answer = await call(server, `${PATH}/`, {
      method: "POST",
      body: anEvent(),
      headers: { authorization: `Bearer ${server.dev.apiKey}` },
    });
    expect(answer.status).toBe(201);
  });

  it(requirement("a repeated insertId is a 200 with the first eventId", "D", REFERENCE), async () => {
    const first = await create(server, anEvent({ insertId: "again" }));
    const again = await create(server, anEvent({ insertId: "again" }));
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.text).toBe(first.text);
  });

  it(requirement("a repeated insertId with another body is never a 409, and changes nothing", "S", SDK), async () => {
    const eventId = await created(server, anEvent({ insertId: "changed" }));
    const other = await create(server, anEvent({ insertId: "changed", eventType: "downgrade", value: "0" }));
    expect([other.status, JSON.parse(other.text)]).toEqual([200, { success: true, eventId }]);
    expect(await stored(server, eventId)).toMatchObject({ event: "upgrade", data: { value: "149.00" } });
  });

  it(requirement("forty requests at once with one insertId are one event", "D", REFERENCE), async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => await create(server, anEvent({ insertId: "at-once" }))),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 200)).toHaveLength(39);
  });

  it(requirement("without an insertId each request is an event of its own", "D", REFERENCE), async () => {
    expect(await created(server, anEvent())).not.toBe(await created(server, anEvent()));
  });

  it(requirement("an empty insertId is none", "A", OURS), async () => {
    const [first, second] = [anEvent({ insertId: "" }), anEvent({ insertId: "" })];
    expect(await created(server, first)).not.toBe(await created(server, second));
  });

  it(requirement("an insertId counts for its workspace alone", "A", OURS), async () => {
    const { apiKey } = await freshWorkspace(server);
    const own = await created(server, anEvent({ insertId: "shared" }));
    expect(await created(server, anEvent({ insertId: "shared" }), apiKey)).not.toBe(own);
  });

  it(requirement("an insertId never meets an idempotency key of the native API", "A", OURS), async () => {
    const native = await call(server, "/api/v1/events", {
      method: "POST",
      headers: { "idempotency-key": "one-word" },
      body: { event: "native", profile: { externalId: "native" } },
    });
    expect(native.status).toBe(202);
    expect((await create(server, anEvent({ insertId: "one-word" }))).status).toBe(201);
  });
});

describe("people", () => {
  it(
    requirement("externalUserId is the user's own id: found, or made when it is unknown", "D", REFERENCE),
    async () => {
      const first = await kept(server, anEvent({ externalUserId: " user-7 " }));
      const again = await kept(server, anEvent({ externalUserId: "user-7" }));
      expect(first.profileId).toEqual(expect.stringMatching(UUID));
      expect(again.profileId).toBe(first.profileId);
      const profile = await read<{ externalId: string; sources: string[] }>(
        server,
        `/api/v1/profiles/${first.profileId}`,
      );
      expect(profile).toMatchObject({ externalId: "user-7", sources: ["greenflash"] });
    },
  );

  it(requirement("userId is the id that this service has given the user", "D", REFERENCE), async () => {
    const { profileId } = await kept(server, anEvent({ externalUserId: "known" }));
    expect((await kept(server, anEvent({ userId: profileId }))).profileId).toBe(profileId);
  });

  it(requirement("externalUserId wins beside a userId, known or not", "D", REFERENCE), async () => {
    const one = await kept(server, anEvent({ externalUserId: "one" }));
    const two = await kept(server, anEvent({ externalUserId: "two" }));
    const both = await kept(server, anEvent({ externalUserId: "one", userId: two.profileId }));
    const unknown = await kept(server, anEvent({ externalUserId: "one", userId: UNKNOWN_ID }));
    expect([both.profileId, unknown.profileId]).toEqual([one.profileId, one.profileId]);
  });

  it(requirement("an unknown userId alone is a 404, and does not use up its insertId", "A", OURS), async () => {
    const answer = await refused(server, anEvent({ userId: UNKNOWN_ID, insertId: "not-burnt" }));
    expect(answer).toEqual({ status: 404, body: { success: false, error: "not_found", message: "Not found" } });
    expect((await create(server, anEvent({ insertId: "not-burnt" }))).status).toBe(201);
  });

  it(requirement("another workspace's user is unknown", "A", OURS), async () => {
    const { apiKey } = await freshWorkspace(server);
    const { profileId } = await kept(server, anEvent({ externalUserId: "abroad" }), apiKey);
    expect((await refused(server, anEvent({ userId: profileId }))).status).toBe(404);
  });

  it(requirement("an event of a conversation or organization needs no user", "D", REFERENCE), async () => {
    const event = await kept(server, anEvent({ externalConversationId: "thread-9" }));
    expect([event.profileId, event.referenceId]).toEqual([null, "thread-9"]);
    expect((await kept(server, anEvent({ externalOrganizationId: "org-9" }))).profileId).toBeNull();
  });

  it(requirement("an event with nothing but what is required is taken", "D", REFERENCE), async () => {
    expect(await kept(server, anEvent())).toMatchObject({ profileId: null, referenceId: null });
  });

  it(requirement("an externalUserId that names nobody makes no user, and says so", "A", OURS), async () => {
    const event = await kept(server, anEvent({ externalUserId: "undefined" }));
    expect(event.profileId).toBeNull();
    expect(event.receipt.warnings.map(({ code }) => code)).toEqual(["identity_ignored"]);
  });

  it(requirement("a journey skips an event without a user, and says why", "A", OURS), async () => {
    await activateJourney(server, {
      key: "after-upgrade",
      name: "After an upgrade",
      entry: { event: "plan.upgraded" },
      steps: [{ id: "done", type: "exit" }],
    } as { key: string });
    const nobody = await kept(server, anEvent({ eventType: "plan.upgraded", externalConversationId: "thread-1" }));
    const somebody = await kept(server, anEvent({ eventType: "plan.upgraded", externalUserId: "climber" }));
    expect(nobody.receipt.journeys).toMatchObject([{ outcome: "skipped", reason: "identity_required" }]);
    expect(somebody.receipt.journeys).toMatchObject([{ outcome: "enrolled" }]);
  });
});

describe("references", () => {
  const [organizationId, conversationId] = [
    "aaaaaaaa-0d44-4b50-8888-8dd25736052a",
    "bbbbbbbb-0d44-4b50-8888-8dd25736052a",
  ];

  const ORDER: [string, Record<string, unknown>, string][] = [
    ["the conversation's own id first", { externalConversationId: "thread", conversationId, organizationId }, "thread"],
    ["then the conversation's UUID", { externalConversationId: " ", conversationId, organizationId }, conversationId],
    [
      "a UUID in lower case",
      { conversationId: conversationId.toUpperCase(), organizationId: organizationId.toUpperCase() },
      conversationId,
    ],
    ["an organization's UUID in lower case", { organizationId: organizationId.toUpperCase() }, organizationId],
    ["then the organization's own id", { externalOrganizationId: "org", organizationId }, "org"],
    ["then the organization's UUID", { externalOrganizationId: "", organizationId }, organizationId],
    ["set beside a user too", { externalUserId: "user-1", organizationId }, organizationId],
  ];
  for (const [what, sent, expected] of ORDER) {
    it(requirement(`referenceId is ${what}`, "A", OURS), async () => {
      expect((await kept(server, anEvent(sent))).referenceId).toBe(expected);
    });
  }

  it(requirement("events without a user are found by event type and by conversation", "A", OURS), async () => {
    const eventId = await created(server, anEvent({ eventType: "lost.sheep", externalConversationId: "meadow" }));
    await caughtUp(server);
    for (const query of ["event=lost.sheep", "referenceId=meadow"]) {
      const { items } = await read<{ items: { eventId: string }[] }>(server, `/api/v1/events?${query}`);
      expect([query, items.map((item) => item.eventId)]).toEqual([query, [eventId]]);
    }
  });
});

describe("errors", () => {
  const UNAUTHORIZED = { status: 401, body: { success: false, error: "unauthorized", message: "Invalid API key" } };

  it(requirement("a missing, wrong, revoked or other kind of key is a 401", "D", REFERENCE), async () => {
    const { apiKey, writeKey, adminToken, workspaceId } = server.dev;
    const headers = [
      "",
      "Bearer",
      "Bearer ",
      `Bearer ${apiKey}x`,
      `Bearer ${writeKey}`,
      `Bearer ${adminToken}`,
      apiKey,
    ];
    for (const authorization of [...headers, `Basic ${btoa(`${apiKey}:`)}`]) {
      expect(await refused(server, anEvent(), { headers: { authorization } })).toEqual(UNAUTHORIZED);
    }
    const key = await revokedKey(server, workspaceId, "secret");
    for (const body of [anEvent(), "{", anEvent({ sampleRate: 0 })]) {
      expect(await refused(server, body, { key })).toEqual(UNAUTHORIZED);
    }
  });

  it(requirement("a key without the scope events:write is a 403", "A", OURS), async () => {
    const key = await freshKey(server, server.dev.workspaceId, { kind: "secret", scopes: ["events:read"] });
    expect(await refused(server, anEvent(), { key })).toEqual({
      status: 403,
      body: {
        success: false,
        error: "insufficient_scope",
        message: "The API key lacks a scope that this call needs: events:write.",
      },
    });
  });

  const UNREADABLE: [string, string, string][] = [
    ["empty", "", "The body is empty; send a JSON object."],
    ["no JSON", '{"eventType":', "The body is not valid JSON."],
    ["a list", "[]", "The body is not a JSON object."],
    ["a text", '"upgrade"', "The body is not a JSON object."],
  ];
  for (const [what, body, message] of UNREADABLE) {
    it(requirement(`a body that is ${what} is a 400`, "A", OURS), async () => {
      const answer = await refused(server, body);
      expect(answer).toEqual({ status: 400, body: { success: false, error: "invalid_request", message } });
    });
  }

  it(requirement("a body of 1 MiB is taken, one byte more is a 413", "A", OURS), async () => {
    const sized = (bytes: number): string => {
      const empty = JSON.stringify(anEvent({ properties: { text: "" } }));
      return empty.replace('"text":""', `"text":"${"x".repeat(bytes - empty.length)}"`);
    };
    const event = await kept(server, sized(MIB));
    expect(JSON.stringify(event.data["properties"]).length).toBeGreaterThan(MIB - 500);
    expect(await refused(server, sized(MIB + 1))).toEqual({
      status: 413,
      body: { success: false, error: "payload_too_large", message: "The body is larger than 1048576 bytes." },
    });
  });

  it(requirement("a body of 100 levels is taken, one more is a 400", "A", OURS), async () => {
    const nested = (levels: number): string =>
      JSON.stringify(anEvent()).replace(/\}$/, `,"properties":${'{"x":'.repeat(levels)}1${"}".repeat(levels)}}`);
    expect((await create(server, nested(99))).status).toBe(201);
    expect((await refused(server, nested(100))).body.message).toBe("The body is nested deeper than 100 levels.");
  });

  it(requirement("another method is a 405, another path a 404", "A", OURS), async () => {
    const got = await call(server, PATH);
    expect([got.status, got.headers.get("allow"), JSON.parse(got.text)]).toEqual([
      405,
      "POST",
      { success: false, error: "method_not_allowed", message: "This path does not take that method." },
    ]);
    const nowhere = await call(server, "/greenflash/api/v1/messages", { method: "POST", body: {} });
    expect([nowhere.status, JSON.parse(nowhere.text)]).toEqual([
      404,
      { success: false, error: "not_found", message: "Not found" },
    ]);
  });
});
