import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/domain/json.ts";
import { fillBlanks, patchProperties } from "../../src/domain/properties.ts";

/** As parsed from a request: names such as `__proto__` are own properties. */
const parsed = (text: string): JsonObject => JSON.parse(text) as JsonObject;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

describe("patchProperties", () => {
  it.each([
    ["adds a name", '{"a":1}', '{"b":2}', '{"a":1,"b":2}'],
    ["replaces a value whole, objects too", '{"a":{"x":1,"y":2}}', '{"a":{"x":3}}', '{"a":{"x":3}}'],
    ["removes a name with null", '{"a":1,"b":2}', '{"a":null}', '{"b":2}'],
    ["keeps null inside a value", "{}", '{"a":{"x":null},"b":[null]}', '{"a":{"x":null},"b":[null]}'],
    ["takes __proto__ as a name like any other", "{}", '{"__proto__":{"admin":true}}', '{"__proto__":{"admin":true}}'],
    ["removes __proto__ like any other", '{"__proto__":1,"a":1}', '{"__proto__":null}', '{"a":1}'],
    [
      "takes constructor and toString as names",
      "{}",
      '{"constructor":1,"toString":2}',
      '{"constructor":1,"toString":2}',
    ],
    ["tells 1 from true and from text", '{"a":1}', '{"a":"1"}', '{"a":"1"}'],
  ])("%s", (_, current, patch, expected) => {
    expect(JSON.stringify(patchProperties(parsed(current), parsed(patch)))).toBe(expected);
  });

  it.each([
    ["the same value", '{"a":1}', '{"a":1}'],
    ["the same object in another order of names", '{"a":{"x":1,"y":2}}', '{"a":{"y":2,"x":1}}'],
    ["nothing", '{"a":1}', "{}"],
    ["null for a name that is not there", '{"a":1}', '{"b":null,"toString":null,"__proto__":null}'],
  ])("says that nothing changes for %s", (_, current, patch) => {
    expect(patchProperties(parsed(current), parsed(patch))).toBeNull();
  });

  it("leaves the objects it was given as they were", () => {
    const [current, patch] = [Object.freeze(parsed('{"a":1}')), Object.freeze(parsed('{"a":2,"b":null}'))];
    expect(patchProperties(current, patch)).toEqual({ a: 2 });
  });

  it("is done once: applying an update again changes nothing", () => {
    const object = fc.dictionary(fc.constantFrom("a", "b", "__proto__", "c"), fc.jsonValue({ maxDepth: 2 }));
    fc.assert(
      fc.property(object, object, (current, patch) => {
        const clean = parsed(JSON.stringify(current));
        const once = patchProperties(clean, parsed(JSON.stringify(patch))) ?? clean;
        expect(patchProperties(once, parsed(JSON.stringify(patch)))).toBeNull();
      }),
    );
  });
});

describe("fillBlanks", () => {
  it("takes what the survivor has none of, and its own values win", () => {
    expect(
      fillBlanks({ plan: "Pro", seats: 0, note: "" }, { plan: "Free", city: "Oslo", seats: 9, note: "x" }, NO_LIMIT),
    ).toEqual({
      properties: { plan: "Pro", seats: 0, note: "", city: "Oslo" },
      filled: ["city"],
    });
  });

  it("takes __proto__ as a name like any other", () => {
    const { properties, filled } = fillBlanks({}, parsed('{"__proto__":{"admin":true}}'), NO_LIMIT);
    expect([JSON.stringify(properties), filled]).toEqual(['{"__proto__":{"admin":true}}', ["__proto__"]]);
  });

  it("leaves what there is no room for, in bytes of UTF-8, and goes on with what fits", () => {
    const merged = { big: "x".repeat(100), small: "é" };
    expect(fillBlanks({}, merged, 14).filled).toEqual(["small"]);
    expect(fillBlanks({}, merged, 13).filled).toEqual([]);
    expect(fillBlanks({}, merged, -5)).toEqual({ properties: {}, filled: [] });
  });
});
