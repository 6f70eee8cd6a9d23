import { describe, expect, it } from "vitest";
import type { Condition } from "../../src/domain/condition.ts";
import { explainFilter, type ExplainedFilter } from "../../src/domain/explain.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { redact } from "../../src/domain/redaction.ts";

/** Explains a filter of data as it is after redaction, about a person on plan Pro. */
function explained(filter: Condition, sent: JsonObject, paths: string[] = []): ExplainedFilter {
  const kept = redact(sent, paths);
  return explainFilter(filter, { event: () => kept, profile: () => ({ plan: "Pro" }) }, paths);
}

const holds = (filter: Condition, sent: JsonObject, paths: string[] = []): boolean | null =>
  explained(filter, sent, paths).holds;

describe("the clauses of a filter", () => {
  it("are all of them, in the order of the document, with what they compare", () => {
    const filter = {
      $or: [
        { $state: "/event/total", gte: 40, lt: 100 },
        [{ $state: "/event/vip" }, false],
        { $state: "/event/gone", exists: false },
      ],
    };
    expect(explained(filter, { total: 42, vip: "yes" }).clauses).toEqual([
      { path: "/event/total", operator: "gte", expected: 40, actual: 42, passed: true },
      { path: "/event/total", operator: "lt", expected: 100, actual: 42, passed: true },
      { path: "/event/vip", operator: "truthy", expected: true, actual: "yes", passed: true },
      { path: null, operator: "false", expected: true, actual: false, passed: false },
      { path: "/event/gone", operator: "exists", expected: false, actual: null, passed: true },
    ]);
  });

  it("are passed when they are as the negated filter wants them", () => {
    const filter = {
      $and: [
        { $state: "/event/total", gte: 40 },
        { $state: "/event/plan", eq: "Pro", not: true },
      ],
      not: true,
    };
    expect(explained(filter, { total: 30, plan: "Pro" })).toMatchObject({
      holds: true,
      clauses: [
        { operator: "gte", not: true, passed: true },
        { operator: "eq", passed: true },
      ],
    });
  });

  it("show where the right side was read", () => {
    const filter = { $state: "/event/plan", eq: { $state: "/profile/plan" } };
    expect(explained(filter, { plan: "Free" }).clauses).toEqual([
      {
        path: "/event/plan",
        operator: "eq",
        expected: "Pro",
        expectedPath: "/profile/plan",
        actual: "Free",
        passed: false,
      },
    ]);
  });

  it("leave out values that are too large to be shown", () => {
    const [clause] = explained({ $state: "/event/text", exists: true }, { text: "x".repeat(5_000) }).clauses;
    expect(clause).toMatchObject({ actual: null, omitted: true, passed: true });
  });

  it("hide what was declared secret, and what holds it", () => {
    const filter = [
      { $state: "/event/card/number", eq: "1" },
      { $state: "/event/card", exists: true },
    ];
    const { clauses } = explained(filter, { card: { number: "4242", kind: "visa" } }, ["/event/card/number"]);
    expect(clauses).toMatchObject([
      { actual: null, redacted: true, passed: null },
      { actual: null, redacted: true, passed: true },
    ]);
  });
});

describe("a filter over data that something was taken out of", () => {
  const secret = ["/event/card"];
  const about = (operator: object): Condition => ({ $state: "/event/card", ...operator });

  it.each([
    ["a comparison", about({ eq: "4242" })],
    ["whether it was there", about({ exists: true })],
    ["whether it was true", about({})],
    ["what is below it", { $state: "/event/card/number", exists: false }],
    ["what it is compared with", { $state: "/event/total", eq: { $state: "/event/card" } }],
    ["a negated comparison", about({ eq: "4242", not: true })],
  ] as [string, Condition][])("hangs on it: %s", (_, filter) => {
    expect(holds(filter, { card: "4242", total: 1 }, secret)).toBeNull();
  });

  it("holds or fails all the same where another clause decides", () => {
    const [unknown, yes, no] = [about({ eq: "1" }), true, false];
    expect([
      holds([unknown, no], { card: "1" }, secret),
      holds({ $or: [unknown, yes] }, { card: "1" }, secret),
      holds([unknown, yes], { card: "1" }, secret),
      holds({ $or: [unknown, no] }, { card: "1" }, secret),
      holds({ $and: [unknown, no], not: true }, { card: "1" }, secret),
    ]).toEqual([false, true, null, null, true]);
  });

  it("blames the clause that is known to fail", () => {
    const filter = [about({ eq: "1" }), { $state: "/event/total", gte: 40 }];
    expect(explained(filter, { card: "1", total: 1 }, secret).failed).toEqual({
      path: "/event/total",
      operator: "gte",
    });
  });

  it("knows that nothing was there where nothing was around it", () => {
    const filter = { $state: "/event/card/number", exists: true };
    expect(holds(filter, { card: "none" }, ["/event/card/number"])).toBe(false);
    expect(holds(filter, {}, ["/event/card/number"])).toBe(false);
    expect(holds(filter, { card: {} }, ["/event/card/number"])).toBeNull();
    expect(holds({ $state: "/event/items/3", exists: true }, { items: [1] }, ["/event/items/3"])).toBe(false);
  });

  it("knows that an element of a list was there, and not what it was", () => {
    const paths = ["/event/items/0"];
    const sent = { items: ["a", "b"] };
    expect(holds({ $state: "/event/items/0", exists: true }, sent, paths)).toBe(true);
    expect(holds({ $state: "/event/items/0", eq: "a" }, sent, paths)).toBeNull();
    expect(holds({ $state: "/event/items", contains: "b" }, sent, paths)).toBe(true);
    expect(holds({ $state: "/event/items", contains: "c" }, sent, paths)).toBeNull();
    expect(holds({ $state: "/event/items", contains: null }, sent, paths)).toBeNull();
    expect(holds({ $state: "/event/items/1", eq: "b" }, sent, paths)).toBe(true);
  });

  it("knows what an object is not, whatever was taken out of it", () => {
    const paths = ["/event/card/number"];
    const sent = { card: { number: "1" } };
    const on = (operator: object): boolean | null => holds({ $state: "/event/card", ...operator }, sent, paths);
    expect([on({}), on({ gte: 1 }), on({ eq: "1" }), on({ neq: 1 }), on({ in: [1, []] })]).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
    expect([on({ eq: {} }), on({ neq: {} }), on({ in: [{}] }), on({ contains: "1" })]).toEqual([
      null,
      null,
      null,
      false,
    ]);
  });
});
