import { describe, expect, it } from "vitest";
import { compileCondition, type Condition, type ConditionScope } from "../../src/domain/condition.ts";
import { OPERATORS } from "../../src/domain/condition-grammar.ts";
import type { FailedClause } from "../../src/domain/event.ts";
import type { Json } from "../../src/domain/json.ts";

const EVENT: Json = {
  total: 40,
  plan: "Pro",
  at: "2026-05-31T12:00:00.000Z",
  paid: true,
  nothing: null,
  zero: 0,
  blank: "",
  tags: ["new", 7, { a: 1, b: [2] }, null],
  nested: { a: 1, b: [2] },
  "a/b": "slash",
  "m~n": "tilde",
};
const PROFILE: Json = { plan: "Pro", limit: 40, tags: ["new"], email: "ann@example.com" };
const ENTRY: Json = { plan: "Pro", orderId: "o-1" };

function aScope(event: Json | undefined = EVENT, profile: Json | undefined = PROFILE): ConditionScope {
  return { event: () => event, profile: () => profile, entry: () => ENTRY };
}

function failure(condition: unknown, scope: ConditionScope = aScope()): FailedClause | null {
  return compileCondition(condition as Condition)(scope);
}

function holds(condition: unknown, scope?: ConditionScope): boolean {
  return failure(condition, scope) === null;
}

