// What is said of a value that is refused: one fault is one issue, that names what is wrong with it and nothing else.
import { describe, expect, it } from "vitest";
import { get, keyOf, NOBODY, post, type ApiAnswer } from "../../support/api.ts";
import { aWorkspace } from "../../support/workspace.ts";

const BEFORE_1970 = "1969-12-31T23:59:59.000Z";

async function dryRun(fields: object): Promise<ApiAnswer> {
  const { apiKey } = await aWorkspace();
  const event = { event: "order.created", profile: { email: "alex@example.com" }, ...fields };
  return await post(keyOf(apiKey), "/api/v1/events?dryRun=true", event);
}

describe("one fault is one issue", () => {
  it.each([
    ["an instant that is none", { occurredAt: "yesterday" }, "occurredAt", "ISO 8601"],
    ["an instant of no year there is", { occurredAt: "0000-01-01T00:00:00+01:00" }, "occurredAt", "years 0000 to 9999"],
    [
      "a path that leads elsewhere",
      { redactedDataPaths: ["/data/~card"] },
      "redactedDataPaths.0",
      "begin with /event/",
    ],
    ["a path that is no pointer", { redactedDataPaths: ["/event/~2"] }, "redactedDataPaths.0", "only as ~0 or ~1"],
  ])("%s", async (_what, fields, path, words) => {
    const answer = await dryRun(fields);
    expect([answer.status, answer.body.details]).toEqual([
      400,
      { issues: [{ path, message: expect.stringContaining(words) }] },
    ]);
  });

  it.each([
    ["that is none", "now", "ISO 8601"],
    ["before ids have instants", BEFORE_1970, "before 1970"],
  ])("a simulation's start %s", async (_what, start, words) => {
    const { apiKey } = await aWorkspace();
    const script = { start, profile: {}, events: [] };
    const answer = await post(keyOf(apiKey), "/api/v1/journeys/none/simulate", script);
    const starts = answer.body.details.issues.filter(({ path }: { path: string }) => path === "start");
    expect(starts).toEqual([{ path: "start", message: expect.stringContaining(words) }]);
  });
});

it("a call without a credential is told where each kind goes", async () => {
  const answer = await get(NOBODY, "/api/v1/events");
  expect(answer.body).toEqual({
    error: "unauthorized",
    message: expect.stringMatching(/x-api-key.*writeKey.*authorization: Bearer/),
  });
});
