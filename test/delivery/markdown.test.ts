import { describe, expect, it } from "vitest";
import { parseMarkdown, type Block, type Inline } from "../../src/delivery/markdown.ts";

/** Blocks as text with the names of what they are around them: short to write, and nothing of their order is lost. */
function outline(source: string, values: string[] = []): string {
  return parseMarkdown({ source, values }).map(blockOutline).join(" ");
}

function blockOutline(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `h${block.level}(${inlineOutline(block.children)})`;
    case "paragraph":
      return `p(${inlineOutline(block.children)})`;
    case "line":
      return inlineOutline(block.children);
    case "code":
      return `pre(${block.text})`;
    case "quote":
      return `quote(${block.children.map(blockOutline).join(" ")})`;
    case "list": {
      const items = block.items.map((item) => `li(${item.map(blockOutline).join(" ")})`);
      return `${block.start === null ? "ul" : `ol${block.start}`}(${items.join(" ")})`;
    }
    case "table": {
      const row = (cells: typeof block.header): string =>
        `tr(${cells.map(({ align, children }) => `${align ?? ""}:${inlineOutline(children)}`).join("|")})`;
      return `table(${[block.header, ...block.rows].map(row).join(" ")})`;
    }
    case "rule":
      return "hr";
  }
}

function inlineOutline(nodes: readonly Inline[]): string {
  return nodes
    .map((node) => {
      switch (node.kind) {
        case "text":
          return node.text;
        case "code":
          return `code(${node.text})`;
        case "link":
          return `a(${inlineOutline(node.children)} → ${node.href})`;
        case "image":
          return `img(${node.alt} → ${node.src})`;
        case "break":
          return "br";
        case "strong":
        case "em":
        case "del":
          return `${node.kind}(${inlineOutline(node.children)})`;
      }
    })
    .join("");
}

describe("blocks of Markdown", () => {
  it.each([
    ["Hello", "p(Hello)"],
    ["a\nb\n\nc", "p(a\nb) p(c)"],
    ["a\r\n\r\nb", "p(a) p(b)"],
    ["# One", "h1(One)"],
    ["### Three ###", "h3(Three)"],
    ["#", "h1()"],
    ["####### seven", "p(####### seven)"],
    ["#tag", "p(#tag)"],
    ["a\n# b\nc", "p(a) h1(b) p(c)"],
    ["---", "hr"],
    ["* * *", "hr"],
    ["a\n---\nb", "p(a) hr p(b)"],
    ["-- a", "p(-- a)"],
    ["> a\n> b", "quote(p(a\nb))"],
    ["> # a\n>\n> - b", "quote(h1(a) ul(li(b)))"],
    ["> a\nb", "quote(p(a)) p(b)"],
    ["```\na <b>\n  c\n```\nd", "pre(a <b>\n  c) p(d)"],
    ["~~~js\na\n```\n~~~", "pre(a\n```)"],
    ["```\nnever closed", "pre(never closed)"],
    ["- a\n- b", "ul(li(a) li(b))"],
    ["* a\n+ b", "ul(li(a)) ul(li(b))"],
    ["1. a\n2. b", "ol1(li(a) li(b))"],
    ["3) a", "ol3(li(a))"],
    ["- a\n\n- b", "ul(li(p(a)) li(p(b)))"],
    ["- a\n  - b\n    - c\n- d", "ul(li(a ul(li(b ul(li(c))))) li(d))"],
    ["- a\n  more\n\n  second\n- b", "ul(li(p(a\nmore) p(second)) li(p(b)))"],
    ["- a\ngoes on\n\nb", "ul(li(a\ngoes on)) p(b)"],
    ["a\n- b", "p(a) ul(li(b))"],
    ["- [ ] a\n- [x] b", "ul(li(☐ a) li(☑ b))"],
    ["-a", "p(-a)"],
    ["1.5 kg", "p(1.5 kg)"],
    ["| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 |", "table(tr(:a|right:b) tr(:1|right:2) tr(:3|right:))"],
    ["a|b\n:-:|:-\n1\\|2|3\n\nc", "table(tr(center:a|left:b) tr(center:1|2|left:3)) p(c)"],
    ["a | b\nno rule", "p(a | b\nno rule)"],
    ["<div>\n\n**a**\n\n</div>", "p(<div>) p(strong(a)) p(</div>)"],
    ["", ""],
    ["  \n\t\n", ""],
  ])("%j is %s", (source, expected) => {
    expect(outline(source)).toBe(expected);
  });

  it("stand eight deep in each other, and text below", () => {
    expect(outline(`${"> ".repeat(9)}a`)).toBe(`${"quote(".repeat(8)}p(> a)${")".repeat(8)}`);
  });
});

