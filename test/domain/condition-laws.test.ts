import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkCondition, compileCondition, type Condition, type ConditionScope } from "../../src/domain/condition.ts";
import { OPERATORS } from "../../src/domain/condition-grammar.ts";
import type { FailedClause } from "../../src/domain/event.ts";
import type { Json } from "../../src/domain/json.ts";

function failure(condition: unknown, scope: ConditionScope): FailedClause | null {
  return compileCondition(condition as Condition)(scope);
}

function holds(condition: unknown, scope: ConditionScope): boolean {
  return failure(condition, scope) === null;
}

describe("any condition", () => {
  const json = fc.oneof(
    fc.constantFrom<Json>(40, "Pro", null, true, 0, "", ["new"], { a: 1 }),
    fc.jsonValue() as fc.Arbitrary<Json>,
  );
  const pointer = fc.constantFrom(
    "/event/total",
    "/event/plan",
    "/event/tags",
    "/event/missing",
    "/profile/plan",
    "/event",
    "/profile/x/y",
  );
  const right = fc.oneof(
    json.filter((value) => !JSON.stringify(value).includes("$")),
    fc.record({ $state: pointer }),
    fc.record({ $entry: fc.constantFrom("/event/plan", "/event/x") }),
  );
  const operators = fc.array(
    fc.constantFrom(...OPERATORS).chain((operator): fc.Arbitrary<[string, unknown]> => {
      if (operator === "exists") return fc.tuple(fc.constant(operator), fc.boolean());
      if (operator === "in")
        return fc.tuple(fc.constant(operator), fc.array(json.filter((value) => !JSON.stringify(value).includes("$"))));
      return fc.tuple(fc.constant(operator), right);
    }),
    { maxLength: 3 },
  );
  const { condition } = fc.letrec<{ condition: Condition; object: Condition; members: Condition[] }>((tie) => ({
    condition: fc.oneof({ maxDepth: 4 }, tie("object"), fc.boolean(), tie("members")),
    members: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }),
    object: fc
      .tuple(
        fc.oneof(
          { maxDepth: 4 },
          fc.tuple(pointer, operators).map(([$state, entries]) => ({ $state, ...Object.fromEntries(entries) })),
          fc.record({ $and: tie("members") }),
          fc.record({ $or: tie("members") }),
        ),
        fc.constantFrom({}, { not: false }, { not: true }),
      )
      .map(([object, not]) => ({ ...object, ...not })),
  }));
  const scope = fc
    .tuple(
      fc.option(fc.dictionary(fc.constantFrom("total", "plan", "tags"), json), { nil: undefined }),
      fc.dictionary(fc.constantFrom("plan", "x"), json),
    )
    .map(([event, profile]): ConditionScope => ({
      event: () => event,
      profile: () => profile,
      entry: () => ({ plan: "Pro" }),
    }));

  it("of the grammar passes the check", () => {
    fc.assert(
      fc.property(condition, (any) => {
        expect(checkCondition(any, { allowEntry: true })).toEqual([]);
      }),
    );
  });

  it("is turned round by a negated group, in any scope", () => {
    fc.assert(
      fc.property(condition, scope, (any, at) => {
        expect(holds({ $and: [any], not: true }, at)).toBe(!holds(any, at));
      }),
    );
  });

  it("is turned round by not in its own object", () => {
    fc.assert(
      fc.property(
        condition.filter((any) => typeof any === "object" && !Array.isArray(any)),
        scope,
        (any, at) => {
          const object = any as { not?: boolean };
          expect(holds({ ...object, not: object.not !== true }, at)).toBe(!holds(any, at));
        },
      ),
    );
  });

  it("negates over groups as De Morgan has it", () => {
    fc.assert(
      fc.property(fc.array(condition, { minLength: 1, maxLength: 4 }), scope, (members, at) => {
        const negated = members.map((member) => ({ $and: [member], not: true }));
        expect(holds({ $or: members, not: true }, at)).toBe(holds({ $and: negated }, at));
      }),
    );
  });

  it("answers with one of its own clauses when it does not hold", () => {
    fc.assert(
      fc.property(condition, scope, (any, at) => {
        const failed = failure(any, at);
        if (failed === null) return;
        if (failed.path === null) expect(["true", "false"]).toContain(failed.operator);
        else expect(JSON.stringify(any)).toContain(JSON.stringify(failed.path));
      }),
    );
  });
});
