import { describe, expect, it } from "vitest";
import { checkedStep, stepIssuePaths } from "../journey-document.ts";

const EMAIL = { type: "email", template: "order-thanks" };

describe("email", () => {
  it.each<[string, Record<string, unknown>]>([
    ["a template alone", {}],
    ["an address", { to: "ann@example.com" }],
    ["an address from a path", { to: { $state: "/event/contact/email" } }],
    ["transactional", { transactional: true }],
    ["next", { next: "done" }],
  ])("takes %s", (_what, over) => {
    expect(checkedStep({ ...EMAIL, ...over })).toEqual({ id: "first", ...EMAIL, ...over });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ["no template", { template: undefined }, ["template"]],
    ["an empty template", { template: "" }, ["template"]],
    ["a template key of 256 characters", { template: "t".repeat(256) }, ["template"]],
    ["a recipient of another type", { to: 5 }, ["to"]],
    ["a recipient that is no address", { to: "ann" }, ["to"]],
    ["several recipients in one text", { to: "ann@example.com, bob@example.com" }, ["to"]],
    ["an address of 321 characters", { to: `${"a".repeat(310)}@example.co` }, ["to"]],
    ["a path to nowhere", { to: { $state: "/data/email" } }, ["to.$state"]],
    ["company for a path", { to: { $state: "/profile/email", or: "x" } }, ["to"]],
    ["transactional as text", { transactional: "yes" }, ["transactional"]],
  ])("refuses %s", (_what, over, paths) => {
    expect(stepIssuePaths({ ...EMAIL, ...over })).toEqual(paths);
  });
});
