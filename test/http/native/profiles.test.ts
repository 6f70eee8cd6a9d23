import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { runAlarm } from "../../support/alarm.ts";
import { get, issuesIn, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anId, aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const PROFILES = "/api/v1/profiles";

interface Person {
  email?: string;
  externalId?: string;
  properties?: object;
}

/** Sends an event about a person. @returns the profile's id */
async function met(workspace: TestWorkspace, profile: Person | string, event = "seen"): Promise<string> {
  const person = typeof profile === "string" ? profile : JSON.stringify(profile);
  const answer = await track(workspace, `{"event":"${event}","profile":${person}}`);
  expect(answer.status).toBe(202);
  return (await answer.json<{ profileId: string }>()).profileId;
}

async function search(workspace: TestWorkspace, body?: unknown): Promise<ApiAnswer> {
  return await post(keyOf(workspace.apiKey), PROFILES, body);
}

function emailsOf(answer: ApiAnswer): string[] {
  return answer.body.profiles.map(({ email }: { email: string }) => email);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("GET /api/v1/profiles/{id}", () => {
  it("answers the profile as soon as the event was accepted", async () => {
    const workspace = await aWorkspace();
    const id = await met(workspace, { email: "Alex@Example.com", externalId: "cus_1", properties: { plan: "Pro" } });
    const answer = await get(keyOf(workspace.apiKey), `${PROFILES}/${id}`);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        id,
        email: "alex@example.com",
        phone: null,
        externalId: "cus_1",
        aliases: [],
        sources: ["api"],
        properties: { plan: "Pro" },
        segments: [],
        deliverySuppression: {
          suppressed: false,
          reasons: [],
          email: "alex@example.com",
          suppressedAt: null,
          latestBounceReason: null,
          latestBounceDiagnosticCode: null,
        },
        mergedFrom: [],
        createdAt: expect.stringMatching(/Z$/),
        updatedAt: expect.stringMatching(/Z$/),
      },
    ]);
  });

  it("shows older e-mails as aliases, the newest as the e-mail", async () => {
    const workspace = await aWorkspace();
    await met(workspace, { email: "old@example.com", externalId: "cus_1" });
    const id = await met(workspace, { email: "new@example.com", externalId: "cus_1" });
    const { body } = await get(keyOf(workspace.apiKey), `${PROFILES}/${id}`);
    expect([body.email, body.aliases]).toEqual(["new@example.com", [{ kind: "email", value: "old@example.com" }]]);
  });

  it("answers the survivor for an id that was merged away", async () => {
    const workspace = await aWorkspace();
    const merged = await met(workspace, { email: "alex@example.com" });
    const survivor = await met(workspace, { externalId: "cus_1" });
    await met(workspace, { email: "alex@example.com", externalId: "cus_1" });
    const answer = await get(keyOf(workspace.apiKey), `${PROFILES}/${merged}`);
    expect([answer.status, answer.body.id, answer.body.mergedFrom]).toEqual([200, survivor, [merged]]);
    expect(answer.text).toBe((await get(keyOf(workspace.apiKey), `${PROFILES}/${survivor}`)).text);
  });

  it("keeps properties that JavaScript would lose", async () => {
    const workspace = await aWorkspace();
    const properties = `{"__proto__":{"a":1},"constructor":"x","half":"\\ud800","nul":"\\u0000"}`;
    const id = await met(workspace, `{"email":"alex@example.com","properties":${properties}}`);
    const answer = await get(keyOf(workspace.apiKey), `${PROFILES}/${id}`);
    expect(answer.text).toContain(`"properties":${properties}`);
  });

  it.each(["nonsense", "%00", "..%2f..", "x".repeat(2_000)])("answers 404 for %s", async (id) => {
    const workspace = await aWorkspace();
    expect((await get(keyOf(workspace.apiKey), `${PROFILES}/${id}`)).status).toBe(404);
  });

  it("answers with D1 away", async () => {
    const workspace = await aWorkspace();
    const id = await met(workspace, { email: "alex@example.com" });
    vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: Network connection lost.");
    });
    expect((await get(keyOf(workspace.apiKey), `${PROFILES}/${id}`)).status).toBe(200);
  });
});

