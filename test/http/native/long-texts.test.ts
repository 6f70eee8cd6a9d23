// A filter that looks for long texts in long texts, many times: decided alike, and soon, wherever it is asked.
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/domain/json.ts";
import { runAlarm } from "../../support/alarm.ts";
import { get, keyOf, post, type ApiAnswer } from "../../support/api.ts";
import { anActiveJourney } from "../../support/journeys.ts";
import { aWorkspace, track, type TestWorkspace } from "../../support/workspace.ts";

const KEY = "order-follow-up";
const PROFILE = { email: "alex@example.com" };
/** The platform's search compares each unit of the one with each of the other: tens of milliseconds each time. */
const TEXT = "a".repeat(32_000);
const NEARLY = `${"a".repeat(300)}b${"a".repeat(15_700)}`;
const EVENT = { event: "order.created", data: { text: TEXT, part: NEARLY } };
const SEARCH = { $state: "/event/text", contains: { $state: "/event/part" } };
const SEARCHES = 80;
/** With them it takes a minute and more. */
const SOON_MS = 15_000;
/** What decides is the last clause. */
const searching = (last: JsonObject): JsonObject => ({
  $or: [...Array.from({ length: SEARCHES }, () => SEARCH), last],
});

async function withFilter(filter: JsonObject, over: Record<string, unknown> = {}): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, {
    entry: { event: "order.created", filter },
    steps: [{ id: "rest", type: "delay", for: "P1D" }],
    ...over,
  });
  return workspace;
}

async function ask(workspace: TestWorkspace, what: string, body: unknown): Promise<ApiAnswer> {
  const answer = await post(keyOf(workspace.apiKey), `/api/v1/journeys/${KEY}/${what}`, body);
  expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
  return answer;
}

describe.each([
  ["holds by its last clause", searching({ $state: "/event/text", exists: true }), "enrolled"],
  ["does not hold", searching({ $state: "/event/text", exists: false }), "skipped"],
])("a filter of many long searches that %s", (_, filter, outcome) => {
  it(
    "is decided alike by a dry run, an event, explain, a backtest and a simulation",
    async () => {
      const workspace = await withFilter(filter);
      const body = { ...EVENT, profile: PROFILE };
      const dry = await track(workspace, body, { query: "?dryRun=true" });
      const dryReceipt = (await dry.json<{ receipt: { journeys: JsonObject[] } }>()).receipt;
      const accepted = await track(workspace, body, { query: "?include=receipt" });
      const { eventId, receipt } = await accepted.json<{ eventId: string; receipt: { journeys: JsonObject[] } }>();
      expect(dryReceipt.journeys.map((entry) => [entry["outcome"], entry["detail"]])).toEqual(
        receipt.journeys.map((entry) => [entry["outcome"], entry["detail"]]),
      );
      expect(receipt.journeys[0]?.["outcome"]).toBe(outcome);

      const explained = await ask(workspace, "explain", { profile: PROFILE, event: EVENT });
      expect([explained.body.outcome, explained.body.detail]).toEqual([outcome, receipt.journeys[0]?.["detail"]]);
      expect(explained.body.clauses).toHaveLength(SEARCHES + 1);
      expect(explained.body.clauses[0]).toMatchObject({ path: "/event/text", operator: "contains", passed: false });

      await runAlarm(workspace.cell);
      expect((await get(keyOf(workspace.apiKey), `/api/v1/events/${eventId}`)).status).toBe(200);
      const [from, to] = [new Date(Date.now() - 60_000).toISOString(), new Date(Date.now() + 60_000).toISOString()];
      const tested = await ask(workspace, "backtest", { from, to });
      expect([tested.body.matched, tested.body.enrolled]).toEqual([1, outcome === "enrolled" ? 1 : 0]);

      const events = [{ at: "2026-06-01T00:00:00.000Z", ...EVENT }];
      const simulated = await ask(workspace, "simulate", { start: events[0]?.at, profile: PROFILE, events });
      expect(simulated.body.enrollments).toHaveLength(outcome === "enrolled" ? 1 : 0);
    },
    SOON_MS,
  );
});

describe("a run that looks for long texts in long texts", () => {
  it(
    "takes its way soon, by a branch and by what it waits for",
    async () => {
      const workspace = await withFilter(
        { $state: "/event/text", exists: true },
        {
          steps: [
            {
              id: "which",
              type: "branch",
              if: searching({ $state: "/event/text", exists: false }),
              then: "found",
              else: "waits",
            },
            { id: "found", type: "exit" },
            {
              id: "waits",
              type: "wait_for_event",
              event: "order.paid",
              filter: searching({ $state: "/event/text", exists: true }),
              timeout: "P1D",
            },
            { id: "done", type: "exit", reason: "paid" },
          ],
        },
      );
      await track(workspace, { ...EVENT, profile: PROFILE });
      await track(workspace, { ...EVENT, event: "order.paid", profile: PROFILE });
      await runAlarm(workspace.cell);
      const { items } = (await get(keyOf(workspace.apiKey), `/api/v1/journeys/${KEY}/enrollments`)).body;
      const run = (await get(keyOf(workspace.apiKey), `/api/v1/enrollments/${items[0]?.id}`)).body;
      expect([run.status, run.reason]).toEqual(["completed", "paid"]);
    },
    SOON_MS,
  );
});
