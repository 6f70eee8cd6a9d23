// The Markdown element, drawn with React alone: everything that is text goes through its escaping. The library's own
// lets HTML in Markdown through, and leaves code, titles and addresses unescaped.
import { createElement, Fragment, type ReactElement, type ReactNode } from "react";
import type { MarkdownStyle } from "../domain/template-components.ts";
import type { MarkdownText, Style } from "../domain/template-props.ts";
import { parseMarkdown, type Block, type Cell, type Inline } from "./markdown.ts";

export interface MarkdownProps {
  content: MarkdownText;
  markdownContainerStyles?: Style;
  markdownCustomStyles?: Partial<Record<MarkdownStyle, Style>>;
}

const CODE = { fontFamily: "Menlo, Consolas, monospace", fontSize: "13px", backgroundColor: "#f4f4f5" };
const CELL = { padding: "6px 12px 6px 0", verticalAlign: "top" };
/** A list inside another stands close to it. */
const INNER = { margin: "0" };
const HEADING = { fontWeight: 600, lineHeight: "1.3" };

/** Beside what the template sets for an element, which comes last. */
const STYLES: Partial<Record<MarkdownStyle, Style>> = {
  h1: { ...HEADING, fontSize: "28px", margin: "24px 0 12px" },
  h2: { ...HEADING, fontSize: "22px", margin: "20px 0 10px" },
  h3: { ...HEADING, fontSize: "18px", margin: "18px 0 8px" },
  h4: { ...HEADING, fontSize: "16px", margin: "16px 0 8px" },
  h5: { ...HEADING, fontSize: "14px", margin: "16px 0 8px" },
  h6: { ...HEADING, fontSize: "14px", margin: "16px 0 8px" },
  p: { fontSize: "14px", lineHeight: "24px", margin: "16px 0" },
  ul: { fontSize: "14px", lineHeight: "24px", margin: "16px 0", paddingLeft: "24px" },
  ol: { fontSize: "14px", lineHeight: "24px", margin: "16px 0", paddingLeft: "24px" },
  link: { color: "#067df7", textDecoration: "underline" },
  image: { maxWidth: "100%" },
  blockQuote: { margin: "16px 0", padding: "0 16px", borderLeft: "3px solid #d4d4d8", color: "#52525b" },
  codeInline: { ...CODE, padding: "2px 4px" },
  codeBlock: { ...CODE, padding: "12px", whiteSpace: "pre-wrap", wordBreak: "break-word" },
  hr: { border: "none", borderTop: "1px solid #eaeaea", margin: "24px 0" },
  table: { fontSize: "14px", lineHeight: "24px", borderCollapse: "collapse" },
  th: CELL,
  td: CELL,
};

/** Draws the Markdown of one e-mail: two characters of it can be a hundred of HTML, so that what is drawn is counted. */
export class MarkdownPen {
  #bytes: number;

  /** @param maxBytes  of the HTML of all that is drawn */
  constructor(maxBytes: number) {
    this.#bytes = maxBytes;
  }

  /** Draws a `Markdown` element whose props are resolved. @throws TooMuchMarkdown */
  draw({ content, markdownContainerStyles, markdownCustomStyles = {} }: MarkdownProps): ReactElement {
    const draw = new Draw(markdownCustomStyles, (bytes) => {
      this.#bytes -= bytes;
      if (this.#bytes < 0) throw new TooMuchMarkdown();
    });
    return createElement("div", { style: markdownContainerStyles }, draw.blocks(parseMarkdown(content)));
  }
}

/** The Markdown of an e-mail would be more HTML than its pen may draw. */
export class TooMuchMarkdown extends Error {
  override readonly name = "TooMuchMarkdown";
}

class Draw {
  readonly #custom: Partial<Record<MarkdownStyle, Style>>;
  readonly #spend: (bytes: number) => void;
  readonly #styles = new Map<string, { style: Style; bytes: number }>();

