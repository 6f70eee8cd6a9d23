// E-mails to look at: what the demo sends, every component at once, and every component with hostile values.
import { DEMO_TEMPLATES } from "../../src/cli/dev/demo-templates.ts";
import type { Json } from "../../src/domain/json.ts";
import type { RenderState } from "../../src/domain/rendered-email.ts";
import { COMPONENTS } from "../../src/domain/template-components.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";
import { HOSTILE_STYLES, HOSTILE_TEXTS, HOSTILE_URLS } from "./hostile-values.ts";
import { aDefinition } from "./template-definitions.ts";

export interface EmailSample {
  name: string;
  definition: TemplateDefinition;
  state: RenderState;
}

const ORDER: RenderState = {
  event: {
    orderId: "ord_1001",
    total: 249.5,
    items: [
      { name: "Stoneware mug", quantity: 2, price: 24 },
      { name: "A teapot with a rather long name that has to wrap on a phone", quantity: 1, price: 201.5 },
    ],
  },
  profile: { email: "alex@example.com", firstName: "Alex", plan: "Pro" },
  journey: { key: "order-follow-up", name: "Order follow-up", unsubscribeUrl: "https://waypost.example/u/preview" },
};

const MARKDOWN = [
  "## Markdown, with *emphasis*, **weight** and ~~regret~~",
  "A [link](https://example.com), `inline code`, and a line\\\nthat breaks. HTML such as <b>this</b> is text.",
  "- one\n- two\n  - inside\n- [x] done",
  "1. first\n2. second",
  "> A quote, and in it\n>\n> - a list",
  "```\nconst code = true;\n```",
  "| Item | Price |\n|------|------:|\n| Mug | 24.00 |\n| Teapot | 201.50 |",
  "---",
].join("\n\n");

const EVERY_COMPONENT = aDefinition(
  { subject: "Every component", preheader: "What an inbox shows behind the subject" },
  {
    page: { type: "Html", props: { lang: "en" }, children: ["head", "body"] },
    head: { type: "Head" },
    body: {
      type: "Body",
      props: { style: { backgroundColor: "#f4f4f5", fontFamily: "Helvetica, Arial, sans-serif" } },
      children: ["box"],
    },
    box: {
      type: "Container",
      props: { style: { backgroundColor: "#ffffff", padding: "24px" } },
      children: ["title", "text", "items", "rule", "button", "link", "markdown"],
    },
    title: { type: "Heading", props: { text: { $template: "Hello ${/profile/firstName}" }, as: "h1" } },
    text: { type: "Text", props: { text: "A paragraph of text, as the library draws it by itself." } },
    items: { type: "Section", children: ["row"] },
    row: { type: "Row", repeat: { statePath: "/event/items" }, children: ["what", "price"] },
    what: { type: "Column", props: { style: { width: "75%" } }, children: ["name"] },
    price: {
      type: "Column",
      props: { style: { width: "25%", textAlign: "right", verticalAlign: "top" } },
      children: ["amount"],
    },
    name: { type: "Text", props: { text: { $item: "name" } } },
    amount: { type: "Text", props: { text: { $item: "price" } } },
    rule: { type: "Hr" },
    button: {
      type: "Button",
      props: {
        text: "A button",
        href: "https://example.com/",
        style: { backgroundColor: "#1d4ed8", color: "#ffffff", padding: "12px 20px", borderRadius: "6px" },
      },
    },
    link: { type: "Link", props: { text: "A link", href: "mailto:help@example.com", style: { marginLeft: "16px" } } },
    markdown: { type: "Markdown", props: { content: MARKDOWN } },
  },
);

const PLAIN: Record<string, Json> = {
  text: "x",
  href: "https://example.com/x",
  src: "https://example.com/x.png",
  content: "x",
};

/** Every prop of every component, once for each value that should come to nothing. */
function hostile(): EmailSample {
  const elements: Record<string, Json> = {};
  for (const [type, { props }] of Object.entries(COMPONENTS)) {
    if (["Html", "Head", "Body"].includes(type)) continue;
    for (const [name, { kind }] of Object.entries(props)) {
      const list = kind.includes("style") ? "/event/styles" : "/event/texts";
      elements[`${type}-${name}`] = { type: "Section", repeat: { statePath: list }, children: [`${type}-${name}-one`] };
      elements[`${type}-${name}-one`] = { type, props: { ...PLAIN, [name]: { $item: "" } } };
    }
  }
  const children = Object.keys(elements).filter((key) => !key.endsWith("-one"));
  const texts = [...HOSTILE_TEXTS.slice(0, 16), ...HOSTILE_URLS.slice(0, 9)];
  const styles = HOSTILE_STYLES.slice(0, 12).map((value) => ({
    color: value,
    backgroundImage: value,
    h1: { color: value },
  }));
  return {
    name: "hostile",
    definition: aDefinition({}, { page: { type: "Container", children }, ...elements }),
    state: { event: { texts, styles } as Json, profile: {}, journey: {} },
  };
}

export const EMAIL_SAMPLES: readonly EmailSample[] = [
  ...DEMO_TEMPLATES.map(({ key, definition }) => ({ name: key, definition, state: ORDER })),
  { name: "every-component", definition: EVERY_COMPONENT, state: ORDER },
];

export const HOSTILE_SAMPLE: EmailSample = hostile();
