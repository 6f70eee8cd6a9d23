import { describe, expect, it } from "vitest";
import type { Json } from "../../src/domain/json.ts";
import { renderEmail } from "../../src/delivery/render.ts";
import { aDefinition, aDefinitionOf } from "../support/template-definitions.ts";

async function textOf(elements: Record<string, Json>, event: Json = {}): Promise<string> {
  const result = await renderEmail(aDefinition({ preheader: "Soon" }, elements), { event, profile: {}, journey: {} });
  if (!result.ok) throw new Error(result.error.message);
  return result.value.text;
}

async function textOfOne(type: string, props: Record<string, Json>): Promise<string> {
  return await textOf(aDefinitionOf(type, props).body.elements);
}

describe("the plain text of an e-mail", () => {
  it.each([
    ["Heading", { text: "Hello <b>" }, "Hello <b>"],
    ["Text", { text: " a\nb " }, "a\nb"],
    ["Text", { text: "  " }, ""],
    ["Link", { text: "Pay", href: "https://example.com/a" }, "Pay: https://example.com/a"],
    ["Link", { text: "https://example.com/a", href: "https://example.com/a" }, "https://example.com/a"],
    ["Link", { text: "help@example.com", href: "mailto:help@example.com" }, "help@example.com"],
    ["Button", { text: "Pay", href: { $state: "/event/none" } }, "Pay"],
    ["Image", { src: "https://example.com/a.png", alt: "A mug" }, "A mug"],
    ["Image", { src: "https://example.com/a.png" }, ""],
    ["Preview", { text: "hidden" }, ""],
    ["Hr", {}, "-".repeat(40)],
  ])("of %s, %j, is %j", async (type, props, text) => {
    expect(await textOfOne(type, props as Record<string, Json>)).toBe(text);
  });

  it("has what the page says in its order, a paragraph each, and no preheader", async () => {
    const elements = {
      page: { type: "Container", children: ["a", "b"] },
      a: { type: "Heading", props: { text: "One" } },
      b: { type: "Section", children: ["c", "d"] },
      c: { type: "Text", props: { text: "Two" } },
      d: { type: "Text", props: { text: "" } },
    };
    expect(await textOf(elements)).toBe("One\n\nTwo");
  });

  it("has a row whose columns are lines on one line, and any other in paragraphs", async () => {
    const elements = {
      row: { type: "Row", repeat: { statePath: "/event/items" }, children: ["left", "right"] },
      left: { type: "Column", children: ["name"] },
      right: { type: "Column", children: ["price"] },
      name: { type: "Text", props: { text: { $item: "name" } } },
      price: { type: "Text", props: { text: { $item: "price" } } },
    };
    const items = [
      { name: "Mug", price: 12 },
      { name: "Two\nlines", price: 8 },
    ];
    expect(await textOf(elements, { items })).toBe("Mug  12\n\nTwo\nlines\n\n8");
  });

  it("has Markdown without its marks, with where its links lead", async () => {
    const content = [
      "# Hello *you*",
      "a **b** `c` [d](https://example.com/d) [e](javascript:x) ![f](https://example.com/f.png)\\\ng",
      "- one\n  - two\n- three\n  more",
      "7. seven\n8. eight",
      "> said\n> so",
      "```\ncode\n  here\n```",
      "| a | b |\n|--|--|\n| 1 | 2 |",
      "---",
    ].join("\n\n");
    expect(await textOfOne("Markdown", { content })).toBe(
      [
        "Hello you",
        "a b c d: https://example.com/d e f\ng",
        "* one\n  * two\n* three\n  more",
        "7. seven\n8. eight",
        "> said\n> so",
        "code\n  here",
        "a  b\n1  2",
        "-".repeat(40),
      ].join("\n\n"),
    );
  });
});

describe("an e-mail that cannot be made", () => {
  it("says why, in words without a value", async () => {
    const text = { $state: "/event/x" };
    const state = { event: { x: `s3cret${"<".repeat(300_000)}` }, profile: {}, journey: {} };
    const result = await renderEmail(aDefinitionOf("Text", { text }), state);
    expect(result).toEqual({ ok: false, error: { message: expect.stringContaining("bytes of HTML") } });
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });
});

describe("the preview of an e-mail", () => {
  it("ends before a character of two halves that would be cut", async () => {
    const preheader = `${"x".repeat(149)}😀`;
    const result = await renderEmail(aDefinition({ preheader }), { event: {}, profile: {}, journey: {} });
    expect(result.ok && [result.value.preheader, result.value.html.includes(`>${"x".repeat(149)}<`)]).toEqual([
      preheader,
      true,
    ]);
  });
});
