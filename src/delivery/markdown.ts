// Markdown, taken apart into what a page and a plain text are made of. In one pass, whatever is written: a text out of
// an event must not cost more than its length. HTML in it is text; links are held to the same rule as all others;
// values come in last, so that none of them is ever read as Markdown.
import type { MarkdownText } from "../domain/template-props.ts";
import { decodeEntities } from "./markdown-entities.ts";
import { parseBlocks } from "./markdown-blocks.ts";

export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "strong" | "em" | "del"; children: Inline[] }
  /** `href`: `null` = it leads nowhere that an e-mail may lead to. */
  | { kind: "link"; href: string | null; children: Inline[] }
  | { kind: "image"; src: string; alt: string }
  | { kind: "break" };

export type Block =
  | { kind: "heading"; level: 1 | 2 | 3 | 4 | 5 | 6; children: Inline[] }
  /** `line`: as a paragraph, in a list whose items stand close together. */
  | { kind: "paragraph" | "line"; children: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "quote"; children: Block[] }
  | { kind: "list"; start: number | null; items: Block[][] }
  | { kind: "table"; header: Cell[]; rows: Cell[][] }
  | { kind: "rule" };

export interface Cell {
  align: "left" | "center" | "right" | null;
  children: Inline[];
}

/** Puts values into text that was read: `verbatim` as it stands in code, else with its entities decoded. */
export interface Fill {
  text(text: string): string;
  verbatim(text: string): string;
}

/** Parses Markdown. */
export function parseMarkdown({ source, values }: MarkdownText): Block[] {
  const verbatim = (text: string): string =>
    text.replaceAll(/[\uE000-\uF8FF]/g, (mark) => values[mark.charCodeAt(0) - 0xe000] ?? "");
  const fill: Fill = { verbatim, text: (text) => verbatim(decodeEntities(text)) };
  return parseBlocks(source.split(/\r\n?|\n/), fill);
}
