import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/domain/json.ts";
import { templateDefinitionSchema } from "../../src/domain/template.ts";
import { aDefinition, aDefinitionOf } from "../support/template-definitions.ts";
import { HOSTILE_STYLES, HOSTILE_URLS } from "../support/hostile-values.ts";

/** Path to message of everything that is wrong with a definition. */
function issuesOf(definition: unknown): Record<string, string> {
  const result = v.safeParse(templateDefinitionSchema, definition);
  return Object.fromEntries((result.issues ?? []).map((issue) => [v.getDotPath(issue) ?? "", issue.message]));
}

function pathsOf(definition: unknown): string[] {
  return Object.keys(issuesOf(definition));
}

/** What is wrong with one prop of one element, less the way there. */
function propPaths(type: string, props: Record<string, Json>): string[] {
  return pathsOf(aDefinitionOf(type, props)).map((path) => path.replace("body.elements.main.", ""));
}

const REPEATED = {
  list: { type: "Section", repeat: { statePath: "/event/items" }, children: ["name"] },
  name: { type: "Text", props: { text: { $item: "name" } } },
};

describe("a template's definition", () => {
  it("passes as it is, less the fields that there are not", () => {
    const definition = aDefinition({
      subject: { $template: "Order ${/event/orderId} of ${/profile/firstName}" },
      preheader: { $state: "/journey/name" },
      from: "Shop <shop@example.com>",
      replyTo: { $state: "/event/support" },
      sensitiveTransactionalVariablePaths: ["/event/token", "/event/a~1b/0"],
    });
    const parsed = v.parse(templateDefinitionSchema, { ...definition, more: 1 });
    expect(parsed).toEqual(definition);
  });

  it.each([
    [{ subject: "" }, "subject"],
    [{ subject: "two\nlines" }, "subject"],
    [{ subject: 7 }, "subject"],
    [{ subject: { $cond: true, $then: "a", $else: "b" } }, "subject"],
    [{ subject: { $item: "x" } }, "subject"],
    [{ subject: { $state: "event/x" } }, "subject.$state"],
    [{ subject: { $state: "/secrets/x" } }, "subject.$state"],
    [{ subject: { $state: 7 } }, "subject.$state"],
    [{ subject: { $state: `/event/${"x".repeat(1_100)}` } }, "subject.$state"],
    [{ subject: { $template: "Order ${event/id}" } }, "subject.$template"],
    [{ subject: { $template: "Order ${/event/id" } }, "subject.$template"],
    [{ subject: { $template: "Order ${/event/a~2}" } }, "subject.$template"],
    [{ subject: { $state: "/event/x", fallback: "y" } }, "subject.fallback"],
    [{ preheader: "" }, "preheader"],
    [{ from: "shop" }, "from"],
    [{ from: "a@example.com, b@example.com" }, "from"],
    [{ from: "a@example.com\r\nBcc: b@example.com" }, "from"],
    [{ replyTo: "help" }, "replyTo"],
    [{ sensitiveTransactionalVariablePaths: "/event/x" }, "sensitiveTransactionalVariablePaths"],
    [{ sensitiveTransactionalVariablePaths: ["event/x"] }, "sensitiveTransactionalVariablePaths.0"],
    [{ sensitiveTransactionalVariablePaths: ["/event"] }, "sensitiveTransactionalVariablePaths.0"],
    [{ sensitiveTransactionalVariablePaths: ["/event/a~"] }, "sensitiveTransactionalVariablePaths.0"],
    [{ sensitiveTransactionalVariablePaths: Array(101).fill("/event/x") }, "sensitiveTransactionalVariablePaths"],
  ])("does not take %j", (over, path) => {
    expect(pathsOf({ ...aDefinition(), ...over })).toEqual([path]);
  });

  it("says what is missing", () => {
    expect(issuesOf({})).toEqual({
      subject: expect.stringContaining("missing"),
      body: expect.stringContaining("missing"),
    });
    expect(Object.keys(issuesOf([]))).toEqual([""]);
  });
});

