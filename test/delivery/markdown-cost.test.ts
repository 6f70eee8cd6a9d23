import { describe, expect, it } from "vitest";
import { parseMarkdown, type Block, type Inline } from "../../src/delivery/markdown.ts";

/** What Markdown parsers have been slow at; each is repeated up to a length. */
const REPEATED: readonly (readonly [begin: string, repeated: string, end?: string])[] = [
  ["", "*"],
  ["", "*a "],
  ["", "_a_"],
  ["", "**a *b "],
  ["", "~~a"],
  ["", "["],
  ["", "!["],
  ["", "[a]("],
  ["", "[a](<"],
  ["", '[a](b "'],
  ["", "[a](https://a.b/c) "],
  ["[a](", "("],
  ["[a](", " "],
  ["", "`"],
  ["", "``a`"],
  ["", "<"],
  ["", "<a "],
  ["", "<!--"],
  ["https://", "a."],
  ["https://", "!", "a"],
  ["", "https://a "],
  ["", "\\"],
  ["", "&"],
  ["a", " ", "b"],
  ["", "  \n"],
  ["", "> "],
  ["", "- "],
  ["", "* ", "x"],
  ["", "- a\n"],
  ["", "- a\n\n"],
  ["", "- a\n b\n"],
  ["", "1. "],
  ["# a", " #", "x"],
  ["", "|"],
  ["", "a|b\n"],
  ["", "a|b\n-|-\n"],
  ["", "```\n"],
  ["", "\n"],
];

const NESTED: readonly ((count: number) => string)[] = [
  (n) => "*a ".repeat(n) + "a* ".repeat(n),
  (n) => "*a _b ".repeat(n) + "b_ a* ".repeat(n),
  (n) => "[".repeat(n) + "a](https://a.b)".repeat(n),
  (n) => "![[".repeat(n) + "](x)".repeat(n),
  (n) => `*${"**a** ".repeat(n)}a*`,
  (n) => "![".repeat(n * 8) + "[](a)".repeat(n * 4),
  (n) => "*a`c`".repeat(n * 4) + "a* ".repeat(n * 4),
  (n) => Array.from({ length: Math.ceil(Math.sqrt(n)) }, (_, i) => `${">".repeat(i)} a`).join("\n"),
  (n) => Array.from({ length: Math.ceil(Math.sqrt(n)) }, (_, i) => `${" ".repeat(i * 2)}- a`).join("\n"),
  (n) => Array.from({ length: Math.ceil(Math.sqrt(n)) }, (_, i) => "`".repeat(i + 1)).join(" "),
];

/** How deep what was parsed is: whoever draws it goes as deep. */
function deepest(blocks: readonly (Block | Inline)[]): number {
  return Math.max(
    0,
    ...blocks.map((block) => {
      if ("children" in block) return 1 + deepest(block.children);
      return block.kind === "list" ? 1 + Math.max(0, ...block.items.map(deepest)) : 1;
    }),
  );
}

function cellsIn(block: Block | undefined): number {
  if (block?.kind !== "table") throw new Error("expected a table");
  return [block.header, ...block.rows].reduce((sum, row) => sum + row.length, 0);
}

// A parser that looks back needs a minute for some of these, and fails by the suite's own limit.
describe("Markdown of 65,000 characters", () => {
  it.each(REPEATED)("of %j and %j again and again is parsed in one pass", (begin, repeated = "", end = "") => {
    const source = begin + repeated.repeat(Math.floor(65_000 / repeated.length)) + end;
    expect(deepest(parseMarkdown({ source, values: [] }))).toBeLessThan(30);
  });

  it.each(NESTED.map((make) => make(2)).map((sample, i) => [sample, NESTED[i]] as const))(
    "like %j, many times over, is parsed in one pass and never deep",
    (_, make) => {
      expect(deepest(parseMarkdown({ source: make?.(6_000) ?? "", values: [] }))).toBeLessThan(30);
    },
  );

  it("fills up the short rows of a wide table up to a bound, not with millions of cells", () => {
    const source = `${"a|".repeat(1_500)}\n${"-|".repeat(1_500)}\n${"|\n".repeat(1_500)}`;
    expect(cellsIn(parseMarkdown({ source, values: [] })[0])).toBeLessThan(4_001);
  });
});