describe("inside a line of Markdown", () => {
  it.each([
    ["*a* _b_ **c** __d__ ~~e~~", "em(a) em(b) strong(c) strong(d) del(e)"],
    ["***a***", "em(strong(a))"],
    ["**a *b* c**", "strong(a em(b) c)"],
    ["*a **b***", "em(a strong(b))"],
    ["**a*", "*em(a)"],
    ["*a", "*a"],
    ["a * b * c", "a * b * c"],
    ["2*3*4", "2em(3)4"],
    ["snake_case_name", "snake_case_name"],
    ["_a_b_", "em(a_b)"],
    ["~a~ ~~~b~~~", "~a~ ~~~b~~~"],
    ["*a _b* c_", "em(a _b) c_"],
    ["`a *b*` c", "code(a *b*) c"],
    ["`` a`b ``", "code(a`b)"],
    ["`a", "`a"],
    ["`a ``b`", "code(a ``b)"],
    ["\\*a\\* \\<b\\> \\q", "*a* <b> \\q"],
    ["\\&amp; &amp; &copy; &#65;&#x42; &nope; &#0;&#xFFFFFF;", "&amp; & © AB &nope; \ufffd\ufffd"],
    ["`&amp;`", "code(&amp;)"],
    ["a  \nb\\\nc\nd", "abrbbrc\nd"],
    ["[a](https://b.example)", "a(a → https://b.example)"],
    ['[a](https://b.example "title") c', "a(a → https://b.example) c"],
    ["[a](<https://b.example/c d>)", "a(a → https://b.example/c d)"],
    ["[a](https://b.example/c_(d))", "a(a → https://b.example/c_(d))"],
    ["[**a** b](mailto:a@b.example)", "a(strong(a) b → mailto:a@b.example)"],
    ["[a](/relative)", "a(a → null)"],
    ["[a](javascript:alert(1))", "a(a → null)"],
    ["[a](java&#115;cript:x)", "a(a → null)"],
    ["[a](https://b.example/?c=1&amp;d=2)", "a(a → https://b.example/?c=1&d=2)"],
    ["[a](b c)", "[a](b c)"],
    ["[a] (b)", "[a] (b)"],
    ["[a", "[a"],
    ["a]", "a]"],
    [
      "[a [b](https://c.example) d](https://e.example)",
      "[a a(b → https://c.example) d](https://e.example)".replace(
        "](https://e.example)",
        "](a(https://e.example → https://e.example))",
      ),
    ],
    ["![a](https://b.example/c.png)", "img(a → https://b.example/c.png)"],
    ["![a](http://b.example/c.png)", ""],
    ["![*a* b](https://b.example/c.png)", "img(a b → https://b.example/c.png)"],
    ["[![a](https://b.example/c.png)](https://d.example)", "a(img(a → https://b.example/c.png) → https://d.example)"],
    ["<https://a.example/b?c>", "a(https://a.example/b?c → https://a.example/b?c)"],
    ["<mailto:a@b.example>", "a(mailto:a@b.example → mailto:a@b.example)"],
    ["<javascript:alert(1)>", "<javascript:alert(1)>"],
    ["<b>a</b>", "<b>a</b>"],
    ["see https://a.example/b_c. And", "see a(https://a.example/b_c → https://a.example/b_c). And"],
    ["(https://a.example)", "(a(https://a.example → https://a.example))"],
    ["**https://a.example**", "strong(a(https://a.example → https://a.example))"],
    ["[https://a.example](https://b.example)", "a(https://a.example → https://b.example)"],
    ["xhttps://a.example", "xhttps://a.example"],
  ])("%j is %s", (source, expected) => {
    expect(outline(source)).toBe(`p(${expected})`);
  });

  it("stands sixteen deep in each other, and is text below", () => {
    const deep = outline("*a ".repeat(40) + "b* ".repeat(40));
    expect([deep.split("em(").length - 1, deep.includes("b")]).toEqual([16, true]);
  });
});

describe("values in Markdown", () => {
  const [ONE, TWO] = ["\ue000", "\ue001"];

  it.each([
    [`# ${ONE}`, ["*a* [b](https://c.example)"], "h1(*a* [b](https://c.example))"],
    [`**${ONE}**`, ["** &amp; <b>"], "p(strong(** &amp; <b>))"],
    [ONE, ["# a"], "p(# a)"],
    [ONE, ["- a\n- b"], "p(- a\n- b)"],
    [`\`${ONE}\``, ["`a`"], "p(code(`a`))"],
    ["```\n" + ONE + "\n```", ["```"], "pre(```)"],
    [`- ${ONE}\n- ${TWO}`, ["1. a", "> b"], "ul(li(1. a) li(> b))"],
    [`| ${ONE} | b |\n|--|--|\n| ${TWO} | c |`, ["x|y", "|"], "table(tr(:x|y|:b) tr(:||:c))"],
    [`[${ONE}](${TWO})`, ["](x)", "https://b.example"], "p(a(](x) → https://b.example))"],
    [`[a](https://b.example/${ONE})`, ["c d"], "p(a(a → https://b.example/c d))"],
    [`[a](${ONE})`, ["javascript:alert(1)"], "p(a(a → null))"],
    [`[a](${ONE}script:alert(1))`, ["java"], "p(a(a → null))"],
    [`![${ONE}](${TWO})`, ['"><b>', "https://b.example/c.png"], 'p(img("><b> → https://b.example/c.png))'],
    [`${ONE}${TWO}`, ["*", "*"], "p(**)"],
    [`*${ONE}*${TWO}`, ["", "a"], "p(em()a)"],
  ])("%j with %j is %s", (source, values, expected) => {
    expect(outline(source ?? "", values)).toBe(expected);
  });
});