describe("a template's body", () => {
  it.each([
    ["no object", [], "body"],
    ["no elements", { root: "x" }, "body.elements"],
    ["elements in a list", { root: "0", elements: [{ type: "Hr" }] }, "body.elements"],
    ["no root", { elements: { main: { type: "Hr" } } }, "body.root"],
    ["a root that there is not", { root: "toString", elements: { main: { type: "Hr" } } }, "body.root"],
    ["an element that is none", { root: "main", elements: { main: "Hr" } }, "body.elements.main"],
    ["an unknown type", { root: "main", elements: { main: { type: "Script" } } }, "body.elements.main.type"],
    ["an inherited type", { root: "main", elements: { main: { type: "constructor" } } }, "body.elements.main.type"],
    ["props in a list", { root: "main", elements: { main: { type: "Hr", props: [] } } }, "body.elements.main.props"],
    [
      "a child that there is not",
      { root: "main", elements: { main: { type: "Section", children: ["x"] } } },
      "body.elements.main.children.0",
    ],
    [
      "children that are no list",
      { root: "main", elements: { main: { type: "Section", children: "x" } } },
      "body.elements.main.children",
    ],
    [
      "children where none can be",
      { root: "main", elements: { main: { type: "Hr", children: ["b"] }, b: { type: "Hr" } } },
      "body.elements.main.children",
    ],
  ])("cannot have %s", (_, body, path) => {
    expect(pathsOf({ subject: "Hello", body })).toEqual([path]);
  });

  it("cannot have an element that leads to itself, directly or not", () => {
    const loop = (key: string, child: string) => ({ [key]: { type: "Section", children: [child] } });
    expect(issuesOf(aDefinition({}, loop("a", "a")))).toEqual({ "body.elements.a": "This element leads to itself." });
    const long = { ...loop("a", "b"), ...loop("b", "c"), ...loop("c", "b") };
    expect(pathsOf(aDefinition({}, long))).toEqual(["body.elements.b"]);
  });

  it("can have an element in several places", () => {
    const twice = {
      a: { type: "Section", children: ["b", "b", "c"] },
      c: { type: "Row", children: ["b"] },
      b: { type: "Hr" },
    };
    expect(pathsOf(aDefinition({}, twice))).toEqual([]);
  });

  it("is followed once however often its elements stand for each other", () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`e${i}`, { type: "Section", children: [`e${i + 1}`, `e${i + 1}`] }]),
    );
    expect(pathsOf(aDefinition({}, { ...doubling, e60: { type: "Hr" } }))).toEqual([]);
  });

  it("is at most 64 elements deep and 1,000 long", () => {
    const chain = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, i) => [`e${i}`, { type: "Section", children: i + 1 < length ? [`e${i + 1}`] : [] }]),
      );
    expect([pathsOf(aDefinition({}, chain(64))), pathsOf(aDefinition({}, chain(65)))]).toEqual([
      [],
      ["body.elements.e0"],
    ]);
    expect(pathsOf(aDefinition({}, chain(1_001)))).toEqual(["body.elements"]);
  });

  it("has Html first, and Head and Body right below it", () => {
    const page = {
      page: { type: "Html", children: ["head", "body"] },
      head: { type: "Head" },
      body: { type: "Body", children: ["main"] },
      main: { type: "Text", props: { text: "Hello" } },
    };
    expect(pathsOf(aDefinition({}, page))).toEqual([]);
    expect(pathsOf(aDefinition({}, { body: { type: "Body" } }))).toEqual([]);
    const inside = {
      main: { type: "Section", children: ["page", "head"] },
      page: { type: "Html" },
      head: { type: "Head" },
    };
    expect(pathsOf(aDefinition({}, inside))).toEqual(["body.elements.page", "body.elements.head"]);
  });

  it("tells at most fifty issues", () => {
    const elements = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`e${i}`, { type: "None" }]));
    expect(pathsOf(aDefinition({}, elements)).length).toBeLessThanOrEqual(60);
  });
});

