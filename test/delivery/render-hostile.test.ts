import { describe, expect, it } from "vitest";
import type { Json } from "../../src/domain/json.ts";
import type { RenderedEmail } from "../../src/domain/rendered-email.ts";
import { COMPONENTS, type PropKind } from "../../src/domain/template-components.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";
import { renderEmail } from "../../src/delivery/render.ts";
import { MarkdownPen, TooMuchMarkdown } from "../../src/delivery/render-markdown.ts";
import { expectSafe, NO_VALUE } from "../support/email-safety.ts";
import { HOSTILE_STYLES, HOSTILE_TEXTS, HOSTILE_URLS } from "../support/hostile-values.ts";
import { textsOf } from "../support/html-walk.ts";
import { aDefinition } from "../support/template-definitions.ts";

async function rendered(definition: TemplateDefinition, event: Json): Promise<RenderedEmail> {
  const result = await renderEmail(definition, { event, profile: {}, journey: {} });
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const HOSTILE: Record<PropKind, readonly unknown[]> = {
  text: HOSTILE_TEXTS,
  markdown: HOSTILE_TEXTS,
  link: [...HOSTILE_URLS, ...HOSTILE_TEXTS],
  image: [...HOSTILE_URLS, ...HOSTILE_TEXTS],
  heading_level: ["script", "style", "h1 onload=x", "h7", "H1", ...HOSTILE_TEXTS],
  direction: HOSTILE_TEXTS,
  language: HOSTILE_TEXTS,
  pixels: [...HOSTILE_TEXTS, -1, 1e300],
  style_value: HOSTILE_STYLES,
  style: [],
  button_style: [],
  markdown_styles: [],
};

/** Styles that hold each hostile value, hostile names, and what is no style. */
const STYLES: unknown[] = [
  ...HOSTILE_STYLES.flatMap((value) => [
    { color: value },
    { backgroundImage: value, fontFamily: value, padding: value, margin: value, width: value, content: value },
  ]),
  ...["color:red;x", "--x", "__proto__", "behavior", "MozBinding", `"><script>`, "onclick"].map((name) =>
    JSON.parse(JSON.stringify([[name, "x"]]).replace(/^\[\[(.*),"x"\]\]$/, '{$1:"x"}')),
  ),
  { padding: "1e9px 1e9px" },
  { paddingLeft: 1e9 },
  { paddingRight: "...px" },
  ...HOSTILE_TEXTS,
  [{ color: "red" }],
];

function hostileFor(kind: PropKind): unknown[] {
  if (kind === "style" || kind === "button_style") return STYLES;
  if (kind === "markdown_styles") return STYLES.map((style) => ({ h1: style, p: style, link: style, script: style }));
  return [...HOSTILE[kind], {}, [], null, 7, true];
}

/** Props with which a component draws all that it has. */
const PLAIN: Record<string, Json> = {
  text: "x",
  href: "https://example.com/x",
  src: "https://example.com/x.png",
  content: "# x\n\n[x](https://example.com/x) `x`",
};

/** Each prop of each component, read from the event, once for each hostile value. */
const CASES = Object.entries(COMPONENTS).flatMap(([type, { props }]) =>
  Object.entries(props).map(([prop, { kind }]) => ({ type, prop, kind })),
);

/** A page in which an element stands once for each value of the event. */
function repeating(type: string, props: Record<string, Json>): TemplateDefinition {
  return aDefinition(
    {},
    {
      list: { type: "Section", repeat: { statePath: "/event/values" }, children: ["one"] },
      one: { type, props },
    },
  );
}

describe("every component with hostile values", () => {
  it.each(CASES)("$type: $prop, read as a whole", async ({ type, prop, kind }) => {
    const values = hostileFor(kind) as Json[];
    const props = { ...PLAIN, [prop]: { $item: "" } };
    if (type === "Html" || type === "Body") {
      for (const value of values) {
        const definition = aDefinition({}, { page: { type, props: { [prop]: { $state: "/event/value" } } } });
        const email = await rendered(definition, { value });
        expectSafe(email.html);
        expect(email.html).not.toMatch(NO_VALUE);
      }
      return;
    }
    const email = await rendered(repeating(type, props), { values });
    const page = expectSafe(email.html);
    expect(email.html + email.text).not.toMatch(NO_VALUE);
    if (kind === "text" && type !== "Preview" && prop !== "alt") {
      const said = textsOf(page).join("\n");
      for (const value of HOSTILE_TEXTS) expect(said).toContain(value.toWellFormed().replaceAll("\0", ""));
    }
  });

  it.each(CASES.filter(({ kind }) => kind === "text" || kind === "markdown" || kind === "link" || kind === "image"))(
    "$type: $prop, put into a text",
    async ({ type, prop, kind }) => {
      const values = [...HOSTILE_TEXTS, ...HOSTILE_URLS];
      for (const frame of ["${/event/value}", "x ${/event/value} y", "[x](${/event/value})", "`${/event/value}`"]) {
        const keys = values.map((_, i) => `e${i}`);
        const elements = keys.map((key, i) => {
          const text = { $template: frame.replace("value", String(i)) };
          return [key, { type, props: { ...PLAIN, [prop]: text } }];
        });
        const page = {
          page: { type: "Section", children: keys },
          ...(Object.fromEntries(elements) as Record<string, Json>),
        };
        const email = await rendered(
          aDefinition({}, page),
          Object.fromEntries(values.map((value, i) => [String(i), value])),
        );
        const said = textsOf(expectSafe(email.html)).join("\n");
        expect(email.html + email.text).not.toMatch(NO_VALUE);
        if (kind === "markdown" && !frame.includes("](")) {
          // Not one of them is read as Markdown.
          for (const value of values)
            expect(said).toContain(value.toWellFormed().replaceAll(/(?![\t\n\r])\p{Cc}/gu, ""));
        }
      }
    },
  );

  it("keeps the lines of an e-mail single lines without markup of their own", async () => {
    for (const value of HOSTILE_TEXTS) {
      const line = { $state: "/event/value" };
      const email = await rendered(aDefinition({ subject: line, preheader: line, from: line, replyTo: line }), {
        value,
      });
      expectSafe(email.html);
      expect(email.subject).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    }
  });
});

describe("Markdown that would be far more HTML than text", () => {
  const style = { color: "red", fontFamily: "x".repeat(290), backgroundImage: "linear-gradient(red, blue)" };

  it.each([
    ["cells", `a|b\n-|-\n${"|\n".repeat(1_000)}`, {}],
    ["items without a style", "- a\n".repeat(1_000), {}],
    ["items with a long one", "- a\n".repeat(30), { li: style }],
    ["breaks", "a  \n".repeat(2_000), {}],
  ])("is refused while it is drawn: %s", (_, source, markdownCustomStyles) => {
    const content = { source, values: [] };
    expect(() => new MarkdownPen(8_192).draw({ content, markdownCustomStyles })).toThrow(TooMuchMarkdown);
  });

  it("is counted over all of an e-mail, as HTML that is too large", async () => {
    const elements = {
      list: { type: "Section", repeat: { statePath: "/event/items" }, children: ["one"] },
      one: { type: "Markdown", props: { content: { $state: "/event/content" } } },
    };
    const event = { items: Array<number>(10).fill(0), content: "- a\n".repeat(8_000) };
    const result = await renderEmail(aDefinition({}, elements), { event, profile: {}, journey: {} });
    expect(result).toEqual({ ok: false, error: { message: "The e-mail would have more than 524288 bytes of HTML." } });
  });

  it("does not lose what it may still say: what is counted is never more than the HTML there is", async () => {
    const source = "# a\n\n*b* **c** `d` ~~e~~  \nf\n\n- g\n  1. h\n\n> i\n\n***\n\na|b\n-|-\nc|d\n";
    const email = await rendered(aDefinition({}, { main: { type: "Markdown", props: { content: source } } }), {});
    expect(() => new MarkdownPen(email.html.length).draw({ content: { source, values: [] } })).not.toThrow();
  });
});
