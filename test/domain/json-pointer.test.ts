import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/domain/json.ts";
import { parsePointer, resolvePointer } from "../../src/domain/json-pointer.ts";

function escapeToken(token: string): string {
  return token.replaceAll("~", "~0").replaceAll("/", "~1");
}

function at(pointer: string, root: Json): Json | undefined {
  const parsed = parsePointer(pointer);
  if (!parsed.ok) throw new Error(parsed.error);
  return resolvePointer(root, parsed.value);
}

describe("parsePointer", () => {
  it.each([
    ["", []],
    ["/", [""]],
    ["/a/b", ["a", "b"]],
    ["/a/", ["a", ""]],
    ["//", ["", ""]],
    ["/a~1b", ["a/b"]],
    ["/m~0n", ["m~n"]],
    ["/~01", ["~1"]],
    ["/~0~1", ["~/"]],
    ["/%41 ", ["%41 "]],
  ])("splits %j", (pointer, tokens) => {
    expect(parsePointer(pointer)).toEqual({ ok: true, value: tokens });
  });

  it.each(["a", "secret-name/x", "~", " /a"])("refuses %j, which does not begin with a slash", (pointer) => {
    expect(parsePointer(pointer)).toEqual({ ok: false, error: expect.stringContaining('start with "/"') });
  });

  it.each(["/~", "/a~", "/~2", "/a/~x/b", "/~~0"])("refuses the escape in %j", (pointer) => {
    expect(parsePointer(pointer)).toEqual({ ok: false, error: expect.stringContaining('"~" must be followed') });
  });

  it.each(["secret-name", "/secret-name~"])("keeps %j out of its message", (pointer) => {
    expect(JSON.stringify(parsePointer(pointer))).not.toContain("secret-name");
  });

  it("gives back any tokens that were escaped into a pointer", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("~", "/", "0", "1", "a", "é") })), (tokens) => {
        const pointer = tokens.map((token) => `/${escapeToken(token)}`).join("");
        expect(parsePointer(pointer)).toEqual({ ok: true, value: tokens });
      }),
    );
  });
});

describe("resolvePointer", () => {
  // The examples of RFC 6901, section 5.
  const rfc: Json = {
    foo: ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
  };
  it.each<[string, Json]>([
    ["", rfc],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/e^f", 3],
    ["/g|h", 4],
    ["/i\\j", 5],
    ['/k"l', 6],
    ["/ ", 7],
    ["/m~0n", 8],
  ])("finds %j in the document of the specification", (pointer, value) => {
    expect(at(pointer, rfc)).toEqual(value);
  });

  it.each([
    "/foo/00",
    "/foo/01",
    "/foo/-",
    "/foo/-1",
    "/foo/+1",
    "/foo/1.0",
    "/foo/2",
    "/foo/",
    "/foo/length",
    "/foo/1e0",
  ])("finds nothing at the array index of %j", (pointer) => {
    expect(at(pointer, rfc)).toBeUndefined();
  });

  it.each(["/toString", "/__proto__", "/constructor/name", "/text/length", "/text/0", "/none/x", "/nil/x", "/foo/map"])(
    "finds nothing at %j, which no object holds itself",
    (pointer) => {
      expect(at(pointer, { text: "abc", nil: null, foo: [] })).toBeUndefined();
    },
  );

  it("finds __proto__ where it is data", () => {
    expect(at("/__proto__/x", JSON.parse('{"__proto__":{"x":1}}') as Json)).toBe(1);
  });

  it("finds null as a value", () => {
    expect(at("/nil", { nil: null })).toBeNull();
  });

  it("finds nothing where there is no root", () => {
    expect(resolvePointer(undefined, [])).toBeUndefined();
    expect(resolvePointer(undefined, ["a"])).toBeUndefined();
  });

  it("finds every value that was put at its path", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 6 }), fc.jsonValue(), (tokens, value) => {
        const root = tokens.reduceRight<Json>((inner, token) => Object.fromEntries([[token, inner]]), value as Json);
        expect(at(tokens.map((token) => `/${escapeToken(token)}`).join(""), root)).toBe(value);
      }),
    );
  });
});
