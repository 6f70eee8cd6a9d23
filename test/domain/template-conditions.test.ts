import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileCondition, type Condition } from "../../src/domain/condition.ts";
import { resolvePointer, parsePointer } from "../../src/domain/json-pointer.ts";
import type { Json, JsonObject } from "../../src/domain/json.ts";
import { conditionHolds, type ConditionReader } from "../../src/domain/template-conditions.ts";

function reading(state: JsonObject, item?: Json, index?: number): ConditionReader {
  const at = (root: Json | undefined, pointer: string): Json | undefined => {
    const parsed = parsePointer(pointer);
    return parsed.ok ? resolvePointer(root, parsed.value) : undefined;
  };
  return {
    state: (pointer) => at(state, pointer),
    item: (path) => at(item, path === "" ? "" : `/${path}`),
    index: () => index,
    condition: () => {},
    comparison: () => {},
  };
}

describe("a condition of a template", () => {
  it("holds exactly where the same condition of a journey does", () => {
    const value = fc.oneof(fc.constantFrom<Json>(null, true, 0, 1, 2, "", "a", "ab"), fc.constant<Json>(["a", 1]));
    const pointer = fc.constantFrom("/event/a", "/event/b", "/profile/a", "/event/none");
    const operand = fc.oneof(
      value,
      pointer.map((path): Json => ({ $state: path })),
    );
    const clause = fc
      .tuple(
        pointer,
        fc.array(fc.tuple(fc.constantFrom("eq", "neq", "gt", "gte", "lt", "lte", "contains", "startsWith"), operand), {
          maxLength: 2,
        }),
        fc.option(fc.boolean(), { nil: undefined }),
        fc.option(fc.boolean(), { nil: undefined }),
      )
      .map(([$state, operators, exists, not]) => ({
        $state,
        ...Object.fromEntries(operators),
        ...(exists === undefined ? {} : { exists }),
        ...(not === undefined ? {} : { not }),
      }));
    const { condition } = fc.letrec<{ condition: Json }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 3 },
        clause as fc.Arbitrary<Json>,
        fc.boolean(),
        fc.array(tie("condition"), { minLength: 1, maxLength: 3 }),
        fc.array(tie("condition"), { minLength: 1, maxLength: 3 }).map(($and): Json => ({ $and, not: true })),
        fc.array(tie("condition"), { minLength: 1, maxLength: 3 }).map(($or): Json => ({ $or })),
      ),
    }));
    fc.assert(
      fc.property(condition, fc.record({ a: value, b: value }), fc.record({ a: value }), (written, event, profile) => {
        const scope = { event: (): Json => event, profile: (): Json => profile };
        const journeys = compileCondition(written as Condition)(scope) === null;
        expect(conditionHolds(written, reading({ event, profile }))).toBe(journeys);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [{ $item: "name", eq: "Mug" }, true],
    [{ $item: "name", startsWith: "C" }, false],
    [{ $item: "none", exists: false }, true],
    [{ $item: "price", gt: { $state: "/event/limit" } }, true],
    [{ $item: "" }, true],
    [{ $index: true, eq: 2 }, true],
    [{ $index: true, lt: 2, not: true }, true],
    [[{ $index: true, gte: 1 }, { $item: "name" }], true],
  ])("%j over an item is %j", (condition, holds) => {
    const read = reading({ event: { limit: 5 } }, { name: "Mug", price: 7 }, 2);
    expect(conditionHolds(condition as Json, read)).toBe(holds);
  });

  it("over an item holds nowhere but in one", () => {
    expect(conditionHolds({ $item: "name" }, reading({}))).toBe(false);
    expect(conditionHolds({ $index: true, gte: 0 }, reading({}))).toBe(false);
  });
});
