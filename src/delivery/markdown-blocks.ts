// Markdown's blocks, line by line: headings, paragraphs, lists, quotes, code between fences, tables, rules. What stands
// inside others is read again at most a few times, for they can stand only so deep in each other.
import type { Block, Cell, Fill } from "./markdown.ts";
import { parseInlines } from "./markdown-inlines.ts";

/** Lists and quotes inside each other; what is deeper is text. */
const MAX_DEPTH = 8;
/** Empty cells that are put into short rows: a wide table with many of them would be millions. What is short then stays so. */
const MAX_FILLED_CELLS = 1_000;

const BLANK = /^\s*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|(\d{1,9})([.)]))( {1,4}|$)/;
const TASK = /^\[([ xX])\] /;

/** Parses lines of Markdown. */
export function parseBlocks(lines: readonly string[], fill: Fill): Block[] {
  return new BlockParser(fill).blocks(lines, 0, false);
}

class BlockParser {
  readonly #fill: Fill;
  #cellsToFill = MAX_FILLED_CELLS;

  constructor(fill: Fill) {
    this.#fill = fill;
  }

  /** @param isTight  whether a paragraph is a line of a list whose items stand close together */
  blocks(lines: readonly string[], depth: number, isTight: boolean): Block[] {
    const blocks: Block[] = [];
    for (let at = 0; at < lines.length;) {
      const line = lines[at] ?? "";
      if (BLANK.test(line)) at += 1;
      else {
        const [block, end] = this.#block(lines, at, depth, isTight);
        blocks.push(block);
        at = end;
      }
    }
    return blocks;
  }

