import { describe, expect, it } from "vitest";
import { MAX_SPLIT_BRANCHES } from "../../../src/domain/steps/split.ts";
import { aJourneyDocument, checkedStep, definitionOf, stepIssuePaths } from "../journey-document.ts";

describe("branch", () => {
  const BRANCH = { type: "branch", if: { $state: "/event/total", gte: 200 }, then: "done", else: "done" };

  it("takes a condition and two steps", () => {
    expect(checkedStep(BRANCH)).toEqual({ id: "first", ...BRANCH });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["no condition", { if: undefined }, ["if"]],
    ["a condition that is none", { if: "total > 200" }, ["if"]],
    ["an unknown operator", { if: { $state: "/event/total", over: 200 } }, ["if.over"]],
    ["$entry, since there is no later event", { if: { $state: "/event/a", eq: { $entry: "/event/a" } } }, ["if.eq"]],
    ["everything that is wrong in a condition", { if: [{ $state: "/x" }, []] }, ["if.0.$state", "if.1"]],
    ["a missing then", { then: undefined }, ["then"]],
    ["a missing else", { else: undefined }, ["else"]],
    ["dangling ways", { then: "gone", else: "lost" }, ["then", "else"]],
  ])("refuses %s", (_what, over, paths) => {
    expect(stepIssuePaths({ ...BRANCH, ...over })).toEqual(paths);
  });

  it("keeps a literal of the condition as it was sent", () => {
    const condition = '{"$state":"/event/x","eq":{"__proto__":1,"constructor":2}}';
    expect(JSON.stringify(checkedStep({ ...BRANCH, if: JSON.parse(condition) }))).toContain(condition);
  });
});

describe("split", () => {
  const ways = (count: number) => Array.from({ length: count }, () => ({ weight: 1, next: "done" }));
  const split = (branches: unknown) => ({ type: "split", branches });

  it.each([1, MAX_SPLIT_BRANCHES])("takes %i branches", (count) => {
    expect(checkedStep(split(ways(count)))).toEqual({ id: "first", ...split(ways(count)) });
  });

  it.each([0.001, 1, 1e9])("takes the weight %d", (weight) => {
    expect(stepIssuePaths(split([{ weight, next: "done" }]))).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ["no branches", undefined, ["branches"]],
    ["an empty list", [], ["branches"]],
    ["more than the most", ways(MAX_SPLIT_BRANCHES + 1), ["branches"]],
    ["an object", { a: 1 }, ["branches"]],
    ["a branch that is none", [5], ["branches.0"]],
    ["the weight 0", [{ weight: 0, next: "done" }], ["branches.0.weight"]],
    ["a negative weight", [{ weight: -1, next: "done" }], ["branches.0.weight"]],
    ["an endless weight", [{ weight: Number.POSITIVE_INFINITY, next: "done" }], ["branches.0.weight"]],
    ["a weight as text", [{ weight: "1", next: "done" }], ["branches.0.weight"]],
    ["a branch that leads nowhere", [...ways(1), { weight: 1 }], ["branches.1.next"]],
    ["a dangling branch", [...ways(1), { weight: 1, next: "gone" }], ["branches.1.next"]],
  ])("refuses %s", (_what, branches, paths) => {
    expect(stepIssuePaths(split(branches))).toEqual(paths);
  });
});

describe("exit", () => {
  it.each<[string, Record<string, unknown>]>([
    ["nothing more", {}],
    ["a reason", { reason: "not interested" }],
  ])("takes %s", (_what, over) => {
    const step = { id: "first", type: "exit", ...over };
    expect(definitionOf(aJourneyDocument({ steps: [step] })).steps).toEqual([step]);
  });

  it.each([1, "", "r".repeat(256), "\ud800"])("refuses the reason %j", (reason) => {
    expect(stepIssuePaths({ type: "exit", reason })).toEqual(["reason"]);
  });
});