describe("comparisons", () => {
  it.each<[string, string, Json, boolean]>([
    ["eq", "/event/total", 40, true],
    ["eq", "/event/total", 41, false],
    ["eq", "/event/total", "40", false],
    ["eq", "/event/paid", 1, false],
    ["eq", "/event/paid", "true", false],
    ["eq", "/event/zero", false, false],
    ["eq", "/event/blank", 0, false],
    ["eq", "/event/nothing", null, true],
    ["eq", "/event/nothing", 0, false],
    ["eq", "/event/nested", { b: [2], a: 1 }, true],
    ["eq", "/event/nested", { a: 1 }, false],
    ["eq", "/event/tags", ["new", 7, { b: [2], a: 1 }, null], true],
    ["eq", "/event/tags", [7, "new", { b: [2], a: 1 }, null], false],
    ["eq", "/event/a~1b", "slash", true],
    ["eq", "/event/m~0n", "tilde", true],
    ["eq", "/event/tags/1", 7, true],
    ["eq", "/profile/plan", "Pro", true],
    ["eq", "/profile/plan", "pro", false],
    ["neq", "/event/total", 41, true],
    ["neq", "/event/total", "40", true],
    ["neq", "/event/total", 40, false],
    ["neq", "/event/nested", { b: [2], a: 1 }, false],
    ["gt", "/event/total", 39.5, true],
    ["gt", "/event/total", 40, false],
    ["gte", "/event/total", 40, true],
    ["gte", "/event/total", 40.5, false],
    ["lt", "/event/total", 41, true],
    ["lt", "/event/total", 40, false],
    ["lte", "/event/total", 40, true],
    ["lte", "/event/total", 39, false],
    ["gt", "/event/at", "2026-05-31T11:59:59.999Z", true],
    ["lt", "/event/at", "2026-05-31T11:59:59.999Z", false],
    ["gte", "/event/at", "2026-05-31T12:00:00.000Z", true],
    ["lte", "/event/at", "2026-05-31T12:00:00.000Z", true],
    ["gte", "/event/total", "40", false],
    ["lte", "/event/total", "40", false],
    ["gte", "/event/plan", 1, false],
    ["gte", "/event/nothing", 0, false],
    ["lte", "/event/nothing", null, false],
    ["gte", "/event/paid", true, false],
    ["lte", "/event/tags", ["new"], false],
    ["in", "/event/plan", ["Free", "Pro"], true],
    ["in", "/event/plan", ["Free"], false],
    ["in", "/event/total", ["40"], false],
    ["in", "/event/nothing", [null], true],
    ["in", "/event/nested", [{ b: [2], a: 1 }], true],
    ["in", "/event/plan", [], false],
    ["contains", "/event/tags", "new", true],
    ["contains", "/event/tags", "7", false],
    ["contains", "/event/tags", 7, true],
    ["contains", "/event/tags", null, true],
    ["contains", "/event/tags", { b: [2], a: 1 }, true],
    ["contains", "/event/plan", "ro", true],
    ["contains", "/event/plan", "RO", false],
    ["contains", "/event/plan", "", true],
    ["contains", "/event/total", 4, false],
    ["contains", "/event/nested", "a", false],
    ["startsWith", "/event/plan", "Pr", true],
    ["startsWith", "/event/plan", "ro", false],
    ["startsWith", "/event/plan", "", true],
    ["startsWith", "/event/total", 4, false],
    ["startsWith", "/event/tags", "new", false],
  ])("%s of %s and %j is %s", (operator, $state, right, expected) => {
    expect(holds({ $state, [operator]: right })).toBe(expected);
  });

  it.each(OPERATORS.filter((operator) => operator !== "exists"))("%s is false on a missing path", (operator) => {
    const right = operator === "in" ? [undefined, null] : null;
    expect(holds({ $state: "/event/missing", [operator]: right })).toBe(false);
    expect(holds({ $state: "/event/missing", [operator]: { $state: "/event/missing" } })).toBe(false);
  });

  it.each(OPERATORS.filter((operator) => operator !== "exists"))(
    "%s is false when its right side is missing",
    (operator) => {
      expect(holds({ $state: "/event/tags", [operator]: { $state: "/event/missing" } })).toBe(false);
    },
  );

  it.each<[string, boolean, boolean]>([
    ["/event/total", true, true],
    ["/event/total", false, false],
    ["/event/nothing", true, true],
    ["/event/nothing", false, false],
    ["/event/missing", true, false],
    ["/event/missing", false, true],
    ["/event/toString", true, false],
    ["/event/__proto__", true, false],
    ["/event/tags/length", true, false],
    ["/event/plan/length", true, false],
    ["/event", true, true],
    ["/profile", true, true],
  ])("exists of %s asked for %s is %s", ($state, exists, expected) => {
    expect(holds({ $state, exists })).toBe(expected);
  });

  it("reads the whole event and the whole profile", () => {
    expect(holds({ $state: "/event", eq: EVENT })).toBe(true);
    expect(holds({ $state: "/profile", eq: PROFILE })).toBe(true);
  });

  it("finds nothing where there is no data and nobody", () => {
    const nothing: ConditionScope = { event: () => undefined, profile: () => undefined };
    expect(holds({ $state: "/event", exists: false }, nothing)).toBe(true);
    expect(holds({ $state: "/profile/plan", neq: "Pro" }, nothing)).toBe(false);
    expect(holds({ $state: "/event/plan", eq: { $entry: "/event/plan" } }, nothing)).toBe(false);
  });

  it("compares with another place", () => {
    expect(holds({ $state: "/event/total", gte: { $state: "/profile/limit" } })).toBe(true);
    expect(holds({ $state: "/event/plan", in: { $state: "/profile/tags" } })).toBe(false);
    expect(holds({ $state: "/event/tags/0", in: { $state: "/profile/tags" } })).toBe(true);
  });

  it("compares a later event with the one that started the run", () => {
    const later = { $state: "/event/orderId", eq: { $entry: "/event/orderId" } };
    expect(holds(later, aScope({ orderId: "o-1" }))).toBe(true);
    expect(holds(later, aScope({ orderId: "o-2" }))).toBe(false);
  });

  it("keeps a literal's __proto__ key", () => {
    const event = JSON.parse('{"x":{"__proto__":1}}') as Json;
    expect(holds(JSON.parse('{"$state":"/event/x","eq":{"__proto__":1}}'), aScope(event))).toBe(true);
    expect(holds(JSON.parse('{"$state":"/event/x","eq":{"__proto__":2}}'), aScope(event))).toBe(false);
  });

  it("holds only when all operators of one object hold", () => {
    expect(holds({ $state: "/event/total", gte: 40, lt: 50 })).toBe(true);
    expect(holds({ $state: "/event/total", gte: 40, lt: 40 })).toBe(false);
    expect(holds({ $state: "/event/total", gte: 41, lt: 50 })).toBe(false);
  });
});

describe("truthiness", () => {
  it.each([
    ["/event/total", true],
    ["/event/plan", true],
    ["/event/paid", true],
    ["/event/tags", true],
    ["/event/nested", true],
    ["/event/zero", false],
    ["/event/blank", false],
    ["/event/nothing", false],
    ["/event/missing", false],
  ])("of %s is %s", ($state, expected) => {
    expect(holds({ $state })).toBe(expected);
    expect(holds({ $state, not: true })).toBe(!expected);
  });
});