describe("the props of an element", () => {
  it.each([
    ["Text", {}, ["props.text"]],
    ["Text", { text: null }, ["props.text"]],
    ["Text", { text: 7 }, ["props.text"]],
    ["Text", { text: "\ud800" }, ["props.text"]],
    ["Text", { text: { $computed: "x" } }, ["props.text"]],
    ["Text", { text: { $bindState: "/event/x" } }, ["props.text"]],
    ["Text", { text: { $state: "/event/x" }, style: null }, []],
    ["Text", { text: "x", style: "color:red" }, ["props.style"]],
    ["Text", { text: "x", style: { color: null, fontSize: 12 } }, []],
    ["Text", { text: "x", style: { "color:red;x": "y" } }, ["props.style.color:red;x"]],
    ["Text", { text: "x", style: { color: { $state: "/event/color" } } }, []],
    ["Text", { text: "x", style: { color: { $state: "color" } } }, ["props.style.color.$state"]],
    ["Text", { text: "x", style: { $cond: true, $then: { color: "a;b" }, $else: null } }, ["props.style.$then.color"]],
    ["Text", { text: "x", style: { fontSize: { $cond: true, $then: 12, $else: "14px" } } }, []],
    ["Heading", { text: "x", as: "script" }, ["props.as"]],
    ["Heading", { text: "x", as: { $state: "/event/level" } }, []],
    ["Html", { lang: "en; x", dir: "up" }, ["props.lang", "props.dir"]],
    ["Html", { lang: "pt-BR", dir: "rtl" }, []],
    ["Image", { src: "http://example.com/a.png" }, ["props.src"]],
    ["Image", { src: "https://example.com/a.png", alt: "A", width: 40, height: 20 }, []],
    ["Image", { src: "https://example.com/a.png", width: "40" }, ["props.width"]],
    ["Image", { src: "https://example.com/a.png", width: -1, height: 1e9 }, ["props.width", "props.height"]],
    ["Link", { text: "x", href: "http://example.com" }, []],
    ["Link", { text: "x", href: "mailto:a@example.com" }, []],
    ["Button", { text: "x", href: "https://example.com", style: { padding: "99999999px" } }, ["props.style.padding"]],
    ["Button", { text: "x", href: "https://example.com", style: { padding: "12px 20px" } }, []],
    ["Markdown", { content: "# x", markdownCustomStyles: { h1: { color: "red" }, unknown: { color: "red" } } }, []],
    [
      "Markdown",
      { content: "# x", markdownCustomStyles: { h1: { color: "a;b" } } },
      ["props.markdownCustomStyles.h1.color"],
    ],
    ["Markdown", { content: "# x", markdownCustomStyles: { h1: "red" } }, ["props.markdownCustomStyles.h1"]],
    ["Hr", { constructor: 1, unknown: "<x>" }, []],
  ])("of %s, %j, are told %j", (type, props, paths) => {
    expect(propPaths(type, props as Record<string, Json>)).toEqual(paths);
  });

  it.each(HOSTILE_URLS)("lead nowhere by %j", (url) => {
    expect([propPaths("Link", { text: "x", href: url }), propPaths("Image", { src: url })]).toEqual([
      ["props.href"],
      ["props.src"],
    ]);
  });

  it.each(HOSTILE_STYLES)("are not styled by %j", (value) => {
    expect(propPaths("Text", { text: "x", style: { color: value as Json } })).toEqual(["props.style.color"]);
  });

  it("are told without their values", () => {
    const secret = "sk_live_4242";
    const props = { text: { $state: secret }, href: `javascript:${secret}`, style: { color: `${secret};` } };
    expect(JSON.stringify(issuesOf(aDefinitionOf("Link", props)))).not.toContain(secret);
  });
});

