// What the elements of an e-mail's body can be, and what each of them takes: the standard components of
// @json-render/react-email 0.8, held to that library's own catalog by a test. The domain knows no package, and a
// template is checked where none of them is evaluated.
import { hasOwn } from "./json.ts";

/** What a prop holds once it is resolved. */
export type PropKind =
  /** Plain text. */
  | "text"
  /** Text that is read as Markdown; what is put into it is not. */
  | "markdown"
  /** A URL of http, https or mailto. */
  | "link"
  /** A URL of https. */
  | "image"
  | "heading_level"
  | "direction"
  /** A language tag, BCP 47. */
  | "language"
  /** A whole number from 0. */
  | "pixels"
  /** Names of CSS properties, in camelCase, and their values. */
  | "style"
  /** One of them. */
  | "style_value"
  /** As `style`, with a padding that is counted out in spaces. */
  | "button_style"
  /** A style each for the elements that Markdown makes. */
  | "markdown_styles";

export interface PropRule {
  kind: PropKind;
  required: boolean;
}

export interface ComponentRule {
  props: Readonly<Record<string, PropRule>>;
  /** Whether it holds other elements. */
  hasChildren: boolean;
}

const required = (kind: PropKind): PropRule => ({ kind, required: true });
const optional = (kind: PropKind): PropRule => ({ kind, required: false });
const holding = (props: Record<string, PropRule>): ComponentRule => ({ props, hasChildren: true });
const leaf = (props: Record<string, PropRule>): ComponentRule => ({ props, hasChildren: false });

const style = optional("style");

export const COMPONENTS = {
  Html: holding({ lang: optional("language"), dir: optional("direction") }),
  Head: holding({}),
  Body: holding({ style }),
  Container: holding({ style }),
  Section: holding({ style }),
  Row: holding({ style }),
  Column: holding({ style }),
  Heading: leaf({ text: required("text"), as: optional("heading_level"), style }),
  Text: leaf({ text: required("text"), style }),
  Link: leaf({ text: required("text"), href: required("link"), style }),
  Button: leaf({ text: required("text"), href: required("link"), style: optional("button_style") }),
  Image: leaf({
    src: required("image"),
    alt: optional("text"),
    width: optional("pixels"),
    height: optional("pixels"),
    style,
  }),
  Hr: leaf({ style }),
  Preview: leaf({ text: required("text") }),
  Markdown: leaf({
    content: required("markdown"),
    markdownContainerStyles: style,
    markdownCustomStyles: optional("markdown_styles"),
  }),
} as const satisfies Record<string, ComponentRule>;

export type ComponentName = keyof typeof COMPONENTS;

/** The rule of a component by its name; `null` = there is no such component. */
export function componentRule(name: string): ComponentRule | null {
  return hasOwn(COMPONENTS, name) ? COMPONENTS[name as ComponentName] : null;
}

export const HEADING_LEVELS = ["h1", "h2", "h3", "h4", "h5", "h6"] as const;
export const DIRECTIONS = ["ltr", "rtl"] as const;
/** BCP 47, loosely: subtags of letters and digits. */
export const LANGUAGE_TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/;
export const MAX_PIXELS = 10_000;

/** The elements that Markdown makes, as `markdownCustomStyles` names them. */
export const MARKDOWN_STYLES = [
  ...HEADING_LEVELS,
  "p",
  "bold",
  "italic",
  "strikethrough",
  "link",
  "image",
  "blockQuote",
  "codeInline",
  "codeBlock",
  "ul",
  "ol",
  "li",
  "hr",
  "br",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
] as const;
export type MarkdownStyle = (typeof MARKDOWN_STYLES)[number];