describe("groups and literals", () => {
  const yes = { $state: "/event/total", eq: 40 };
  const no = { $state: "/event/total", eq: 41 };
  it.each<[string, unknown, boolean]>([
    ["true", true, true],
    ["false", false, false],
    ["an array of holding ones", [yes, true], true],
    ["an array with one that fails", [yes, no], false],
    ["$and of holding ones", { $and: [yes, yes] }, true],
    ["$and with one that fails", { $and: [yes, no] }, false],
    ["$or with one that holds", { $or: [no, yes] }, true],
    ["$or of failing ones", { $or: [no, no] }, false],
    ["a negated $and that fails", { $and: [yes, no], not: true }, true],
    ["a negated $or that holds", { $or: [no, yes], not: true }, false],
    ["a group in a group", { $or: [{ $and: [yes, no] }, [yes, { $or: [no, true] }]] }, true],
    ["not: false", { ...yes, not: false }, true],
    ["a negated missing path", { $state: "/event/missing", eq: 1, not: true }, true],
    ["a negated object, of whose operators one fails", { $state: "/event/total", gte: 40, lt: 40, not: true }, true],
  ])("takes %s", (_what, condition, expected) => {
    expect(holds(condition)).toBe(expected);
  });

  it("reads nothing that it does not need", () => {
    const scope: ConditionScope = {
      event: () => EVENT,
      profile: () => {
        throw new Error("the profile was read");
      },
    };
    expect(holds([no, { $state: "/profile/plan" }], scope)).toBe(false);
    expect(holds({ $or: [yes, { $state: "/profile/plan" }] }, scope)).toBe(true);
  });
});

describe("the clause that failed", () => {
  const yes = { $state: "/event/total", eq: 40 };
  it.each<[string, unknown, FailedClause]>([
    ["a comparison", { $state: "/event/total", gte: 50 }, { path: "/event/total", operator: "gte" }],
    ["exists", { $state: "/event/x", exists: true }, { path: "/event/x", operator: "exists" }],
    ["the bare form", { $state: "/event/zero" }, { path: "/event/zero", operator: "truthy" }],
    ["a literal false", false, { path: null, operator: "false" }],
    [
      "the first operator that fails",
      { $state: "/event/total", gte: 40, lt: 40, eq: 1 },
      { path: "/event/total", operator: "lt" },
    ],
    [
      "the first of a list",
      [yes, { $state: "/event/a", eq: 1 }, { $state: "/event/b", eq: 1 }],
      { path: "/event/a", operator: "eq" },
    ],
    [
      "the first alternative",
      {
        $or: [
          { $state: "/event/a", gt: 1 },
          { $state: "/event/b", eq: 1 },
        ],
      },
      { path: "/event/a", operator: "gt" },
    ],
    [
      "inside a group of a group",
      { $and: [yes, { $or: [[yes, { $state: "/profile/x" }], false] }] },
      { path: "/profile/x", operator: "truthy" },
    ],
    ["a negated comparison", { ...yes, not: true }, { path: "/event/total", operator: "eq", not: true }],
    [
      "a negated bare form",
      { $state: "/event/total", not: true },
      { path: "/event/total", operator: "truthy", not: true },
    ],
    [
      "a negated object with several operators",
      { $state: "/event/total", gte: 40, lt: 50, not: true },
      { path: "/event/total", operator: "gte", not: true },
    ],
    [
      "a negated $and",
      { $and: [yes, { $state: "/event/plan", eq: "Pro" }], not: true },
      { path: "/event/total", operator: "eq", not: true },
    ],
    [
      "a negated $or",
      { $or: [{ $state: "/event/x", lt: 1 }, yes], not: true },
      { path: "/event/x", operator: "lt", not: true },
    ],
    ["a negated literal true", { $and: [true], not: true }, { path: null, operator: "true", not: true }],
  ])("is told for %s", (_what, condition, expected) => {
    expect(failure(condition)).toEqual(expected);
  });

  it("holds no value", () => {
    const event = { secret: "4242" };
    const failed = failure({ $state: "/event/secret", eq: "1111" }, aScope(event));
    expect(JSON.stringify(failed)).not.toMatch(/4242|1111/);
  });

  it("cannot be changed by who reads it", () => {
    expect(Object.isFrozen(failure({ $state: "/event/total", gte: 50 }))).toBe(true);
    expect(Object.isFrozen(failure({ ...yes, not: true }))).toBe(true);
  });
});

describe("compileCondition", () => {
  it.each<[string, unknown]>([
    ["an unknown operator", { $state: "/event/x", matches: 1 }],
    ["an empty group", { $or: [] }],
    ["an empty list", []],
    ["a bad path", { $state: "x" }],
    ["an unknown root", { $state: "/x" }],
    ["a path on the right that is no text", { $state: "/event/x", eq: { $state: 1 } }],
  ])("throws for %s, which never passed the check", (_what, condition) => {
    expect(() => compileCondition(condition as Condition)).toThrow();
  });
});