describe("POST /api/v1/profiles", () => {
  async function withPeople(...people: Person[]): Promise<TestWorkspace> {
    const workspace = await aWorkspace();
    for (const person of people) await met(workspace, person);
    await runAlarm(workspace.cell);
    return workspace;
  }

  it("lists profiles just as the single read shows them", async () => {
    const workspace = await withPeople(
      { email: "old@example.com", externalId: "cus_1", properties: { plan: "Pro" } },
      { email: "new@example.com", externalId: "cus_1" },
    );
    const listed = await search(workspace, {});
    const [profile] = listed.body.profiles;
    const single = await get(keyOf(workspace.apiKey), `${PROFILES}/${profile.id}`);
    expect(listed.text).toBe(`{"profiles":[${single.text}],"profileCount":1,"previousCursor":null,"nextCursor":null}`);
  });

  it("lists all, newest first, for an empty body and for an empty object", async () => {
    const workspace = await withPeople({ email: "a@example.com" }, { email: "b@example.com" });
    for (const body of [undefined, {}]) {
      const answer = await search(workspace, body);
      expect([answer.status, emailsOf(answer)]).toEqual([200, ["b@example.com", "a@example.com"]]);
    }
  });

  it("finds parts of an e-mail or external id, letter case aside and taken literally", async () => {
    const workspace = await withPeople(
      { email: "alex@example.com" },
      { email: "kim@example.com", externalId: "CUS_%1" },
      { email: "robin@other.org" },
    );
    expect(emailsOf(await search(workspace, { search: "EXAMPLE" }))).toEqual(["kim@example.com", "alex@example.com"]);
    expect(emailsOf(await search(workspace, { search: "cus_%" }))).toEqual(["kim@example.com"]);
    expect(emailsOf(await search(workspace, { search: "a%x" }))).toEqual([]);
    expect((await search(workspace, { search: "" })).body.profileCount).toBe(3);
    expect((await search(workspace, { search: "a\0" })).body.profileCount).toBe(0);
  });

  it("filters by ids and by properties", async () => {
    const workspace = await withPeople(
      { email: "a@example.com", properties: { plan: "Pro", seats: 3 } },
      { email: "b@example.com", properties: { plan: "Free" } },
      { email: "c@example.com", properties: { plan: "Team" } },
    );
    const byPlan = await search(workspace, { profilePropertyFilter: [{ id: "plan", values: ["Pro", "Team"] }] });
    expect(emailsOf(byPlan)).toEqual(["c@example.com", "a@example.com"]);
    const [, , a] = (await search(workspace, {})).body.profiles;
    expect(emailsOf(await search(workspace, { profileIds: [a.id, anId()] }))).toEqual(["a@example.com"]);
    expect(emailsOf(await search(workspace, { profileIds: [] }))).toEqual([]);
  });

  it("pages forward and back, and counts all that match on each page", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const workspace = await withPeople(...names.map((name) => ({ email: `${name}@example.com` })));
    const first = await search(workspace, { limit: 2 });
    const second = await search(workspace, { limit: 2, cursor: first.body.nextCursor });
    const third = await search(workspace, { limit: 2, cursor: second.body.nextCursor });
    const back = await search(workspace, { limit: 2, cursor: second.body.previousCursor });
    const lists = [first, second, third, back].map((page) =>
      emailsOf(page)
        .map(([name]) => name)
        .join(""),
    );
    expect(lists).toEqual(["ed", "cb", "a", "ed"]);
    expect([first.body.previousCursor, third.body.nextCursor]).toEqual([null, null]);
    expect([first, second, third].map(({ body }) => body.profileCount)).toEqual([5, 5, 5]);
  });

  it("leaves out who was merged away", async () => {
    const workspace = await withPeople(
      { email: "alex@example.com" },
      { externalId: "cus_1" },
      { email: "alex@example.com", externalId: "cus_1" },
    );
    const answer = await search(workspace, {});
    expect([answer.body.profileCount, answer.body.profiles[0].externalId]).toEqual([1, "cus_1"]);
  });

  it("shows nothing of another workspace", async () => {
    const workspace = await withPeople({ email: "alex@example.com" });
    const [profile] = (await search(workspace, {})).body.profiles;
    const stranger = await aWorkspace();
    const answer = await search(stranger, { profileIds: [profile.id] });
    expect(answer.body).toEqual({ profiles: [], profileCount: 0, previousCursor: null, nextCursor: null });
  });

  it.each([
    ["a limit of 0", { limit: 0 }, "limit"],
    ["a limit over 200", { limit: 201 }, "limit"],
    ["a limit in words", { limit: "10" }, "limit"],
    ["a fraction as limit", { limit: 1.5 }, "limit"],
    ["a cursor of another list", { cursor: "MDE5MDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw" }, "cursor"],
    ["a cursor that is none", { cursor: "nonsense" }, "cursor"],
    ["an empty cursor", { cursor: "" }, "cursor"],
    ["a search that is no text", { search: 1 }, "search"],
    ["ids that are no list", { profileIds: "x" }, "profileIds"],
    ["too many ids", { profileIds: Array.from({ length: 1_001 }, () => "x") }, "profileIds"],
    ["a property filter without values", { profilePropertyFilter: [{ id: "plan" }] }, "profilePropertyFilter.0.values"],
    ["a list", [], "body"],
    ["a text", '"x"', "body"],
  ])("refuses %s", async (_, body, path) => {
    const answer = await search(await aWorkspace(), body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, [path]]);
  });

  it("is a 503 with D1 away", async () => {
    const workspace = await aWorkspace();
    vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: Network connection lost.");
    });
    const answer = await search(workspace, {});
    expect([answer.status, answer.body.error, answer.headers.get("retry-after")]).toEqual([503, "unavailable", "5"]);
  });
});

describe("GET /api/v1/profiles/{id}/events", () => {
  it("lists a person's events, those of merged profiles too, under whichever id is asked for", async () => {
    const workspace = await aWorkspace();
    const merged = await met(workspace, { email: "alex@example.com" }, "first");
    const survivor = await met(workspace, { externalId: "cus_1" }, "second");
    await met(workspace, { email: "alex@example.com", externalId: "cus_1" }, "third");
    await met(workspace, { email: "kim@example.com" }, "other");
    await runAlarm(workspace.cell);
    for (const id of [merged, survivor]) {
      const answer = await get(keyOf(workspace.apiKey), `${PROFILES}/${id}/events`);
      const names = answer.body.items.map(({ event }: { event: string }) => event);
      expect([answer.status, names, answer.body.nextCursor]).toEqual([200, ["third", "second", "first"], null]);
      expect(answer.body.items[0]).not.toHaveProperty("receipt");
    }
  });

  it("pages, newest first", async () => {
    const workspace = await aWorkspace();
    const id = await met(workspace, { email: "alex@example.com" }, "one");
    await met(workspace, { email: "alex@example.com" }, "two");
    await runAlarm(workspace.cell);
    const path = `${PROFILES}/${id}/events?limit=1`;
    const first = await get(keyOf(workspace.apiKey), path);
    const second = await get(keyOf(workspace.apiKey), `${path}&cursor=${first.body.nextCursor}`);
    expect([first.body.items[0].event, second.body.items[0].event, second.body.nextCursor]).toEqual([
      "two",
      "one",
      null,
    ]);
  });
});
