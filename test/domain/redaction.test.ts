import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonObject, type Json, type JsonObject } from "../../src/domain/json.ts";
import { parseRedactionPath, redact } from "../../src/domain/redaction.ts";

const MARKER = "marker-7f3c9a";

function parsed(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

describe("parseRedactionPath", () => {
  it.each([
    ["/event/", [""]],
    ["/event/a", ["a"]],
    ["/event/a/", ["a", ""]],
    ["/event/payment/token", ["payment", "token"]],
    ["/event/a~1b/m~0n", ["a/b", "m~n"]],
  ])("splits %s", (path, tokens) => {
    expect(parseRedactionPath(path)).toEqual({ ok: true, value: tokens });
  });

  it.each(["", "/event", "/events/a", "event/a", "/profile/a", "/Event/a"])("refuses %j", (path) => {
    expect(parseRedactionPath(path).ok).toBe(false);
  });

  it("refuses a bad escape without naming the path", () => {
    const result = parseRedactionPath("/event/secret-name~2");
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain("secret-name");
  });
});

describe("redact", () => {
  it.each<[string, string, string[], string]>([
    ["removes a property", '{"a":1,"b":2}', ["/event/a"], '{"b":2}'],
    ["removes a nested property", '{"a":{"b":1,"c":2}}', ["/event/a/b"], '{"a":{"c":2}}'],
    ["removes a subtree", '{"a":{"b":{"c":1}},"d":1}', ["/event/a"], '{"d":1}'],
    ["leaves an emptied object", '{"a":{"b":1}}', ["/event/a/b"], '{"a":{}}'],
    ["turns an array element into null", '{"a":[1,2,3]}', ["/event/a/1"], '{"a":[1,null,3]}'],
    ["removes below an array element", '{"a":[{"b":1,"c":2}]}', ["/event/a/0/b"], '{"a":[{"c":2}]}'],
    ["removes null", '{"a":null}', ["/event/a"], "{}"],
    ["takes escapes apart", '{"a/b":1,"m~n":2,"x~1y":3}', ["/event/a~1b", "/event/m~0n", "/event/x~01y"], "{}"],
    ["removes the empty key", '{"":1,"a":2}', ["/event/"], '{"a":2}'],
    ["removes an empty key below another", '{"a":{"":1,"b":2}}', ["/event/a/"], '{"a":{"b":2}}'],
    ["passes over a missing path", '{"a":{"b":1}}', ["/event/x", "/event/a/x", "/event/a/b/c"], '{"a":{"b":1}}'],
    [
      "passes over indices that are none",
      '{"a":[1,2]}',
      ["/event/a/01", "/event/a/-", "/event/a/2", "/event/a/length"],
      '{"a":[1,2]}',
    ],
    [
      "passes over inherited properties",
      '{"a":1}',
      ["/event/toString", "/event/__proto__/x", "/event/constructor"],
      '{"a":1}',
    ],
    ["removes __proto__ where it is data", '{"__proto__":{"x":1},"a":1}', ["/event/__proto__"], '{"a":1}'],
    ["removes below __proto__", '{"__proto__":{"x":1,"y":2}}', ["/event/__proto__/x"], '{"__proto__":{"y":2}}'],
    [
      "keeps __proto__ and constructor while it copies",
      '{"__proto__":{"x":1},"constructor":2,"a":1}',
      ["/event/a"],
      '{"__proto__":{"x":1},"constructor":2}',
    ],
    ["takes a path twice", '{"a":[1]}', ["/event/a/0", "/event/a/0"], '{"a":[null]}'],
    ["takes a path inside a removed one", '{"a":{"b":1}}', ["/event/a", "/event/a/b"], "{}"],
    [
      "takes a path inside an element that is null by now",
      '{"a":[{"b":1}]}',
      ["/event/a/0", "/event/a/0/b"],
      '{"a":[null]}',
    ],
    [
      "removes several places of one object",
      '{"a":{"b":1,"c":2,"d":3}}',
      ["/event/a/b", "/event/a/c"],
      '{"a":{"d":3}}',
    ],
  ])("%s", (_title, data, paths, expected) => {
    expect(JSON.stringify(redact(parsed(data), paths))).toBe(expected);
  });

  it("leaves the payload it was given as it is", () => {
    const text = '{"a":{"b":[1,{"c":2}]},"__proto__":{"x":1}}';
    const data = parsed(text);
    redact(data, ["/event/a/b/1/c", "/event/a/b/0", "/event/__proto__/x"]);
    expect(JSON.stringify(data)).toBe(text);
  });

  it("gives the very same payload when there is nothing to remove", () => {
    const data = parsed('{"a":1}');
    expect(redact(data, [])).toBe(data);
    expect(redact(data, ["/event/x"])).toBe(data);
  });

  it("leaves null, not a hole, in an array", () => {
    expect(redact({ a: [1, 2] }, ["/event/a/0"])).toStrictEqual({ a: [null, 2] });
  });

  it("changes no prototype", () => {
    const result = redact(parsed('{"__proto__":{"x":1},"a":{"__proto__":{"y":1},"b":1}}'), ["/event/a/b"]);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(result.a)).toBe(Object.prototype);
  });

  it("throws for a path that was never checked, rather than keep the secret", () => {
    expect(() => redact({ a: 1 }, ["/profile/a"])).toThrow("not checked");
  });

  const key = fc.oneof(
    fc.constantFrom("", "a", "b", "0", "1", "~", "/", "~1", "__proto__", "constructor", "length"),
    fc.string({ maxLength: 3 }),
  );
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.string({ maxLength: 3 })),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie("tree")), { maxLength: 4 }).map((entries): Json => Object.fromEntries(entries)),
    ),
  }));
  const payload = fc
    .array(fc.tuple(key, tree), { minLength: 1, maxLength: 4 })
    .map((entries) => Object.fromEntries(entries));

  /** Every place of a payload as tokens, containers included. */
  function places(value: Json, above: string[] = []): string[][] {
    const below = typeof value === "object" && value !== null ? Object.entries(value) : [];
    return below.flatMap(([token, child]) => [[...above, token], ...places(child, [...above, token])]);
  }

  function pathTo(tokens: readonly string[]): string {
    return `/event${tokens.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")}`;
  }

  /** The value with another one at a place, rebuilt through entries so that it shares no method with the code under test. */
  function withValueAt(value: Json, [token, ...rest]: readonly string[], put: Json): Json {
    if (token === undefined) return put;
    if (Array.isArray(value))
      return value.map((item, i) => (String(i) === token ? withValueAt(item, rest, put) : item));
    if (!isJsonObject(value)) throw new Error("a place leads through a container");
    return Object.fromEntries(
      Object.entries(value).map(([name, child]) => [name, name === token ? withValueAt(child, rest, put) : child]),
    );
  }

  const payloadAndPlace = payload.chain((data) => fc.constantFrom(...places(data)).map((place) => ({ data, place })));

  it("leaves no trace of a value at any place, and everything else as it was", () => {
    fc.assert(
      fc.property(payloadAndPlace, ({ data, place }) => {
        const text = JSON.stringify(withValueAt(data, place, MARKER));
        expect(text).toContain(MARKER);
        const result = JSON.stringify(redact(parsed(text), [pathTo(place)]));
        expect(result).not.toContain(MARKER);
        // A reviver that gives nothing removes a property, and leaves a hole in an array, which is written as null.
        expect(result).toBe(JSON.stringify(JSON.parse(text, (_key, value) => (value === MARKER ? undefined : value))));
      }),
    );
  });

  it("leaves no trace of a subtree at any place", () => {
    fc.assert(
      fc.property(payloadAndPlace, ({ data, place }) => {
        const marked = withValueAt(data, place, { [MARKER]: [{ deep: MARKER }] }) as JsonObject;
        expect(JSON.stringify(redact(marked, [pathTo(place)]))).not.toContain(MARKER);
      }),
    );
  });

  it("gives the same for any order of the paths", () => {
    const payloadAndOrders = payload.chain((data) => {
      const paths = places(data).map(pathTo);
      return fc
        .subarray(paths)
        .chain((some) =>
          fc.tuple(fc.constant(data), fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })),
        );
    });
    fc.assert(
      fc.property(payloadAndOrders, ([data, paths, shuffled]) => {
        expect(JSON.stringify(redact(data, shuffled))).toBe(JSON.stringify(redact(data, paths)));
      }),
    );
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(payloadAndPlace, ({ data, place }) => {
        const once = redact(data, [pathTo(place)]);
        expect(redact(once, [pathTo(place)])).toEqual(once);
      }),
    );
  });
});
