import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileCondition, type Condition, type ConditionScope } from "../../src/domain/condition.ts";
import { OPERATORS } from "../../src/domain/condition-grammar.ts";
import { explainFilter } from "../../src/domain/explain.ts";
import type { Json, JsonObject } from "../../src/domain/json.ts";
import { redact } from "../../src/domain/redaction.ts";

const POINTERS = [
  "/event",
  "/event/a",
  "/event/b",
  "/event/a/b",
  "/event/a/0",
  "/event/b/1",
  "/event/a/b/0",
  "/profile/a",
];

const scalar = fc.constantFrom<Json>(null, true, 0, 1, "", "x");
const json: fc.Arbitrary<Json> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 2 }),
  fc.dictionary(fc.constantFrom("a", "b", "0"), scalar, { maxKeys: 2, noNullPrototype: true }),
);
const data: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.constantFrom("a", "b"),
  fc.oneof(json, fc.dictionary(fc.constantFrom("a", "b", "0"), json, { maxKeys: 2, noNullPrototype: true })),
  { noNullPrototype: true },
);

const pointer = fc.constantFrom(...POINTERS);
const right = fc.oneof(
  json,
  pointer.map(($state): Json => ({ $state })),
);
const operation = fc.constantFrom(...OPERATORS).chain((operator): fc.Arbitrary<[string, unknown]> => {
  if (operator === "exists") return fc.tuple(fc.constant(operator), fc.boolean());
  if (operator === "in") return fc.tuple(fc.constant(operator), fc.array(json, { maxLength: 2 }));
  return fc.tuple(fc.constant(operator), right);
});
const { condition } = fc.letrec<{ condition: Condition; members: Condition[] }>((tie) => ({
  members: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }),
  condition: fc.oneof(
    { maxDepth: 3 },
    fc
      .tuple(pointer, fc.array(operation, { maxLength: 2 }), fc.boolean())
      .map(([$state, operations, not]) => ({ $state, ...Object.fromEntries(operations), ...(not ? { not } : {}) })),
    fc.boolean(),
    tie("members"),
    fc.tuple(tie("members"), fc.boolean()).map(([$and, not]) => ({ $and, not })),
    fc.tuple(tie("members"), fc.boolean()).map(([$or, not]) => ({ $or, not })),
  ),
}));
const paths = fc.uniqueArray(fc.constantFrom(...POINTERS.filter((path) => path.startsWith("/event/"))), {
  maxLength: 3,
});

const scopeOf = (event: JsonObject, profile: JsonObject): ConditionScope => ({
  event: () => event,
  profile: () => profile,
});

describe("explaining a filter", () => {
  it("comes to what evaluating it comes to, the clause to blame included, where nothing was taken out", () => {
    fc.assert(
      fc.property(condition, data, data, (filter, event, profile) => {
        const scope = scopeOf(event, profile);
        const { holds, failed, clauses } = explainFilter(filter, scope, []);
        const wanted = compileCondition(filter)(scope);
        expect([holds, failed]).toEqual([wanted === null, wanted]);
        expect(clauses.some(({ passed, redacted }) => passed === null || redacted === true)).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });

  it("never says of data that something was taken out of what the whole data says otherwise", () => {
    let [known, unknown] = [0, 0];
    fc.assert(
      fc.property(condition, data, data, paths, (filter, sent, profile, redacted) => {
        const { holds } = explainFilter(filter, scopeOf(redact(sent, redacted), profile), redacted);
        if (holds === null) unknown += 1;
        else {
          known += 1;
          expect(holds).toBe(compileCondition(filter)(scopeOf(sent, profile)) === null);
        }
      }),
      { numRuns: 5_000 },
    );
    expect([known > 1_000, unknown > 300]).toEqual([true, true]);
  });
});