  constructor(custom: Partial<Record<MarkdownStyle, Style>>, spend: (bytes: number) => void) {
    this.#custom = custom;
    this.#spend = spend;
  }

  blocks(blocks: readonly Block[], inList = false): ReactNode[] {
    return blocks.map((block, i) => createElement(Fragment, { key: i }, this.#block(block, inList)));
  }

  #block(block: Block, inList: boolean): ReactNode {
    switch (block.kind) {
      case "heading":
        return this.#styled(`h${block.level}`, `h${block.level}`, this.#inlines(block.children));
      case "paragraph":
        return this.#styled("p", "p", this.#inlines(block.children));
      case "line":
        return this.#inlines(block.children);
      case "code":
        return this.#styled("pre", "codeBlock", createElement("code", null, block.text));
      case "quote":
        return this.#styled("blockquote", "blockQuote", this.blocks(block.children));
      case "list": {
        const items = block.items.map((item, i) => this.#styled("li", "li", this.blocks(item, true), { key: i }));
        const tag = block.start === null ? "ul" : "ol";
        const start = (block.start ?? 1) === 1 ? {} : { start: block.start };
        return this.#styled(tag, tag, items, start, inList ? INNER : {});
      }
      case "table":
        return this.#table(block.header, block.rows);
      case "rule":
        return this.#styled("hr", "hr");
    }
  }

  #table(header: readonly Cell[], rows: readonly (readonly Cell[])[]): ReactNode {
    const row = (cells: readonly Cell[], tag: "th" | "td", key: number): ReactNode => {
      const drawn = cells.map(({ align, children }, i) =>
        this.#styled(tag, tag, this.#inlines(children), { key: i, align: align ?? "left" }),
      );
      return this.#styled("tr", "tr", drawn, { key });
    };
    const body = rows.map((cells, i) => row(cells, "td", i));
    return this.#styled("table", "table", [
      this.#styled("thead", "thead", row(header, "th", 0), { key: "head" }),
      this.#styled("tbody", "tbody", body, { key: "body" }),
    ]);
  }

  #inlines(inlines: readonly Inline[]): ReactNode[] {
    return inlines.map((inline, i) => createElement(Fragment, { key: i }, this.#inline(inline)));
  }

  #inline(inline: Inline): ReactNode {
    switch (inline.kind) {
      case "text":
        return inline.text;
      case "code":
        return this.#styled("code", "codeInline", inline.text);
      case "strong":
        return this.#styled("strong", "bold", this.#inlines(inline.children));
      case "em":
        return this.#styled("em", "italic", this.#inlines(inline.children));
      case "del":
        return this.#styled("del", "strikethrough", this.#inlines(inline.children));
      case "link": {
        const where = inline.href === null ? {} : { href: inline.href, target: "_blank" };
        return this.#styled("a", "link", this.#inlines(inline.children), where);
      }
      case "image":
        return this.#styled("img", "image", undefined, { src: inline.src, alt: inline.alt });
      case "break":
        return this.#styled("br", "br");
    }
  }

  #styled(
    tag: string,
    style: MarkdownStyle,
    children?: ReactNode,
    attributes: Record<string, unknown> = {},
    here: Style = {},
  ): ReactNode {
    const { style: whole, bytes } = this.#styleOf(style, here);
    this.#spend((children === undefined ? "</>".length + tag.length : "<></>".length + 2 * tag.length) + bytes);
    const props = { ...attributes, ...(bytes === 0 ? {} : { style: whole }) };
    return createElement(tag, props, children);
  }

  /** With how much HTML it is at least. */
  #styleOf(name: MarkdownStyle, here: Style): { style: Style; bytes: number } {
    const key = here === INNER ? `${name} inner` : name;
    const known = this.#styles.get(key);
    if (known !== undefined) return known;
    const style = { ...STYLES[name], ...here, ...this.#custom[name] };
    const bytes = Object.entries(style).reduce((sum, [property, value]) => sum + `${property}:${value}`.length, 0);
    this.#styles.set(key, { style, bytes });
    return { style, bytes };
  }
}
