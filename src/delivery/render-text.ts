// The same e-mail for who reads text only: every text of it in order, links with where they lead, no trace of layout.
import type { ResolvedElement } from "../domain/template-resolve.ts";
import type { MarkdownText } from "../domain/template-props.ts";
import { parseMarkdown, type Block, type Inline } from "./markdown.ts";

const RULE = "-".repeat(40);

/** Writes a resolved document as plain text. */
export function plainTextOf(document: ResolvedElement): string {
  return paragraphs(document).join("\n\n");
}

/** What an element says, in paragraphs. */
function paragraphs({ type, props, children }: ResolvedElement): string[] {
  switch (type) {
    case "Heading":
    case "Text":
      return said(props.text);
    case "Link":
    case "Button":
      return said(linked(textOf(props.text), props.href));
    case "Image":
      return said(props.alt);
    case "Hr":
      return [RULE];
    case "Markdown":
      return blockTexts(parseMarkdown(props.content as MarkdownText));
    // Hidden in the page too.
    case "Head":
    case "Preview":
      return [];
    case "Row":
      return row(children);
    case "Html":
    case "Body":
    case "Container":
    case "Section":
    case "Column":
      return children.flatMap(paragraphs);
  }
}

/** Columns of one line each stand on one line. */
function row(columns: readonly ResolvedElement[]): string[] {
  const texts = columns.map(paragraphs);
  const isLine = texts.every(([first = "", ...more]) => more.length === 0 && !first.includes("\n"));
  return isLine ? said(texts.map(([first = ""]) => first).join("  ")) : texts.flat();
}

function blockTexts(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block): string[] => {
    switch (block.kind) {
      case "heading":
      case "paragraph":
      case "line":
        return said(inlineText(block.children));
      case "code":
        return said(block.text);
      case "quote":
        return [prefixed(blockTexts(block.children).join("\n\n"), "> ", "> ")];
      case "list":
        return [block.items.map((item, i) => itemText(item, block.start, i)).join("\n")];
      case "table":
        return [
          [block.header, ...block.rows]
            .map((cells) => cells.map(({ children }) => inlineText(children)).join("  "))
            .join("\n"),
        ];
      case "rule":
        return [RULE];
    }
  });
}

function itemText(item: readonly Block[], start: number | null, i: number): string {
  const mark = start === null ? "* " : `${start + i}. `;
  return prefixed(blockTexts(item).join("\n"), mark, " ".repeat(mark.length));
}

function inlineText(inlines: readonly Inline[]): string {
  return inlines
    .map((inline): string => {
      switch (inline.kind) {
        case "text":
        case "code":
          return inline.text;
        case "strong":
        case "em":
        case "del":
          return inlineText(inline.children);
        case "link":
          return linked(inlineText(inline.children), inline.href);
        case "image":
          return inline.alt;
        case "break":
          return "\n";
      }
    })
    .join("");
}

function linked(text: string, href: unknown): string {
  if (typeof href !== "string") return text;
  const address = href.replace(/^mailto:/i, "");
  return text.trim() === "" || text === address || text === href ? address : `${text}: ${address}`;
}

function prefixed(text: string, first: string, rest: string): string {
  return `${first}${text.replaceAll("\n", `\n${rest}`)}`;
}

/** Nothing, for a text of spaces alone. */
function said(value: unknown): string[] {
  const text = textOf(value).trim();
  return text === "" ? [] : [text];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
