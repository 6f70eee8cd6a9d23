import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../src/domain/json.ts";
import { resolveTemplate, type ResolvedElement, type ResolvedEmail } from "../../src/domain/template-resolve.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";
import { aDefinition, aDefinitionOf } from "../support/template-definitions.ts";
import { HOSTILE_STYLES, HOSTILE_URLS } from "../support/hostile-values.ts";

function resolved(definition: TemplateDefinition, event: Json = {}, profile: JsonObject = {}): ResolvedEmail {
  const result = resolveTemplate(definition, { event, profile, journey: { key: "order-follow-up" } });
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** What stands in the page's body. */
function shown(email: ResolvedEmail): ResolvedElement[] {
  return email.document.children.find(({ type }) => type === "Body")?.children ?? [];
}

/** The props of the one element that a definition has. */
function propsOf(type: string, props: Record<string, Json>, event: Json = {}): Record<string, unknown> {
  return shown(resolved(aDefinitionOf(type, props), event))[0]?.props ?? {};
}

function textFor(text: Json, event: Json = {}): unknown {
  return propsOf("Text", { text }, event)["text"];
}

/** Texts in the order in which they are shown. */
function texts(elements: readonly ResolvedElement[]): unknown[] {
  return elements.flatMap(({ props, children }) => ["text" in props ? props["text"] : [], texts(children)].flat());
}

const LIST = (text: Json, over: Record<string, Json> = {}): Record<string, Json> => ({
  list: { type: "Section", repeat: { statePath: "/event/items" }, children: ["name"] },
  name: { type: "Text", props: { text }, ...over },
});

describe("a text", () => {
  it.each([
    [{ $state: "/event/name" }, "Kim"],
    [{ $state: "/event/total" }, "49.5"],
    [{ $state: "/event/paid" }, "true"],
    [{ $state: "/event/list/1" }, "b"],
    [{ $state: "/event/a~1b/~0c" }, "deep"],
    [{ $state: "/event/" }, "empty key"],
    [{ $state: "/event/nothing" }, ""],
    [{ $state: "/event/none" }, ""],
    [{ $state: "/event/list" }, ""],
    [{ $state: "/event" }, ""],
    [{ $state: "/journey/key" }, "order-follow-up"],
    [{ $template: "${/event/name} owes ${/event/total}, ${/event/none}${/event/list}!" }, "Kim owes 49.5, !"],
    [{ $template: "no place" }, "no place"],
    [{ $template: "" }, ""],
    [{ $cond: { $state: "/event/total", gt: 40 }, $then: { $state: "/event/name" }, $else: "-" }, "Kim"],
    [{ $cond: { $state: "/event/total", gt: 50 }, $then: { $state: "/event/name" }, $else: "-" }, "-"],
    [{ $cond: { $state: "/event/none" }, $then: "a", $else: null }, ""],
  ])("%j gives %j", (text, given) => {
    const event = {
      name: "Kim",
      total: 49.5,
      paid: true,
      none: null,
      list: ["a", "b"],
      "a/b": { "~c": "deep" },
      "": "empty key",
    };
    expect(textFor(text, event)).toBe(given);
  });

  it.each([
    "__proto__",
    "constructor",
    "toString",
    "constructor/name",
    "__proto__/x",
    "list/length",
    "name/length",
    "list/-1",
    "list/01",
    "list/1x",
  ])("reads nothing at /event/%s that the data has not itself", (path) => {
    const email = resolved(aDefinitionOf("Text", { text: { $template: `\${/event/${path}}` } }), {
      list: ["a", "b"],
      name: "Kim",
    });
    expect([texts(shown(email)), email.missingPaths]).toEqual([[""], [`/event/${path}`]]);
  });

  it("reads a key called __proto__ that the data has", () => {
    expect(textFor({ $state: "/event/__proto__" }, JSON.parse('{"__proto__":"mine"}') as Json)).toBe("mine");
  });

  it("is never looked into for expressions when it was read", () => {
    const event = { a: "${/event/secret}", b: { $state: "/event/secret" }, secret: "s3cret" };
    const email = resolved(
      aDefinition(
        { subject: { $state: "/event/a" } },
        { main: { type: "Text", props: { text: { $state: "/event/b" } } } },
      ),
      event,
    );
    expect([email.subject, texts(shown(email))]).toEqual(["${/event/secret}", [""]]);
  });

  it("has no control character and no half of a pair", () => {
    expect(textFor({ $state: "/event/x" }, { x: "a\u0000b\u0007c\u001bd\u007fe\u0085f\tg\nh\ud800i" })).toBe(
      "abcdef\tg\nh\ufffdi",
    );
  });
});

describe("the lines of an e-mail", () => {
  it.each([
    "\r\nBcc: x@example.com",
    "\nBcc: x@example.com",
    "\u2028Bcc: x@example.com",
    "\u0000\r\nBcc: x@example.com",
  ])("stay one line each with %j in them", (value) => {
    const text = { $template: "Hello${/event/x}" };
    const email = resolved(aDefinition({ subject: text, preheader: text, from: text, replyTo: text }), { x: value });
    for (const line of [email.subject, email.preheader, email.from, email.replyTo]) {
      expect(line).toBe("Hello Bcc: x@example.com");
    }
  });

  it("are nothing when they have nothing to say, and a sender without a name is an address", () => {
    const nothing = { $state: "/event/none" };
    const from = { $template: "${/event/none} <shop@example.com>" };
    const email = resolved(aDefinition({ subject: nothing, preheader: nothing, from, replyTo: nothing }));
    expect([email.subject, email.preheader, email.from, email.replyTo]).toEqual(["", null, "shop@example.com", null]);
  });

  it("have at most 998 characters", () => {
    expect(resolved(aDefinition({ subject: { $state: "/event/x" } }), { x: "x".repeat(5_000) }).subject).toHaveLength(
      998,
    );
  });
});

describe("missing paths", () => {
  it("are told once each in the order in which they are read, with what is no text", () => {
    const definition = aDefinition(
      { subject: { $template: "${/event/b} ${/event/a} ${/event/b}" }, preheader: { $state: "/profile/c" } },
      {
        page: { type: "Section", children: ["one", "two", "three"] },
        one: { type: "Text", props: { text: { $state: "/event/object" } } },
        two: { type: "Text", props: { text: { $state: "/event/a" } } },
        three: { type: "Image", props: { src: { $state: "/event/src" }, width: { $state: "/event/width" } } },
      },
    );
    expect(resolved(definition, { object: {} }).missingPaths).toEqual([
      "/event/b",
      "/event/a",
      "/profile/c",
      "/event/object",
      "/event/src",
      "/event/width",
    ]);
  });

  it("are not those of a condition, of what is not shown, or of null", () => {
    const definition = aDefinition(
      {},
      {
        page: { type: "Section", children: ["hidden", "shown"], visible: { $state: "/event/a", exists: false } },
        hidden: { type: "Text", props: { text: { $state: "/event/b" } }, visible: { $state: "/event/c" } },
        shown: {
          type: "Text",
          props: {
            text: { $cond: { $state: "/event/d" }, $then: { $state: "/event/e" }, $else: { $state: "/event/f" } },
          },
        },
      },
    );
    expect(resolved(definition, { f: null }).missingPaths).toEqual([]);
  });

  it("are those of each item, and of a list that is none", () => {
    const items = [{ name: "Mug" }, {}, { name: null }, { name: {} }];
    expect(resolved(aDefinition({}, LIST({ $item: "name" })), { items }).missingPaths).toEqual([
      "/event/items/1/name",
      "/event/items/3/name",
    ]);
    expect(resolved(aDefinition({}, LIST({ $item: "" })), { items: {} }).missingPaths).toEqual(["/event/items"]);
  });

  it("are at most two hundred", () => {
    const email = resolved(aDefinition({}, LIST({ $item: "name" })), {
      items: Array.from({ length: 400 }, () => ({})),
    });
    expect(email.missingPaths).toHaveLength(200);
  });
});

describe("what is repeated", () => {
  it("stands once for each item, with the item and its number below it", () => {
    const definition = aDefinition(
      {},
      {
        list: { type: "Row", repeat: { statePath: "/event/items" }, children: ["name", "count", "last"] },
        name: { type: "Text", props: { text: { $item: "/name" } } },
        count: { type: "Text", props: { text: { $index: true } } },
        last: { type: "Text", props: { text: { $item: "tags/0" } }, visible: { $item: "tags", exists: true } },
      },
    );
    const items = [{ name: "Mug" }, { name: "Cup", tags: ["new"] }];
    const rows = shown(resolved(definition, { items }));
    expect(rows.map(({ type, children }) => [type, texts(children)])).toEqual([
      ["Row", ["Mug", "0"]],
      ["Row", ["Cup", "1", "new"]],
    ]);
  });

  it("sees the inner item in a list inside a list", () => {
    const definition = aDefinition(
      {},
      {
        outer: { type: "Section", repeat: { statePath: "/event/a" }, children: ["inner", "text"] },
        inner: { type: "Section", repeat: { statePath: "/event/b" }, children: ["text"] },
        text: { type: "Text", props: { text: { $item: "" } } },
      },
    );
    expect(texts(shown(resolved(definition, { a: [1, 2], b: ["x"] })))).toEqual(["x", "1", "x", "2"]);
  });

  it.each([[[]], [null], ["text"], [7], [{ length: 3 }]])("is nothing for %j", (items) => {
    expect(shown(resolved(aDefinition({}, LIST("x")), { items }))).toEqual([]);
  });

  it("is refused when it comes to more than a thousand elements, in words without a value", () => {
    expect(texts(shown(resolved(aDefinition({}, LIST({ $item: "" })), { items: Array(500).fill("x") })))).toHaveLength(
      500,
    );
    const items = Array(501).fill("s3cret");
    expect(
      resolveTemplate(aDefinition({}, LIST({ $item: "" })), { event: { items }, profile: {}, journey: {} }),
    ).toEqual({
      ok: false,
      error: expect.stringContaining("1000 elements"),
    });
  });

  it("is refused when elements stand for each other too often", () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`e${i}`, { type: "Section", children: [`e${i + 1}`, `e${i + 1}`] }]),
    );
    const definition = aDefinition({}, { ...doubling, e60: { type: "Hr" } });
    expect(resolveTemplate(definition, { event: {}, profile: {}, journey: {} }).ok).toBe(false);
  });
});

