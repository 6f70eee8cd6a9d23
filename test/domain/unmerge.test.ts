// What two profiles own and hold when their merge is undone.
import { describe, expect, it } from "vitest";
import { identitiesWithout, propertiesWithout } from "../../src/domain/unmerge.ts";
import { identities } from "../support/people.ts";

const emails = (...list: string[]) => identities({ emails: list });

describe("a survivor's identities without the merged profile's", () => {
  it("are in the order they had before the merge", () => {
    const change = { before: emails("a", "b"), after: emails("b", "a", "m") };
    expect(identitiesWithout(emails("b", "a", "m"), emails("m"), change).emails).toEqual(["a", "b"]);
  });

  it("keep an order that changed since", () => {
    const change = { before: emails("a", "b", "c"), after: emails("a", "b", "c", "m") };
    expect(identitiesWithout(emails("c", "a", "b", "m"), emails("m"), change).emails).toEqual(["c", "a", "b"]);
  });

  it("keep what came since where it stands", () => {
    const change = { before: emails("a", "b"), after: emails("b", "a", "m") };
    expect(identitiesWithout(emails("new", "b", "a", "m"), emails("m"), change).emails).toEqual(["new", "a", "b"]);
  });

  it("have back what was let go, at the merge and since, the newest first, as far as there is room", () => {
    const change = { before: emails("a", "b", "c", "d", "e"), after: emails("m", "n", "a", "b", "c") };
    const left = (...current: string[]) => identitiesWithout(emails(...current), emails("m", "n"), change).emails;
    expect(left("m", "n", "a", "b", "c")).toEqual(["a", "b", "c", "d", "e"]);
    expect(left("new", "m", "n", "a", "b")).toEqual(["new", "a", "b", "c", "d"]);
    expect(left("x", "y", "z", "m", "n")).toEqual(["x", "y", "z", "a", "b"]);
    expect(left("v", "w", "x", "y", "z")).toEqual(["v", "w", "x", "y", "z"]);
  });

  it("keep what is there where there is no room for what was newer once", () => {
    const change = { before: emails("a", "b"), after: emails("b", "a", "m") };
    const current = emails("w", "x", "y", "z", "b");
    expect(identitiesWithout(current, emails("m"), change).emails).toEqual(["w", "x", "y", "z", "b"]);
  });

  it("have their own phone back in place of the merged profile's, and no other", () => {
    const change = { before: identities({ phone: "1" }), after: identities({ phone: "2" }) };
    const merged = identities({ phone: "2" });
    expect(identitiesWithout(identities({ phone: "2" }), merged, change).phone).toBe("1");
    expect(identitiesWithout(identities({ phone: "3" }), merged, change).phone).toBe("3");
  });

  it("tell kinds apart", () => {
    const both = identities({ externalId: "x", anonymousIds: ["x"] });
    const change = { before: identities({ externalId: "x" }), after: both };
    expect(identitiesWithout(both, identities({ anonymousIds: ["x"] }), change)).toEqual(
      identities({ externalId: "x" }),
    );
  });
});

describe("a survivor's properties without what was filled", () => {
  it("keep what changed since, what the merge did not fill, and names that objects inherit", () => {
    const survivor = JSON.parse('{"city":"Bergen","plan":"Pro","tags":["a"],"__proto__":1}') as never;
    const merged = JSON.parse('{"city":"Oslo","plan":"Pro","tags":["a"],"__proto__":1}') as never;
    expect(JSON.stringify(propertiesWithout(survivor, merged, ["city", "tags", "toString"]))).toBe(
      '{"city":"Bergen","plan":"Pro","__proto__":1}',
    );
    expect(JSON.stringify(propertiesWithout(survivor, merged, ["__proto__"]))).toBe(
      '{"city":"Bergen","plan":"Pro","tags":["a"]}',
    );
  });
});