describe("an expression", () => {
  it.each([
    [{ $cond: { $state: "/event/x", gte: 7 }, $then: "a", $else: { $state: "/profile/b" } }, []],
    [{ $cond: { $state: "/event/x" }, $then: "a" }, [""]],
    [{ $cond: { $state: "/event/x", like: 7 }, $then: "a", $else: "b" }, ["$cond.like"]],
    [{ $cond: { $state: "x" }, $then: "a", $else: "b" }, ["$cond.$state"]],
    [{ $cond: { $state: "/journey/key", eq: "x" }, $then: "a", $else: null }, []],
    [{ $cond: true, $then: 7, $else: "b" }, ["$then"]],
    [{ $cond: { $item: "x" }, $then: "a", $else: "b" }, ["$cond"]],
    [{ $item: "name" }, ["$item"]],
    [{ $index: true }, ["$index"]],
  ])("%j is told %j", (text, paths) => {
    const under = "props.text";
    expect(propPaths("Text", { text })).toEqual(paths.map((path) => (path === "" ? under : `${under}.${path}`)));
  });

  it("can choose sixteen levels deep and no deeper", () => {
    const choice = (levels: number): Json =>
      levels === 0 ? "x" : { $cond: true, $then: choice(levels - 1), $else: "y" };
    expect(propPaths("Text", { text: choice(16) })).toEqual([]);
    expect(propPaths("Text", { text: choice(17) })).toHaveLength(1);
  });

  // Looking for the end of each place anew needs minutes for it, and fails by the suite's own limit.
  it("is told a place without an end, however many begin", () => {
    expect(propPaths("Text", { text: { $template: "${".repeat(100_000) } })).toEqual(["props.text.$template"]);
  });

  it("reads the item below an element that repeats, at any depth, and nowhere else", () => {
    expect(pathsOf(aDefinition({}, REPEATED))).toEqual([]);
    const own = { ...REPEATED, list: { ...REPEATED.list, visible: { $item: "name" } } };
    expect(pathsOf(aDefinition({}, own))).toEqual(["body.elements.list.visible"]);
    const deep = {
      ...REPEATED,
      list: { ...REPEATED.list, children: ["row"] },
      row: { type: "Row", children: ["name"], visible: { $index: true, lt: 3 } },
    };
    expect(pathsOf(aDefinition({}, deep))).toEqual([]);
  });

  it.each([
    [{ $item: 7 }, "$item"],
    [{ $item: "a~2" }, "$item"],
    [{ $index: 1 }, "$index"],
  ])("%j is told in an item too", (text, word) => {
    const elements = { ...REPEATED, name: { type: "Text", props: { text } } };
    expect(pathsOf(aDefinition({}, elements))).toEqual([`body.elements.name.props.text.${word}`]);
  });
});

describe("what an element repeats, and when it is shown", () => {
  it.each([
    [{ repeat: "items" }, "repeat"],
    [{ repeat: {} }, "repeat.statePath"],
    [{ repeat: { statePath: "items" } }, "repeat.statePath"],
    [{ visible: "yes" }, "visible"],
    [{ visible: [] }, "visible"],
    [{ visible: { $and: [{ $state: "/event/x", is: 1 }] } }, "visible.$and.0.is"],
    [{ visible: { $state: "/event/x", eq: { $entry: "/event/x" } } }, "visible.eq"],
  ])("cannot be %j", (over, path) => {
    expect(pathsOf(aDefinitionOf("Section", {}, over as Record<string, Json>))).toEqual([`body.elements.main.${path}`]);
  });

  it("are the conditions of a journey, over the journey too", () => {
    const visible = [
      { $state: "/event/total", gte: 40, lt: 100 },
      { $or: [{ $state: "/journey/key", in: ["a"] }, true] },
    ];
    expect(
      pathsOf(aDefinitionOf("Section", {}, { visible, repeat: { statePath: "/event/items", key: "id" } })),
    ).toEqual([]);
  });
});

it("an element that holds more others than a call takes arguments is checked as any other", () => {
  const children = Array<string>(200_000).fill("name");
  expect(pathsOf(aDefinition({}, { main: { type: "Section", children }, name: { type: "Hr" } }))).toEqual([]);
});