describe("an e-mail that is too large", () => {
  const state = (x: string): JsonObject => ({ event: { x, items: Array(400).fill(x) }, profile: {}, journey: {} });

  it("is refused by its characters, by its Markdown and by how much it reads", () => {
    const large = "x".repeat(2_000);
    expect(resolveTemplate(aDefinition({}, LIST({ $item: "" })), state(large))).toMatchObject({ ok: false });
    const markdown = aDefinitionOf("Markdown", { content: { $state: "/event/x" } });
    expect(resolveTemplate(markdown, state("x".repeat(70_000)))).toMatchObject({ ok: false });
    const reads = { $template: "${/event/none}".repeat(100) };
    expect(resolveTemplate(aDefinition({}, LIST(reads)), state("x"))).toMatchObject({ ok: false });
  });

  it.each([
    ["its written styles", { style: Object.fromEntries(["a", "b", "c", "d", "e"].map((n) => [n, "x".repeat(290)])) }],
    ["styles that were read", { style: { $state: "/event/style" } }],
  ])("is refused by %s, as often as they are drawn", (_, props) => {
    const style = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, "x".repeat(290)]));
    const list = LIST("x", { props: { text: "x", ...props } });
    const result = resolveTemplate(aDefinition({}, list), {
      event: { items: Array(400).fill(0), style },
      profile: {},
      journey: {},
    });
    expect(result).toEqual({ ok: false, error: expect.stringContaining("characters") });
  });

  it.each<[string, Record<string, Json>, Json]>([
    ["hidden elements", { visible: false }, {}],
    ["pictures that cannot be shown", { type: "Image", props: { src: { $index: true } } }, {}],
  ])("is refused by %s, which take their time too", (_, over, event) => {
    const list = { ...LIST("x", over), list: { type: "Section", repeat: { statePath: "/event/items" } } };
    const children = Array<string>(300).fill("name");
    const definition = aDefinition({}, { ...list, list: { ...list.list, children } });
    const items = Array(400).fill(0);
    expect(
      resolveTemplate(definition, { event: { ...(event as JsonObject), items }, profile: {}, journey: {} }),
    ).toEqual({ ok: false, error: expect.stringContaining("20000") });
  });

  it.each<[string, Json, number]>([
    ["literal conditions", { $or: [...Array<boolean>(150).fill(false), true] }, 400],
    ["comparisons of long lists", { $state: "/event/list", eq: { $state: "/event/same" } }, 40],
    ["comparisons with long lists", { $item: "", in: Array(40_000).fill(1) }, 40],
    ["searches in long lists", { $state: "/event/list", contains: 1 }, 40],
    ["searches of long texts in long texts", { $state: "/event/text", contains: { $state: "/event/part" } }, 400],
  ])("is refused by %s, as often as they are evaluated", (_, visible, count) => {
    const long = (): number[] => Array<number>(40_000).fill(0);
    const event = {
      items: Array<number>(count).fill(0),
      list: long(),
      same: long(),
      text: "a".repeat(32_000),
      part: `${"a".repeat(8_000)}b${"a".repeat(8_000)}`,
    };
    const result = resolveTemplate(aDefinition({}, LIST("x", { visible })), { event, profile: {}, journey: {} });
    expect(result).toEqual({ ok: false, error: expect.stringContaining("20000") });
  });

  it("is not refused for comparing short values often", () => {
    const visible = {
      $and: [
        { $item: "", in: ["a", "b", "c"] },
        { $state: "/event/tags", contains: "new" },
      ],
    };
    const event = { items: Array(490).fill("a"), tags: [...Array(50).fill("old"), "new"] };
    const result = resolveTemplate(aDefinition({}, LIST("x", { visible })), { event, profile: {}, journey: {} });
    expect(result.ok).toBe(true);
  });

  it("is not refused just below", () => {
    expect(resolveTemplate(aDefinition({}, LIST({ $item: "" })), state("x".repeat(600)))).toMatchObject({ ok: true });
  });
});

