import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/domain/json.ts";
import { compileDocument, compileValue, jsonFits, jsonSize } from "../../src/domain/state-values.ts";

const SCOPE = { event: () => ({ id: "o1", none: null, list: [1] }), profile: () => ({ plan: "Pro" }) };

describe("compileValue", () => {
  it.each<[Json, Json | undefined]>([
    ["text", "text"],
    [{ $state: "/event/id" }, "o1"],
    [{ $state: "/event/none" }, null],
    [{ $state: "/event/missing" }, undefined],
    [{ $state: "/profile" }, { plan: "Pro" }],
    [{ a: { $state: "/event/id" } }, { a: { $state: "/event/id" } }],
  ])("reads %j", (value, expected) => {
    expect(compileValue(value)(SCOPE)).toEqual(expected);
  });

  it("refuses a path that was not checked", () => {
    expect(() => compileValue({ $state: "/nowhere/x" })).toThrow("not checked");
  });
});

describe("compileDocument", () => {
  it("fills references at any depth, with null where one leads nowhere", () => {
    const document = {
      a: [{ b: { $state: "/event/id" } }, { $state: "/event/missing" }],
      c: 1,
      d: { $state: "/event/list" },
    };
    expect(compileDocument(document)(SCOPE)).toEqual({ a: [{ b: "o1" }, null], c: 1, d: [1] });
  });

  it("keeps a key called __proto__ as data", () => {
    const document = JSON.parse('{"__proto__": {"$state": "/event/id"}}') as Json;
    expect(JSON.stringify(compileDocument(document)(SCOPE))).toBe('{"__proto__":"o1"}');
  });
});

describe("jsonFits", () => {
  it("counts the bytes of the JSON text", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (any) => {
        const bytes = new TextEncoder().encode(JSON.stringify(any)).byteLength;
        expect(jsonFits(any as Json, bytes)).toBe(true);
        expect(jsonFits(any as Json, bytes - 1)).toBe(false);
      }),
    );
  });
});

describe("jsonSize", () => {
  it("looks into a large place once, however often it is named and asked about", () => {
    let looks = 0;
    const place = new Proxy([1, "two", { three: [3] }], {
      ownKeys: (target) => {
        looks += 1;
        return Reflect.ownKeys(target);
      },
    });
    const alone = JSON.stringify(place).length;
    looks = 0;
    expect(jsonSize({ a: place, b: [place, place] })).toBe(3 * alone + '{"a":,"b":[,]}'.length);
    expect(jsonSize({ a: place })).toBe(alone + '{"a":}'.length);
    expect(looks).toBe(1);
  });
});
