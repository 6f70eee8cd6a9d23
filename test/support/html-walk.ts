// Reads the HTML of an e-mail, strictly: what a lenient parser would repair is an error here, because each mail program
// repairs in its own way. Every text must be escaped to the last quote.

export interface HtmlElement {
  tag: string;
  attributes: Record<string, string>;
  children: (HtmlElement | string)[];
}

const VOID = ["br", "hr", "img", "meta"];
/** React's own, and what a button writes for one mail program. */
const COMMENT =
  /^<!--(?:html|head|body|\/?\$| |\[if mso\]><i style="mso-font-width:[\d.]+%(?:;mso-text-raise:[\d.]+)?" hidden>(?:&#8202;|&#8203;)*<\/i><!\[endif\])-->/;
const DOCTYPE = /^<!DOCTYPE html [^<>]*>/;
const OPENING = /^<([a-z][a-z0-9]*)((?: [A-Za-z-]+="[^"<>]*")*)(\/?)>/;
const CLOSING = /^<\/([a-z][a-z0-9]*)>/;
const ATTRIBUTE = / ([A-Za-z-]+)="([^"<>]*)"/g;
const TEXT = /^[^<]+/;
const ENTITY = /^&(?:amp|lt|gt|quot|#x27|#8202|#8203);/;

/** Parses a page. @throws Error that says where it is not as it has to be */
export function parsePage(html: string): HtmlElement {
  const page: HtmlElement = { tag: "", attributes: {}, children: [] };
  const open = [page];
  let rest = html.replace(DOCTYPE, "");
  const fail = (what: string): never => {
    throw new Error(`${what} at ${JSON.stringify(rest.slice(0, 120))}`);
  };
  while (rest !== "") {
    const within = open.at(-1) ?? fail("too many closing tags");
    const [whole = fail("no tag, comment or text")] =
      COMMENT.exec(rest) ?? OPENING.exec(rest) ?? CLOSING.exec(rest) ?? TEXT.exec(rest) ?? [];
    if (whole.startsWith("<!")) {
      // Says nothing.
    } else if (whole.startsWith("</")) {
      if (`</${within.tag}>` !== whole) fail(`<${within.tag}> is closed by another tag`);
      open.pop();
    } else if (whole.startsWith("<")) {
      const [, tag = "", attributes = "", slash] = OPENING.exec(whole) ?? [];
      const element: HtmlElement = { tag, attributes: {}, children: [] };
      for (const [, name = "", value = ""] of attributes.matchAll(ATTRIBUTE))
        element.attributes[name] = decoded(value, fail);
      within.children.push(element);
      if (!VOID.includes(tag)) open.push(element);
      else if (slash !== "/") fail("a void element does not close itself");
    } else {
      within.children.push(decoded(whole, fail));
    }
    rest = rest.slice(whole.length);
  }
  if (open.length !== 1) fail(`<${open.at(-1)?.tag}> is not closed`);
  return page;
}

function decoded(text: string, fail: (what: string) => never): string {
  if (/[<>"']/.test(text)) fail(`unescaped text ${JSON.stringify(text.slice(0, 120))}`);
  for (const match of text.matchAll(/&/g)) {
    if (!ENTITY.test(text.slice(match.index))) fail(`an unescaped & in ${JSON.stringify(text.slice(0, 120))}`);
  }
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#x27;", "'")
    .replaceAll("&amp;", "&");
}

/** Every element of a page, in order. */
export function elementsOf(element: HtmlElement): HtmlElement[] {
  return element.children.flatMap((child) => (typeof child === "string" ? [] : [child, ...elementsOf(child)]));
}

/** What a page says, in order. */
export function textsOf(element: HtmlElement): string[] {
  return element.children.flatMap((child) => (typeof child === "string" ? [child] : textsOf(child)));
}
