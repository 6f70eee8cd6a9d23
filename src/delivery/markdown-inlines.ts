// Markdown inside a line: emphasis, code, links, images, breaks. A stack of what is open, each mark looked at once: as
// CommonMark's own algorithm, without links by reference.
import { safeImageSource, safeLink } from "../domain/template-links.ts";
import type { Fill, Inline } from "./markdown.ts";

/** Emphasis and links inside each other; what is deeper is text. */
const MAX_DEPTH = 16;
/** Marks of one kind that are open at once; further ones are text. Each that is closed moves all that is in it. */
const MAX_OPEN = 100;

type Mark = "*" | "_" | "~";

/** What may yet turn out to be the beginning of something; otherwise it is the text it was written as. */
type Opening = { kind: "mark"; mark: Mark; count: number } | { kind: "bracket"; isImage: boolean };

interface Part {
  node: Inline | Opening;
  depth: number;
}

const ESCAPED = /\\([!-/:-@[-`{-~])/y;
const ADDRESS = /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/iy;
const BARE_ADDRESS = /https?:\/\/[^\s<>()[\]]{1,2000}/iy;
const TRAILING = ".,:;!?'\"*_~";
const DESTINATION =
  /\([ \n]{0,3}(?:<([^<>\n]{0,2000})>|([^\s()<>]{0,2000}(?:\([^\s()]{0,200}\)[^\s()<>]{0,200}){0,8}))(?:[ \n]{1,3}(?:"[^"]{0,500}"|'[^']{0,500}'))?[ \n]{0,3}\)/y;

/** Parses the text of a block. */
export function parseInlines(text: string, fill: Fill): Inline[] {
  return new InlineParser(text, fill).parse();
}

class InlineParser {
  readonly #text: string;
  readonly #fill: Fill;
  readonly #parts: Part[] = [];
  /** Where in the parts the marks stand that are open, by mark. */
  readonly #open: Record<Mark, number[]> = { "*": [], _: [], "~": [] };
  readonly #brackets: number[] = [];
  /** So many brackets from the first one are known to be those of images. */
  #images = 0;
  #at = 0;
  #plain = "";

  constructor(text: string, fill: Fill) {
    this.#text = text;
    this.#fill = fill;
  }

  parse(): Inline[] {
    while (this.#at < this.#text.length) {
      if (!this.#special(this.#text[this.#at] ?? "")) {
        this.#plain += this.#text[this.#at];
        this.#at += 1;
      }
    }
    this.#flush();
    return settled(this.#parts);
  }

  /** Takes what begins here, if it is more than a character. */
  #special(character: string): boolean {
    switch (character) {
      case "\\":
        return this.#text[this.#at + 1] === "\n" ? this.#break(2) : this.#escape();
      case " ":
        return this.#spaces();
      case "`":
        return this.#code();
      case "*":
      case "_":
      case "~":
        return this.#emphasis(character);
      case "[":
        return this.#bracket(1, false);
      case "!":
        return this.#text[this.#at + 1] === "[" && this.#bracket(2, true);
      case "]":
        return this.#link();
      case "<":
        return this.#address(ADDRESS, (match) => match[1] ?? "");
      case "h":
      case "H":
        return this.#bareAddress();
      default:
        return false;
    }
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text);
  }

  #escape(): boolean {
    const match = this.#match(ESCAPED);
    if (match === null) return false;
    // Apart from what is written around it: an escaped & begins no entity.
    this.#flush();
    this.#put({ kind: "text", text: match[1] ?? "" });
    this.#at += 2;
    return true;
  }

  /** All of them at once: two at the end of a line break it. */
  #spaces(): boolean {
    let length = 1;
    while (this.#text[this.#at + length] === " ") length += 1;
    if (length > 1 && this.#text[this.#at + length] === "\n") return this.#break(length + 1);
    this.#plain += " ".repeat(length);
    this.#at += length;
    return true;
  }

  #break(length: number): boolean {
    this.#flush();
    this.#put({ kind: "break" });
    this.#at += length;
    return true;
  }

  #code(): boolean {
    const { length } = this.#match(/`+/y)?.[0] ?? "`";
    const begin = this.#at + length;
    const end = closingRun(this.#text, begin, length);
    if (end === null) {
      // No other run is as long: of each length at most one is looked for in vain.
      this.#plain += "`".repeat(length);
      this.#at = begin;
      return true;
    }
    const code = this.#text.slice(begin, end).replaceAll("\n", " ");
    const isPadded = code.startsWith(" ") && code.endsWith(" ") && code.trim() !== "";
    this.#flush();
    this.#put({ kind: "code", text: this.#fill.verbatim(isPadded ? code.slice(1, -1) : code) });
    this.#at = end + length;
    return true;
  }

  #emphasis(mark: Mark): boolean {
    let length = 1;
    while (this.#text[this.#at + length] === mark) length += 1;
    const sides = sidesOf(mark, this.#text[this.#at - 1] ?? " ", this.#text[this.#at + length] ?? " ");
    this.#flush();
    this.#at += length;
    // Two of them strike out; one, or three, is text.
    const counts = mark !== "~" || length === 2;
    const left = counts && sides.closes ? this.#close(mark, length) : length;
    if (left === 0) return true;
    if (counts && sides.opens && this.#open[mark].length < MAX_OPEN) {
      this.#open[mark].push(this.#parts.length);
      this.#put({ kind: "mark", mark, count: left });
    } else this.#plain += mark.repeat(left);
    return true;
  }

  /** Closes what is open, innermost first. @returns how many of the marks are left */
  #close(mark: Mark, length: number): number {
    let left = length;
    const open = this.#open[mark];
    for (let place = open.at(-1); left > 0 && place !== undefined; place = open.at(-1)) {
      const opening = this.#parts[place]?.node;
      if (opening?.kind !== "mark") break;
      const taken = mark === "~" || (opening.count > 1 && left > 1) ? 2 : 1;
      const kind = mark === "~" ? "del" : taken === 2 ? "strong" : "em";
      const inner = this.#parts.splice(place + 1);
      opening.count -= taken;
      left -= taken;
      if (opening.count === 0) this.#parts.pop();
      this.#forgetFrom(opening.count === 0 ? place : place + 1);
      this.#wrap(inner, (children) => ({ kind, children }));
    }
    return left;
  }

  #bracket(length: number, isImage: boolean): boolean {
    this.#flush();
    this.#images = Math.min(this.#images, this.#brackets.length);
    this.#brackets.push(this.#parts.length);
    this.#put({ kind: "bracket", isImage });
    this.#at += length;
    return true;
  }

  #link(): boolean {
    const place = this.#brackets.pop();
    if (place === undefined) return false;
    const bracket = this.#parts[place]?.node;
    this.#at += 1;
    const match = this.#match(DESTINATION);
    if (match === null || bracket?.kind !== "bracket") {
      this.#plain += "]";
      return true;
    }
    this.#flush();
    const inner = this.#parts.splice(place + 1);
    this.#parts.pop();
    this.#forgetFrom(place);
    this.#at += match[0].length;
    const destination = this.#fill.text((match[1] ?? match[2] ?? "").replaceAll(/\\([!-/:-@[-`{-~])/g, "$1"));
    if (bracket.isImage) this.#image(destination, settled(inner));
    else {
      this.#wrap(inner, (children) => ({ kind: "link", href: safeLink(destination), children }));
      this.#closeLinks();
    }
    return true;
  }

  /** No link stands inside another: only images are open still. */
  #closeLinks(): void {
    for (const place of this.#brackets.splice(this.#images)) {
      const node = this.#parts[place]?.node;
      if (node?.kind === "bracket" && node.isImage) this.#brackets.push(place);
    }
    this.#images = this.#brackets.length;
  }

  #image(source: string, alt: readonly Inline[]): void {
    const src = safeImageSource(source);
    if (src !== null) this.#put({ kind: "image", src, alt: wordsOf(alt) });
  }

  #bareAddress(): boolean {
    const isWord = /[\p{L}\p{N}]/u.test(this.#text[this.#at - 1] ?? " ");
    if (isWord || this.#brackets.length > 0) return false;
    return this.#address(BARE_ADDRESS, ([whole]) => {
      let { length } = whole;
      while (TRAILING.includes(whole[length - 1] ?? " ")) length -= 1;
      return whole.slice(0, length);
    });
  }

  #address(pattern: RegExp, read: (match: RegExpExecArray) => string): boolean {
    const match = this.#match(pattern);
    const address = match === null ? "" : read(match);
    if (match === null || address === "") return false;
    this.#flush();
    const text = this.#fill.text(address);
    this.#put({ kind: "link", href: safeLink(text), children: [{ kind: "text", text }] });
    this.#at += match[0].startsWith("<") ? match[0].length : address.length;
    return true;
  }

  /** Puts what others are inside of in their place; as deep as that may be, and no deeper. */
  #wrap(inner: readonly Part[], make: (children: Inline[]) => Inline): void {
    const depth = 1 + inner.reduce((deepest, part) => Math.max(deepest, part.depth), 0);
    const nodes = settled(inner);
    if (depth <= MAX_DEPTH) this.#parts.push({ node: make(nodes), depth });
    // Text beside text is one by now: what is moved again and again stays short.
    else for (const node of nodes) this.#parts.push({ node, depth: depth - 1 });
  }

  /** What stands at a place or after it is open no more. */
  #forgetFrom(place: number): void {
    for (const open of [...Object.values(this.#open), this.#brackets]) {
      while ((open.at(-1) ?? -1) >= place) open.pop();
    }
  }

  #flush(): void {
    if (this.#plain !== "") this.#put({ kind: "text", text: this.#fill.text(this.#plain) });
    this.#plain = "";
  }

  #put(node: Part["node"]): void {
    this.#parts.push({ node, depth: 0 });
  }
}

