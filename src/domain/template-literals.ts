// What may stand written out in an element: asked when a template is written, so that its author is told at once what
// rendering would leave out.
import type { Json } from "./json.ts";
import { DIRECTIONS, HEADING_LEVELS, LANGUAGE_TAG, MAX_PIXELS, type PropKind } from "./template-components.ts";
import { safeImageSource, safeLink } from "./template-links.ts";
import { isStyleValue } from "./template-styles.ts";

const STYLE_VALUE_MESSAGE =
  "A number or one plain CSS value is needed here: no semicolon, brace or backslash; url() only of https images.";

/** The kinds that hold one value, not a style. */
type SingleKind = Exclude<PropKind, "style" | "button_style" | "markdown_styles">;

/** What is wrong with a value that is written out; `null` = nothing. */
export function literalIssue(kind: SingleKind, value: Json | undefined): string | null {
  return TESTS[kind](value) ? null : MESSAGES[kind];
}

const isText = (value: unknown): value is string => typeof value === "string" && value.isWellFormed();
const isOneOf = (list: readonly string[], value: unknown): boolean => typeof value === "string" && list.includes(value);

const TESTS: Record<SingleKind, (value: unknown) => boolean> = {
  text: isText,
  markdown: isText,
  link: (value) => typeof value === "string" && safeLink(value) !== null,
  image: (value) => typeof value === "string" && safeImageSource(value) !== null,
  heading_level: (value) => isOneOf(HEADING_LEVELS, value),
  direction: (value) => isOneOf(DIRECTIONS, value),
  language: (value) => typeof value === "string" && LANGUAGE_TAG.test(value),
  style_value: isStyleValue,
  pixels: (value) => typeof value === "number" && value >= 0 && value <= MAX_PIXELS,
};

const TEXT = "Text of valid Unicode, or an expression, is needed here.";

const MESSAGES: Record<SingleKind, string> = {
  text: TEXT,
  markdown: TEXT,
  link: "An http, https or mailto address written out in full, or an expression, is needed here.",
  image: "An https address written out in full, or an expression, is needed here.",
  heading_level: `One of ${HEADING_LEVELS.join(", ")}, or an expression, is needed here.`,
  direction: `One of ${DIRECTIONS.join(", ")}, or an expression, is needed here.`,
  language: "A language such as en or pt-BR, or an expression, is needed here.",
  style_value: STYLE_VALUE_MESSAGE,
  pixels: `A number of 0 to ${MAX_PIXELS}, or an expression, is needed here.`,
};
