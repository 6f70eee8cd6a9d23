import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/domain/json.ts";
import { changeProperties, type ListEdits } from "../../src/domain/properties.ts";

/** As parsed from a request: names such as `__proto__` are own properties. */
const parsed = (text: string): JsonObject => JSON.parse(text) as JsonObject;

function edited(current: string, { append = "{}", unappend = "{}" }: { append?: string; unappend?: string }): string {
  const lists = { append: parsed(append), unappend: parsed(unappend) };
  return JSON.stringify(changeProperties(parsed(current), { patch: {}, lists }));
}

describe("appending", () => {
  it.each([
    ["adds a value at the end of a list", '{"a":[1]}', '{"a":2}', '{"a":[1,2]}'],
    ["adds a list's values one by one", '{"a":[1]}', '{"a":[2,3]}', '{"a":[1,2,3]}'],
    ["makes a list where there is none", "{}", '{"a":1}', '{"a":[1]}'],
    ["makes a list of a single value", '{"a":"x"}', '{"a":"y"}', '{"a":["x","y"]}'],
    ["adds no value that is there already", '{"a":[1,{"x":1}]}', '{"a":[{"x":1},2,2]}', '{"a":[1,{"x":1},2]}'],
    ["keeps what a list has twice", '{"a":[1,1]}', '{"a":2}', '{"a":[1,1,2]}'],
    ["tells 1 from text", '{"a":[1]}', '{"a":"1"}', '{"a":[1,"1"]}'],
    ["takes __proto__ for a name like any other", "{}", '{"__proto__":1}', '{"__proto__":[1]}'],
    ["looks at own properties only", "{}", '{"toString":1}', '{"toString":[1]}'],
  ])("%s", (_, current, append, expected) => {
    expect(edited(current, { append })).toBe(expected);
  });
});

describe("taking out", () => {
  it.each([
    ["takes a value out wherever it stands", '{"a":[1,2,1]}', '{"a":1}', '{"a":[2]}'],
    ["takes a list's values out one by one", '{"a":[1,2,3]}', '{"a":[1,3]}', '{"a":[2]}'],
    ["leaves an empty list", '{"a":[1]}', '{"a":1}', '{"a":[]}'],
  ])("%s", (_, current, unappend, expected) => {
    expect(edited(current, { unappend })).toBe(expected);
  });

  it("comes after appending", () => {
    expect(edited('{"a":[1]}', { append: '{"a":[2,3]}', unappend: '{"a":[1,3]}' })).toBe('{"a":[2]}');
  });
});

describe("a change", () => {
  it.each([
    ["a value that is there", '{"a":[1]}', { append: '{"a":1}' }],
    ["a value that is not there", '{"a":[1],"b":1}', { unappend: '{"a":2,"b":1,"c":1,"toString":1}' }],
    ["nothing", '{"a":[1]}', { append: '{"a":[],"b":null}' }],
  ])("says that nothing changes for %s", (_, current, edits) => {
    expect(edited(current, edits)).toBe("null");
  });

  it("applies edits to what the patch has left", () => {
    const lists = { append: { tags: "b" }, unappend: {} };
    expect(changeProperties({ tags: ["a"], old: 1 }, { patch: { tags: ["x"], old: null }, lists })).toEqual({
      tags: ["x", "b"],
    });
    expect(changeProperties({ tags: ["a"] }, { patch: { tags: null }, lists })).toEqual({ tags: ["b"] });
  });

  it("is a patch alone where there are no edits", () => {
    expect(changeProperties({ a: 1 }, { patch: { a: 2 }, lists: null })).toEqual({ a: 2 });
    expect(changeProperties({ a: 1 }, { patch: { a: 1 }, lists: null })).toBeNull();
  });

  it("is done once: the same change again changes nothing", () => {
    const name = fc.constantFrom("a", "b", "__proto__");
    const values = fc.dictionary(name, fc.jsonValue({ maxDepth: 1 }));
    const properties = (value: unknown): JsonObject => parsed(JSON.stringify(value));
    fc.assert(
      fc.property(values, values, (current, append) => {
        const lists: ListEdits = { append: properties(append), unappend: {} };
        const clean = properties(current);
        const once = changeProperties(clean, { patch: {}, lists }) ?? clean;
        expect(changeProperties(once, { patch: {}, lists })).toBeNull();
      }),
    );
  });
});
