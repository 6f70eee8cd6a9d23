import { describe, expect, it } from "vitest";
import { stepKindOf, STEP_TYPES } from "../../../src/domain/steps/index.ts";

describe("the registry of step types", () => {
  it("finds each type by its name", () => {
    for (const type of STEP_TYPES) expect(stepKindOf(type)?.type).toBe(type);
  });

  it.each(["sms", "toString", "__proto__", "", undefined, null, 0])("finds nothing for %j", (type) => {
    expect(stepKindOf(type)).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>, [string, string][]]>([
    ["delay", { next: "a" }, [["next", "a"]]],
    ["email", {}, []],
    [
      "webhook",
      { next: "a", onFailure: "b" },
      [
        ["next", "a"],
        ["onFailure", "b"],
      ],
    ],
    ["webhook", { onFailure: "continue" }, []],
    ["webhook", { onFailure: "fail" }, []],
    [
      "wait_for_event",
      { next: "a", onTimeout: "b" },
      [
        ["next", "a"],
        ["onTimeout", "b"],
      ],
    ],
    [
      "branch",
      { then: "a", else: "b" },
      [
        ["then", "a"],
        ["else", "b"],
      ],
    ],
    [
      "split",
      { branches: [{ next: "a" }, {}, 1, { next: "b" }] },
      [
        ["branches.0.next", "a"],
        ["branches.3.next", "b"],
      ],
    ],
  ])("names the targets of %s %j", (type, step, targets) => {
    expect(stepKindOf(type)?.targets(step)).toEqual(targets.map(([field, stepId]) => ({ field, stepId })));
  });
});
