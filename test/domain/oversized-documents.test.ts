// Documents made to be expensive: what is said about them is short, whatever was sent.
import { describe, expect, it } from "vitest";
import { checkCondition } from "../../src/domain/condition.ts";
import { checkDefinition } from "../../src/domain/journey.ts";
import { MAX_ISSUES } from "../../src/domain/issue-list.ts";
import { MAX_UNSET_PROPERTIES } from "../../src/domain/steps/update-profile.ts";
import { aJourneyDocument, aJourneyWithStep, issuesWith } from "./journey-document.ts";

/** As many values as a body has room for. */
const ZEROS = Array.from({ length: 125_000 }, () => 0);
const WAIT = { type: "wait_for_event", event: "paid", timeout: "P1D" };

describe("a list with far too many items", () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ["exitOn", aJourneyDocument({ exitOn: ZEROS }), ["exitOn"]],
    ["split branches", aJourneyWithStep({ type: "split", branches: ZEROS }), ["steps.0.branches"]],
    ["weekdays", aJourneyWithStep({ type: "wait_until", at: "09:00", weekdays: ZEROS }), ["steps.0.weekdays"]],
    ["unset", aJourneyWithStep({ type: "update_profile", unset: ZEROS }), ["steps.0.unset"]],
    ["steps", aJourneyDocument({ steps: ZEROS }), ["steps"]],
  ])("of %s is told once, and not item by item", (_, document, paths) => {
    expect(issuesWith(document).map(({ path }) => path)).toEqual(paths);
  });

  it.each<[string, Record<string, unknown>]>([
    ["an entry's filter", aJourneyDocument({ entry: { event: "x", filter: ZEROS } })],
    ["a step's filter", aJourneyWithStep({ ...WAIT, filter: { $or: ZEROS } })],
    ["a step's headers", aJourneyWithStep({ type: "webhook", url: "https://example.com", headers: manyHeaders() })],
  ])("of issues in %s ends with how many more there are", (_, document) => {
    const issues = issuesWith(document);
    expect([issues.length, issues.at(-1)?.message]).toEqual([MAX_ISSUES, expect.stringMatching(/^At least \d+ more/)]);
  });

  it("of conditions is not walked to its end", () => {
    expect(checkCondition(ZEROS, { allowEntry: false }).length).toBeLessThanOrEqual(MAX_ISSUES + 1);
  });

  it("lets a list of the longest length through", () => {
    const unset = Array.from({ length: MAX_UNSET_PROPERTIES }, (_, i) => `p${i}`);
    expect(issuesWith(aJourneyWithStep({ type: "update_profile", unset }))).toEqual([]);
  });
});

describe("a long name in an issue", () => {
  const LONG = "n".repeat(10_000);
  it.each<[string, Record<string, unknown>]>([
    ["a property", aJourneyWithStep({ type: "update_profile", set: { [LONG]: 1 } })],
    ["a header", aJourneyWithStep({ type: "webhook", url: "https://example.com", headers: { [LONG]: 7 } })],
    [
      "a key of a webhook's body",
      aJourneyWithStep({ type: "webhook", url: "https://example.com", body: { [LONG]: { $state: 7 } } }),
    ],
    ["an operator", aJourneyDocument({ entry: { event: "x", filter: { $state: "/event/x", [LONG]: 1 } } })],
    ["a key beside a group", aJourneyDocument({ entry: { event: "x", filter: { $and: [true], [LONG]: 1 } } })],
    ["a step type", aJourneyWithStep({ type: LONG })],
    ["a target", aJourneyWithStep({ type: "delay", for: "P1D", next: LONG })],
  ])("is cut when it is %s", (_, document) => {
    const text = JSON.stringify(issuesWith(document));
    expect(text).not.toContain("n".repeat(65));
    expect(text.length).toBeGreaterThan(2);
  });
});

describe("a list where an object belongs", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["eligibility", aJourneyDocument({ eligibility: [] }), "eligibility"],
    ["reentry", aJourneyDocument({ eligibility: { reentry: [] } }), "eligibility.reentry"],
    ["goal", aJourneyDocument({ goal: [] }), "goal"],
    ["an exit rule", aJourneyDocument({ exitOn: [[]] }), "exitOn.0"],
  ])("is refused as %s", (_, document, path) => {
    expect(issuesWith(document).map((issue) => issue.path)).toEqual([path]);
  });

  it("is refused as the document", () => {
    expect(checkDefinition([])).toMatchObject({ ok: false, error: { kind: "request" } });
  });
});

function manyHeaders(): Record<string, number> {
  return Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`h${i}`, i]));
}
