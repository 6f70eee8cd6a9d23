import { describe, expect, it } from "vitest";
import { checkedStep, stepIssuePaths } from "../journey-document.ts";

const update = (over: Record<string, unknown>) => ({ type: "update_profile", ...over });

describe("update_profile", () => {
  it.each<[string, Record<string, unknown>]>([
    ["literals of every kind", { set: { a: 1, b: "x", c: null, d: [1, { e: 2 }], f: { g: true } } }],
    ["values from paths", { set: { lastOrder: { $state: "/event/orderId" } } }],
    ["unset alone", { unset: ["trial"] }],
    ["an empty set beside unset", { set: {}, unset: ["trial"] }],
    ["a name of 255 characters", { set: { ["n".repeat(255)]: 1 } }],
  ])("takes %s", (_what, over) => {
    expect(checkedStep(update(over))).toEqual({ id: "first", ...update(over) });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["neither set nor unset", {}, [""]],
    ["nothing in either", { set: {}, unset: [] }, [""]],
    ["an empty name", { set: { "": 1 } }, ["set"]],
    ["a name of 256 characters", { unset: ["n".repeat(256)] }, ["unset.0"]],
    ["a name with a lone surrogate", { unset: ["a", "\ud800"] }, ["unset.1"]],
    ["a name of another type", { unset: [1] }, ["unset.0"]],
    ["unset that is no list", { unset: "trial" }, ["unset"]],
    ["a path to nowhere", { set: { a: { $state: "/orderId" } } }, ["set.a"]],
    ["a path with company", { set: { a: { $state: "/event/a", b: 1 } } }, ["set.a"]],
    ["a name both set and unset", { set: { a: 1 }, unset: ["a"] }, [""]],
  ])("refuses %s", (_what, over, paths) => {
    expect(stepIssuePaths(update(over))).toEqual(paths);
  });

  it("refuses set that is no object", () => {
    expect(stepIssuePaths(update({ set: [1] }))).toContain("set");
  });

  it("keeps values as they were sent, whatever their names", () => {
    const set = '{"__proto__":{"x":1},"constructor":2}';
    expect(JSON.stringify(checkedStep(update({ set: JSON.parse(set) })))).toContain(`"set":${set}`);
  });
});
