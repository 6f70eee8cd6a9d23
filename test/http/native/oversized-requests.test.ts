// Requests made to be expensive are refused in few words: the answer never grows with what was sent.
import { describe, expect, it } from "vitest";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { call, issuesIn, keyOf, OPERATOR, post, type ApiAnswer } from "../../support/api.ts";
import { aWorkspace } from "../../support/workspace.ts";

/** Twice the issues that are told, and as many items as a body has room for. */
const MANY = 100;
const ZEROS = Array.from({ length: 125_000 }, () => 0);
const FEW_BYTES = 8_192;

async function posted(path: string, body: object): Promise<ApiAnswer> {
  const { apiKey } = await aWorkspace();
  return await post({ ...keyOf(apiKey), "idempotency-key": "k" }, path, body);
}

const anEvent = (over: object) => ({ event: "x", profile: { email: "a@example.com" }, ...over });

describe("a request with a list that is far too long", () => {
  it.each<[string, object, number, string]>([
    ["/api/v1/events", anEvent({ redactedDataPaths: ZEROS }), 400, "redactedDataPaths"],
    ["/api/v1/profiles", { profileIds: ZEROS }, 400, "profileIds"],
    ["/api/v1/profiles", { profilePropertyFilter: ZEROS }, 400, "profilePropertyFilter"],
    [
      "/api/v1/profiles",
      { profilePropertyFilter: [{ id: "p", values: ZEROS }] },
      400,
      "profilePropertyFilter.0.values",
    ],
    ["/api/v1/journeys", aJourneyDocument({ exitOn: ZEROS }), 422, "exitOn"],
  ])("to %s is refused by one issue", async (path, body, status, where) => {
    const answer = await posted(path, body);
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([status, [where]]);
  });

  it("to make a key is refused by one issue", async () => {
    const { id } = await aWorkspace();
    const answer = await post(OPERATOR, "/api/v1/api-keys", { workspaceId: id, label: "x", scopes: ZEROS });
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([400, ["scopes"]]);
  });
});

describe("a request with a great many wrong items", () => {
  it.each<[string, object, number]>([
    ["/api/v1/events", anEvent({ redactedDataPaths: ZEROS.slice(0, MANY) }), 400],
    ["/api/v1/profiles", { profileIds: ZEROS.slice(0, 1_000) }, 400],
    ["/api/v1/journeys", aJourneyDocument({ entry: { event: "x", filter: ZEROS } }), 422],
  ])("to %s is told of 50, the last saying how many more", async (path, body, status) => {
    const answer = await posted(path, body);
    const { issues } = answer.body.details;
    expect([answer.status, issues.length, issues.at(-1).message]).toEqual([
      status,
      50,
      expect.stringMatching(/^At least \d+ more/),
    ]);
    expect(answer.text.length).toBeLessThan(FEW_BYTES);
  });

  it("says how many were left out", async () => {
    const answer = await posted("/api/v1/profiles", { profileIds: ZEROS.slice(0, 1_000) });
    expect(answer.body.details.issues.at(-1)).toEqual({ path: "body", message: expect.stringContaining("951 more") });
  });
});

describe("a profile search", () => {
  const filters = (sizes: number[]) => ({
    profilePropertyFilter: sizes.map((size, i) => ({ id: `p${i}`, values: ZEROS.slice(0, size) })),
  });

  it("takes 100 values in all its filters together", async () => {
    expect((await posted("/api/v1/profiles", filters([60, 40]))).status).toBe(200);
  });

  it("refuses 101 values, spread as they may be", async () => {
    const answer = await posted("/api/v1/profiles", filters([60, 41]));
    expect([answer.status, issuesIn(answer)]).toEqual([
      400,
      { profilePropertyFilter: "Must have at most 100 values in all filters together." },
    ]);
  });
});

describe("a list where an object belongs", () => {
  it("is refused as an event's profile", async () => {
    const answer = await posted("/api/v1/events", anEvent({ profile: [] }));
    expect([answer.status, issuesIn(answer)]).toEqual([400, { profile: "Must be an object." }]);
  });

  it("is refused as a workspace's settings", async () => {
    const { id } = await aWorkspace();
    const answer = await call(OPERATOR, { method: "PATCH", path: `/api/v1/workspaces/${id}`, body: { settings: [] } });
    expect([answer.status, issuesIn(answer)]).toEqual([400, { settings: "Must be an object." }]);
  });

  it("is refused as a journey's eligibility", async () => {
    const answer = await posted("/api/v1/journeys", aJourneyDocument({ eligibility: [] }));
    expect([answer.status, Object.keys(issuesIn(answer))]).toEqual([422, ["eligibility"]]);
  });
});