  /** @returns the block that begins at a line, and the line after it */
  #block(lines: readonly string[], at: number, depth: number, isTight: boolean): [Block, number] {
    const line = lines[at] ?? "";
    const fence = FENCE.exec(line);
    if (fence !== null) return this.#code(lines, at, fence[1] ?? "");
    const heading = HEADING.exec(line);
    if (heading !== null) {
      const text = (heading[2] ?? "").trim().replace(/(?:^|[ \t])#+$/, "");
      const level = (heading[1] ?? "#").length as 1;
      return [{ kind: "heading", level, children: parseInlines(text, this.#fill) }, at + 1];
    }
    if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
    if (depth < MAX_DEPTH && QUOTE.test(line)) return this.#quote(lines, at, depth);
    if (depth < MAX_DEPTH && ITEM.test(line)) return this.#list(lines, at, depth);
    return this.#table(lines, at) ?? this.#paragraph(lines, at, depth, isTight);
  }

  #code(lines: readonly string[], at: number, fence: string): [Block, number] {
    let end = at + 1;
    const isEnd = (line: string): boolean => {
      const [, marks = "", info = ""] = FENCE.exec(line) ?? [];
      return marks[0] === fence[0] && marks.length >= fence.length && info.trim() === "";
    };
    while (end < lines.length && !isEnd(lines[end] ?? "")) end += 1;
    return [{ kind: "code", text: this.#fill.verbatim(lines.slice(at + 1, end).join("\n")) }, end + 1];
  }

  #quote(lines: readonly string[], at: number, depth: number): [Block, number] {
    let end = at;
    while (end < lines.length && QUOTE.test(lines[end] ?? "")) end += 1;
    const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
    return [{ kind: "quote", children: this.blocks(inner, depth + 1, false) }, end];
  }

  #list(lines: readonly string[], at: number, depth: number): [Block, number] {
    const first = ITEM.exec(lines[at] ?? "");
    const kind = kindOf(first);
    const items: string[][] = [];
    let end = at;
    let isLoose = false;
    for (let item = first; item !== null && kindOf(item) === kind && !RULE.test(lines[end] ?? "");) {
      const next = itemEnd(lines, end, item[0].length);
      const inner = [(lines[end] ?? "").slice(item[0].length)];
      for (const line of lines.slice(end + 1, next)) inner.push(line.replace(indent(item[0].length), ""));
      items.push(inner);
      end = next;
      while (end < lines.length && BLANK.test(lines[end] ?? "")) end += 1;
      item = ITEM.exec(lines[end] ?? "");
      // A blank line between two items, or between two blocks of one.
      isLoose ||= inner.some((line) => BLANK.test(line)) || (end > next && kindOf(item) === kind);
    }
    const start = first?.[3] === undefined ? null : Number(first[3]);
    return [{ kind: "list", start, items: items.map((inner) => this.#item(inner, depth, !isLoose)) }, end];
  }

  #item([first = "", ...others]: readonly string[], depth: number, isTight: boolean): Block[] {
    const task = TASK.exec(first);
    if (task === null) return this.blocks([first, ...others], depth + 1, isTight);
    const box = task[1] === " " ? "☐" : "☑";
    return this.blocks([`${box} ${first.slice(4)}`, ...others], depth + 1, isTight);
  }

  #table(lines: readonly string[], at: number): [Block, number] | null {
    const header = cellsOf(lines[at] ?? "");
    const rule = (lines[at + 1] ?? "").includes("-") ? cellsOf(lines[at + 1] ?? "") : [];
    const isTable = header.length > 1 && rule.length === header.length && rule.every((cell) => /^:?-+:?$/.test(cell));
    if (!isTable) return null;
    const aligns = rule.map(alignOf);
    const row = (texts: readonly string[]): Cell[] => {
      const missing = Math.max(0, Math.min(aligns.length - texts.length, this.#cellsToFill));
      this.#cellsToFill -= missing;
      return aligns
        .slice(0, texts.length + missing)
        .map((align, i) => ({ align, children: parseInlines(texts[i] ?? "", this.#fill) }));
    };
    let end = at + 2;
    const rows: Cell[][] = [];
    for (let line = lines[end] ?? ""; line.includes("|") && !BLANK.test(line); line = lines[end] ?? "") {
      rows.push(row(cellsOf(line)));
      end += 1;
    }
    return [{ kind: "table", header: row(header), rows }, end];
  }

  #paragraph(lines: readonly string[], at: number, depth: number, isTight: boolean): [Block, number] {
    let end = at + 1;
    while (end < lines.length && continues(lines[end] ?? "", depth)) end += 1;
    const text = lines
      .slice(at, end)
      .map((line) => line.replace(/^[ \t]+/, ""))
      .join("\n");
    return [{ kind: isTight ? "line" : "paragraph", children: parseInlines(text.trimEnd(), this.#fill) }, end];
  }
}

/** Whether a line goes on with the paragraph before it. */
function continues(line: string, depth: number): boolean {
  if (BLANK.test(line) || FENCE.test(line) || HEADING.test(line) || RULE.test(line)) return false;
  return depth >= MAX_DEPTH || !(QUOTE.test(line) || ITEM.test(line));
}

/** The line after an item: what is indented as far as its text, and what goes on with a paragraph of it. */
function itemEnd(lines: readonly string[], at: number, width: number): number {
  const inside = new RegExp(`^ {${width}}`);
  let end = at + 1;
  let textEnd = end;
  for (; end < lines.length; end++) {
    const line = lines[end] ?? "";
    if (BLANK.test(line)) continue;
    const goesOn = end === textEnd && continues(line, 0);
    if (!inside.test(line) && !goesOn) break;
    textEnd = end + 1;
  }
  return textEnd;
}

function indent(width: number): RegExp {
  return new RegExp(`^ {1,${width}}`);
}

/** The mark of a list; items of another begin another list. */
function kindOf(item: RegExpExecArray | null): string | null {
  return item === null ? null : (item[4] ?? item[2] ?? null);
}

/** The cells of a row, without the bars around it; `\|` is a bar in a cell. */
function cellsOf(line: string): string[] {
  if (!line.includes("|")) return [];
  const cells = line.trim().split(/(?<!\\)\|/);
  if (cells[0] === "") cells.shift();
  if (cells.at(-1)?.trim() === "") cells.pop();
  return cells.map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function alignOf(cell: string): Cell["align"] {
  const [left, right] = [cell.startsWith(":"), cell.endsWith(":")];
  if (left && right) return "center";
  if (right) return "right";
  return left ? "left" : null;
}
