import { expect, it } from "vitest";
import { longestRunMs } from "../../src/domain/longest-run.ts";
import { aJourneyDocument, definitionOf } from "./journey-document.ts";

const HOUR_MS = 3_600_000;

const longest = (...steps: object[]): number => longestRunMs(definitionOf(aJourneyDocument({ steps })).steps);

it("adds up the waits of the longest way", () => {
  const yes = { $state: "/event/vip" };
  expect(
    longest(
      { id: "rest", type: "delay", for: "PT1H" },
      { id: "vip", type: "branch", if: yes, then: "short", else: "long" },
      { id: "short", type: "delay", for: "PT2H", next: "done" },
      { id: "long", type: "wait_for_event", event: "paid", timeout: "PT5H", onTimeout: "late" },
      { id: "done", type: "exit" },
      { id: "late", type: "delay", for: "PT1H" },
    ),
  ).toBe(7 * HOUR_MS);
});

it("takes a time of day for a day, or a week, and the hour that a clock is put back", () => {
  expect(longest({ id: "noon", type: "wait_until", at: "12:00" })).toBe(25 * HOUR_MS);
  expect(longest({ id: "noon", type: "wait_until", at: "12:00", weekdays: ["mon"] })).toBe(169 * HOUR_MS);
});

it("is no time where nothing waits, and for ever where a run may go round", () => {
  expect(longest({ id: "done", type: "exit" })).toBe(0);
  const again = { id: "again", type: "branch", if: { $state: "/profile/due" }, then: "rest", else: "done" };
  expect(longest({ id: "rest", type: "delay", for: "PT1H" }, again, { id: "done", type: "exit" })).toBe(
    Number.POSITIVE_INFINITY,
  );
});
