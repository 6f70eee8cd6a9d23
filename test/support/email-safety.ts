// What holds for the HTML of every e-mail, whatever was put into it.
import { expect } from "vitest";
import { elementsOf, parsePage, type HtmlElement } from "./html-walk.ts";

const TAGS = new Set(
  "html head meta body table thead tbody tr th td div p h1 h2 h3 h4 h5 h6 a span img hr br strong em del code pre ul ol li blockquote".split(
    " ",
  ),
);

const ATTRIBUTES = new Set(
  "align alt border cellPadding cellSpacing content data-id data-skip-in-text dir height href http-equiv lang name role src start style target width".split(
    " ",
  ),
);

/** `name:value`, as React writes it: the value neither ends the declaration nor calls what runs. */
const DECLARATION = /^-?[a-z][a-z-]*:[^;{}<>\\@]*$/;

/** Checks a page for everything that could run, load or lead where it must not. @returns the page, parsed */
export function expectSafe(html: string): HtmlElement {
  expect(html.isWellFormed()).toBe(true);
  expect(html).not.toMatch(/(?![\t\n\r])\p{Cc}/u);
  const page = parsePage(html);
  for (const { tag, attributes } of elementsOf(page)) {
    expect(TAGS, "tag").toContain(tag);
    for (const [name, value] of Object.entries(attributes)) {
      expect(ATTRIBUTES, `attribute of <${tag}>`).toContain(name);
      if (name === "href") expect(value).toMatch(/^(?:https?:\/\/[^/\\\p{Cc}]|mailto:)[^\p{Cc}]*$/iu);
      if (name === "src") expect(value).toMatch(/^https:\/\/[^/\\\p{Cc}][^\p{Cc}]*$/iu);
      if (name === "style") expectSafeStyle(value);
    }
    if (tag === "meta") expect(["Content-Type", undefined]).toContain(attributes["http-equiv"]);
  }
  return page;
}

function expectSafeStyle(style: string): void {
  // What is inside url() has been looked at as a whole: only there a semicolon could stand.
  for (const [, url = ""] of style.matchAll(/url\(["']?([^"')]*)/gi)) expect(url).toMatch(/^https:\/\//);
  for (const declaration of style.split(";")) expect(declaration).toMatch(DECLARATION);
  expect(style).not.toMatch(/expression|javascript|-moz-binding|behavior|image-set|element\(|attr\(/i);
}

/** Words that stand for a value that is not there. */
export const NO_VALUE = /undefined|\bnull\b|NaN|\[object/;