describe("a prop", () => {
  it.each(HOSTILE_URLS)("leads nowhere when %j was read", (url) => {
    expect(propsOf("Link", { text: "x", href: { $state: "/event/url" } }, { url })).toEqual({ text: "x" });
    expect(propsOf("Image", { src: { $state: "/event/url" } }, { url })).toEqual({});
  });

  it("leads where a safe address does, whole or put together", () => {
    const event = { url: " https://example.com/a ", id: "7" };
    expect(propsOf("Button", { text: "x", href: { $state: "/event/url" } }, event)["href"]).toBe(
      "https://example.com/a",
    );
    const href = { $template: "https://example.com/${/event/id}" };
    expect(propsOf("Button", { text: "x", href }, event)["href"]).toBe("https://example.com/7");
    const cut = { $template: "${/event/scheme}:alert(${/event/id})" };
    expect(propsOf("Button", { text: "x", href: cut }, { ...event, scheme: "javascript" })).not.toHaveProperty("href");
  });

  it.each(HOSTILE_STYLES)("is not styled by %j when it was read", (value) => {
    const event = { value: value as Json, style: { color: value as Json, fontSize: 12, "x;y": "z", behavior: "x" } };
    const one = propsOf("Text", { text: "x", style: { color: { $state: "/event/value" } } }, event);
    const all = propsOf("Text", { text: "x", style: { $state: "/event/style" } }, event);
    expect([one["style"], all["style"]]).toEqual([{}, { fontSize: 12 }]);
  });

  it("takes no expression out of a style that was read", () => {
    const event = { style: { color: { $state: "/event/secret" } }, secret: "red" };
    expect(propsOf("Text", { text: "x", style: { $state: "/event/style" } }, event)["style"]).toEqual({});
  });

  it("chooses between styles, and between the values of one", () => {
    const style = {
      $cond: { $state: "/event/vip" },
      $then: { color: "gold" },
      $else: { color: { $state: "/event/c" } },
    };
    expect(propsOf("Text", { text: "x", style }, { vip: true })["style"]).toEqual({ color: "gold" });
    expect(propsOf("Text", { text: "x", style }, { c: "red" })["style"]).toEqual({ color: "red" });
  });

  it.each([
    ["Heading", "as", "h3", "script"],
    ["Html", "dir", "rtl", "up"],
    ["Html", "lang", "de", 'en" onload="x'],
    ["Image", "width", 40, "40"],
    ["Image", "height", 0, -1],
  ])("of %s, %s, can be %j and is left out as %j", (type, prop, good, bad) => {
    const read = (value: Json): unknown => {
      const page = {
        main: { type, props: { text: "x", src: "https://example.com/a.png", [prop]: { $state: "/event/x" } } },
      };
      const { document } = resolved(aDefinition({}, page), { x: value });
      const element =
        type === "Html" ? document : document.children.find((child) => child.type === "Body")?.children[0];
      return element?.props[prop];
    };
    expect([read(good), read(bad), read({}), read(null)]).toEqual([good, undefined, undefined, undefined]);
  });

  it("of a button has no padding that would be too wide", () => {
    const style = { padding: { $state: "/event/x" }, paddingLeft: { $state: "/event/x" }, color: "red" };
    const button = { text: "x", href: "https://example.com", style };
    expect(propsOf("Button", button, { x: "999999999px" })["style"]).toEqual({ color: "red" });
    expect(propsOf("Button", button, { x: 1e9 })["style"]).toEqual({ color: "red" });
  });

  it("of Markdown keeps what is put into it apart from what is written", () => {
    const content = { $template: "**${/event/a}** and ${/event/none}\ue000" };
    expect(propsOf("Markdown", { content }, { a: "*x*" })["content"]).toEqual({
      source: "**\ue000** and \ue001",
      values: ["*x*", ""],
    });
    expect(propsOf("Markdown", { content: { $state: "/event/a" } }, { a: "*x*\ue000" })["content"]).toEqual({
      source: "*x*",
      values: [],
    });
  });

  it("of Markdown styles only what Markdown makes", () => {
    const markdownCustomStyles = { h1: { color: "red" }, script: { color: "red" }, p: { $state: "/event/p" } };
    const event = { p: { color: "blue", x: "a;b" } };
    expect(propsOf("Markdown", { content: "x", markdownCustomStyles }, event)["markdownCustomStyles"]).toEqual({
      h1: { color: "red" },
      p: { color: "blue" },
    });
  });
});

describe("the document", () => {
  const names = ({ type, children }: ResolvedElement): unknown =>
    children.length === 0 ? type : [type, ...children.map(names)];
  const TEXT = { type: "Text", props: { text: "x" } };

  it.each([
    [{ main: TEXT }, ["Html", "Head", ["Body", "Preview", "Text"]]],
    [{ body: { type: "Body", children: ["main"] }, main: TEXT }, ["Html", "Head", ["Body", "Preview", "Text"]]],
    [{ page: { type: "Html", children: ["main"] }, main: TEXT }, ["Html", "Head", ["Body", "Preview", "Text"]]],
    [
      {
        page: { type: "Html", children: ["head", "body"] },
        head: { type: "Head" },
        body: { type: "Body", children: ["main"] },
        main: TEXT,
      },
      ["Html", "Head", ["Body", "Preview", "Text"]],
    ],
    [{ page: { type: "Html", visible: false } }, ["Html", "Head", ["Body", "Preview"]]],
  ])("of %j is whole, its preheader first", (elements, whole) => {
    expect(names(resolved(aDefinition({ preheader: "Soon" }, elements as Record<string, Json>)).document)).toEqual(
      whole,
    );
  });
});
