import { describe, expect, it } from "vitest";
import { checkCondition, type Condition } from "../../src/domain/condition.ts";
import { MAX_CONDITION_CLAUSES, MAX_CONDITION_DEPTH } from "../../src/domain/condition-check.ts";

describe("checkCondition", () => {
  function issues(condition: unknown, allowEntry = false) {
    return checkCondition(condition, { allowEntry });
  }
  const nested = (levels: number): Condition => (levels === 0 ? true : [nested(levels - 1)]);
  const clause = { $state: "/event/x", eq: 1 };

  it.each<[string, unknown]>([
    ["literals", [true, false]],
    ["a bare path", { $state: "/event/x" }],
    ["the roots themselves", [{ $state: "/event" }, { $state: "/profile" }]],
    [
      "every operator",
      {
        $state: "/event/x",
        eq: 1,
        neq: null,
        gt: 1,
        gte: "a",
        lt: 1,
        lte: 1,
        in: [1],
        contains: {},
        startsWith: "a",
        exists: true,
      },
    ],
    [
      "not, true and false",
      [
        { ...clause, not: true },
        { $and: [true], not: false },
      ],
    ],
    ["a path on the right", { $state: "/event/x", eq: { $state: "/profile/y" } }],
    ["a list from a path", { $state: "/event/x", in: { $state: "/profile/y" } }],
    ["a literal object", { $state: "/event/x", eq: { any: { $state: "is data here" } } }],
    ["the deepest nesting", nested(MAX_CONDITION_DEPTH)],
    ["the most comparisons", Array.from({ length: MAX_CONDITION_CLAUSES }, () => clause)],
  ])("takes %s", (_what, condition) => {
    expect(issues(condition)).toEqual([]);
  });

  it.each<[string, unknown, string, string]>([
    ["nothing", undefined, "", "A condition is"],
    ["null", null, "", "A condition is"],
    ["a number", 1, "", "A condition is"],
    ["text", "/event/x", "", "A condition is"],
    ["an object without a left side", { eq: 1 }, "", "A condition is"],
    ["only not", { not: true }, "", "A condition is"],
    ["an unknown operator", { $state: "/event/x", equals: 1 }, "equals", '"equals" is not an operator'],
    [
      "a regular expression",
      { $state: "/event/x", matches: "a+" },
      "matches",
      "eq, neq, gt, gte, lt, lte, in, contains, startsWith, exists",
    ],
    [
      "an operator of prototypes",
      JSON.parse('{"$state":"/event/x","__proto__":1}'),
      "__proto__",
      '"__proto__" is not an operator',
    ],
    ["an inherited name", { $state: "/event/x", constructor: 1 }, "constructor", "not an operator"],
    ["$and beside $state", { $state: "/event/x", $and: [true] }, "$and", "not an operator"],
    ["$and beside $or", { $and: [true], $or: [true] }, "", "one inside the other"],
    ["an operator beside $and", { $and: [true], eq: 1 }, "eq", 'beside "$and"'],
    ["an empty list", [], "", "at least one"],
    ["an empty $and", { $and: [] }, "$and", "at least one"],
    ["an empty $or", { $or: [] }, "$or", "at least one"],
    ["an empty list inside", [true, { $or: [[]] }], "1.$or.0", "at least one"],
    ["$and without a list", { $and: clause }, "$and", "takes a list"],
    ["a path that is no text", { $state: 1 }, "$state", "takes a path"],
    ["a path without slash", { $state: "event/x" }, "$state", 'start with "/"'],
    ["the empty path", { $state: "" }, "$state", "/event or /profile"],
    ["another root", { $state: "/events/x" }, "$state", "/event or /profile"],
    ["a bad escape", { $state: "/event/~2" }, "$state", '"~" must be followed'],
    ["a bad path on the right", { $state: "/event/x", eq: { $state: "/y" } }, "eq.$state", "/event or /profile"],
    [
      "company for a path on the right",
      { $state: "/event/x", eq: { $state: "/event/y", or: 1 } },
      "eq",
      "Nothing can stand beside",
    ],
    ["exists with a number", { $state: "/event/x", exists: 1 }, "exists", "true or false"],
    ["exists with a path", { $state: "/event/x", exists: { $state: "/event/y" } }, "exists", "true or false"],
    ["not with text", { $state: "/event/x", not: "true" }, "not", "true or false"],
    ["not with null on a group", { $or: [true], not: null }, "not", "true or false"],
    ["in with text", { $state: "/event/x", in: "abc" }, "in", "takes a list"],
    ["a path inside a list", { $state: "/event/x", in: ["a", { $state: "/event/y" }] }, "in", "not read inside"],
    [
      "$entry where there is no later event",
      { $state: "/event/x", eq: { $entry: "/event/x" } },
      "eq",
      "exitOn, goal and wait_for_event",
    ],
    ["$entry on the left", { $entry: "/event/x" }, "", "A condition is"],
    [
      "too deep a nesting",
      nested(MAX_CONDITION_DEPTH + 1),
      Array(MAX_CONDITION_DEPTH).fill(0).join("."),
      "nested at most 16",
    ],
    ["too many comparisons", Array.from({ length: MAX_CONDITION_CLAUSES + 1 }, () => clause), "200", "at most 200"],
    [
      "too many bare paths",
      Array.from({ length: MAX_CONDITION_CLAUSES + 1 }, () => ({ $state: "/event/x", not: true })),
      "200",
      "at most 200",
    ],
    ["too many literals", Array.from({ length: MAX_CONDITION_CLAUSES + 1 }, () => true), "200", "at most 200"],
    [
      "too many comparisons in few objects",
      Array.from({ length: 101 }, () => ({ $state: "/event/x", gt: 1, lt: 3 })),
      "100",
      "at most 200",
    ],
  ])("refuses %s", (_what, condition, path, message) => {
    expect(issues(condition)).toEqual([{ path, message: expect.stringContaining(message) }]);
  });

  it("takes $entry where there is a later event", () => {
    expect(issues({ $state: "/event/x", eq: { $entry: "/event/x" } }, true)).toEqual([]);
    expect(issues({ $state: "/event/x", eq: { $entry: "/event" } }, true)).toEqual([]);
  });

  it("keeps $entry to the event", () => {
    expect(issues({ $state: "/event/x", eq: { $entry: "/profile/x" } }, true)).toEqual([
      { path: "eq.$entry", message: "A path must lead into /event, such as /event/name." },
    ]);
  });

  it("tells everything at once", () => {
    const wrong = { $and: [{ $state: "/x", is: 1 }, [], { $or: [{ $state: "/event/y", exists: 2 }] }] };
    expect(issues(wrong).map(({ path }) => path)).toEqual([
      "$and.0.$state",
      "$and.0.is",
      "$and.1",
      "$and.2.$or.0.exists",
    ]);
  });

  it("survives a nesting that would exhaust the stack", () => {
    let deep: unknown = true;
    for (let i = 0; i < 100_000; i += 1) deep = [deep];
    expect(issues(deep)).toHaveLength(1);
  });

  it("cuts a name that is quoted", () => {
    const [issue] = issues({ $state: "/event/x", ["k".repeat(10_000)]: 1 });
    expect(issue?.message.length).toBeLessThan(300);
  });
});
