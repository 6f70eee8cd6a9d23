import { describe, expect, it } from "vitest";
import { aJourneyDocument, aJourneyWithStep, issuesWith } from "../journey-document.ts";

const DELAY = { type: "delay", for: "PT1M" };

describe("what is wrong with steps", () => {
  it.each<[string, unknown, { path: string; stepId: string | null; message: string }[]]>([
    ["no object", 7, [{ path: "steps.0", stepId: null, message: "A step is an object." }]],
    ["a list", [], [{ path: "steps.0", stepId: null, message: "A step is an object." }]],
    ["no id", DELAY, [{ path: "steps.0.id", stepId: null, message: '"id" is missing. A step id is needed' }]],
    [
      "an id in upper case",
      { id: "A", ...DELAY },
      [{ path: "steps.0.id", stepId: null, message: "A step id is needed" }],
    ],
    [
      "an id of 65 characters",
      { id: "a".repeat(65), ...DELAY },
      [{ path: "steps.0.id", stepId: null, message: "A step id is needed" }],
    ],
    [
      "no type",
      { id: "a" },
      [{ path: "steps.0.type", stepId: "a", message: "A step needs a type. The types are email, webhook, delay" }],
    ],
    [
      "an unknown type",
      { id: "a", type: "sms" },
      [{ path: "steps.0.type", stepId: "a", message: '"sms" is not a step type. The types are email,' }],
    ],
    [
      "an inherited name as type",
      { id: "a", type: "constructor" },
      [{ path: "steps.0.type", stepId: "a", message: '"constructor" is not a step type' }],
    ],
    [
      "a next of another type",
      { id: "a", ...DELAY, next: 1 },
      [{ path: "steps.0.next", stepId: "a", message: "A step id is needed" }],
    ],
    [
      "a next that is no step id",
      { id: "a", ...DELAY, next: "A B" },
      [{ path: "steps.0.next", stepId: "a", message: "A step id is needed" }],
    ],
    [
      "a dangling next",
      { id: "a", ...DELAY, next: "gone" },
      [{ path: "steps.0.next", stepId: "a", message: 'There is no step with the id "gone".' }],
    ],
  ])("is told for %s", (_what, step, expected) => {
    expect(issuesWith(aJourneyDocument({ steps: [step] }))).toEqual(
      expected.map((issue) => ({ ...issue, message: expect.stringContaining(issue.message) })),
    );
  });

  it("lists every step type for an unknown one", () => {
    const [issue] = issuesWith(aJourneyWithStep({ type: "sms" }));
    expect(issue?.message).toContain(
      "email, webhook, delay, wait_until, wait_for_event, branch, split, update_profile, exit",
    );
  });

  it("is told for every further use of an id", () => {
    const steps = ["a", "b", "a", "a"].map((id) => ({ id, ...DELAY }));
    expect(issuesWith(aJourneyDocument({ steps }))).toEqual(
      [2, 3].map((i) => ({
        path: `steps.${i}.id`,
        stepId: "a",
        message: expect.stringContaining('"a" stands for more than one'),
      })),
    );
  });

  it("is nothing for a step that leads back or to itself, or an id of 64 characters", () => {
    const id = "a".repeat(64);
    const steps = [
      { id, ...DELAY },
      { id: "b", type: "branch", if: true, then: id, else: "c" },
      { id: "c", ...DELAY, next: "c" },
    ];
    expect(issuesWith(aJourneyDocument({ steps, exitOn: [{ event: "order.paid" }] }))).toEqual([]);
  });

  it("cuts what it quotes", () => {
    const [issue] = issuesWith(aJourneyWithStep({ type: "x".repeat(30_000) }));
    expect(issue?.message.length).toBeLessThan(300);
  });
});