function closingRun(text: string, from: number, length: number): number | null {
  const runs = /`+/g;
  runs.lastIndex = from;
  for (let run = runs.exec(text); run !== null; run = runs.exec(text)) if (run[0].length === length) return run.index;
  return null;
}

/** Whether a run of marks can open and close, by what stands on its sides. */
function sidesOf(mark: Mark, before: string, after: string): { opens: boolean; closes: boolean } {
  const [spaceBefore, spaceAfter] = [/\s/.test(before), /\s/.test(after)];
  const [pointBefore, pointAfter] = [/[\p{P}\p{S}]/u.test(before), /[\p{P}\p{S}]/u.test(after)];
  const leans = !spaceAfter && (!pointAfter || spaceBefore || pointBefore);
  const follows = !spaceBefore && (!pointBefore || spaceAfter || pointAfter);
  if (mark !== "_") return { opens: leans, closes: follows };
  // Inside a word an underscore is part of it.
  return { opens: leans && (!follows || pointBefore), closes: follows && (!leans || pointAfter) };
}

/** What was not closed is the text it was written as. */
function settled(parts: readonly Part[]): Inline[] {
  const nodes: Inline[] = [];
  for (const { node } of parts) {
    const next = written(node);
    const last = nodes.at(-1);
    if (next.kind === "text" && last?.kind === "text")
      nodes[nodes.length - 1] = { kind: "text", text: last.text + next.text };
    else nodes.push(next);
  }
  return nodes;
}

function written(node: Part["node"]): Inline {
  if (node.kind === "mark") return { kind: "text", text: node.mark.repeat(node.count) };
  if (node.kind === "bracket") return { kind: "text", text: node.isImage ? "![" : "[" };
  return node;
}

function wordsOf(nodes: readonly Inline[]): string {
  return nodes
    .map((node) => {
      if ("text" in node) return node.text;
      if (node.kind === "image") return node.alt;
      return node.kind === "break" ? " " : wordsOf(node.children);
    })
    .join("");
}
