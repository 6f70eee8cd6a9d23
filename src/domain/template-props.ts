// What an element is drawn with: each prop read by its kind. What a value of the state cannot safely be is left out.
import { hasOwn, isJsonObject, type Json } from "./json.ts";
import {
  DIRECTIONS,
  HEADING_LEVELS,
  LANGUAGE_TAG,
  MARKDOWN_STYLES,
  MAX_PIXELS,
  type PropKind,
} from "./template-components.ts";
import { expressionName, isMeantAsExpression } from "./template-expressions.ts";
import { safeImageSource, safeLink } from "./template-links.ts";
import { TooMuch, type RepeatedItem, type TemplateReader } from "./template-reader.ts";
import { isButtonStyle, isStyleName, isStyleValue } from "./template-styles.ts";

export type Style = Record<string, string | number>;

/**
 * Markdown with the values that belong into it kept apart, so that none of them is read as Markdown: each stands in the
 * source as one character of Unicode's private use area, the first as U+E000.
 */
export interface MarkdownText {
  source: string;
  values: string[];
}

/** How many values there is a character for. */
const MAX_MARKDOWN_VALUES = 0xf8ff - 0xe000 + 1;
/** UTF-16 units; parsing takes more time than length in the worst case. */
const MAX_MARKDOWN_CHARACTERS = 64 * 1024;
const PRIVATE_USE = /[\uE000-\uF8FF]/g;

/**
 * Resolves one prop.
 *
 * @returns as its kind has it (`markdown` a {@link MarkdownText}, styles {@link Style}); `undefined` = nothing to draw
 */
export function resolveProp(
  kind: PropKind,
  value: Json | undefined,
  reader: TemplateReader,
  item: RepeatedItem | null,
): unknown {
  if (value === undefined || value === null) return kind === "text" || kind === "markdown" ? empty(kind) : undefined;
  switch (kind) {
    case "text":
      return reader.text(value, item);
    case "markdown":
      return markdownOf(value, reader, item);
    case "link":
      return safeLink(reader.written(value, item)) ?? undefined;
    case "image":
      return safeImageSource(reader.written(value, item)) ?? undefined;
    case "heading_level":
      return HEADING_LEVELS.find((level) => level === reader.value(value, item));
    case "direction":
      return DIRECTIONS.find((direction) => direction === reader.value(value, item));
    case "language": {
      const tag = reader.text(value, item);
      return LANGUAGE_TAG.test(tag) ? tag : undefined;
    }
    case "pixels": {
      const pixels = reader.value(value, item);
      return typeof pixels === "number" && pixels >= 0 && pixels <= MAX_PIXELS ? pixels : undefined;
    }
    case "style_value": {
      const single = reader.value(value, item);
      return isStyleValue(single) ? single : undefined;
    }
    case "style":
    case "button_style":
      return styleOf(kind, value, reader, item);
    case "markdown_styles":
      return markdownStyles(value, reader, item);
  }
}

function empty(kind: "text" | "markdown"): string | MarkdownText {
  return kind === "text" ? "" : { source: "", values: [] };
}

function markdownOf(value: Json, reader: TemplateReader, item: RepeatedItem | null): MarkdownText {
  const values: string[] = [];
  const source = reader.parts(value, item).map(({ isValue, text }) => {
    if (!isValue) return text.replaceAll(PRIVATE_USE, "");
    values.push(text);
    return String.fromCharCode(0xe000 + values.length - 1);
  });
  const whole = source.join("");
  if (whole.length > MAX_MARKDOWN_CHARACTERS || values.length > MAX_MARKDOWN_VALUES) {
    throw new TooMuch(`The e-mail would hold Markdown of more than ${MAX_MARKDOWN_CHARACTERS} characters.`);
  }
  return { source: whole, values };
}

/** A style that is written out may hold expressions; one that is read holds values and nothing else. */
function styleOf(
  kind: "style" | "button_style",
  value: Json | undefined,
  reader: TemplateReader,
  item: RepeatedItem | null,
): Style | undefined {
  if (isMeantAsExpression(value)) {
    if (expressionName(value) === "$cond") return styleOf(kind, reader.choose(value, item), reader, item);
    return plainStyle(kind, reader.value(value, item), reader, (single) => single);
  }
  return plainStyle(kind, value, reader, (single) => reader.value(single, item));
}

function plainStyle(
  kind: "style" | "button_style",
  style: Json | undefined,
  reader: TemplateReader,
  read: (single: Json) => Json | undefined,
): Style | undefined {
  if (!isJsonObject(style)) return undefined;
  const kept: [string, string | number][] = [];
  for (const [name, single] of Object.entries(style)) {
    const value = isStyleName(name) ? read(single) : undefined;
    reader.countCharacters(name.length + (typeof value === "string" ? value.length : 1));
    if (isStyleValue(value) && (kind === "style" || isButtonStyle(name, value))) kept.push([name, value]);
  }
  return Object.fromEntries(kept);
}

function markdownStyles(
  value: Json | undefined,
  reader: TemplateReader,
  item: RepeatedItem | null,
): Record<string, Style> | undefined {
  let styles = value;
  let isRead = false;
  while (isMeantAsExpression(styles) && !isRead) {
    isRead = expressionName(styles) !== "$cond";
    styles = isRead ? reader.value(styles, item) : reader.choose(styles, item);
  }
  if (!isJsonObject(styles)) return undefined;
  const all = styles;
  const kept = MARKDOWN_STYLES.filter((name) => hasOwn(all, name)).flatMap((name): [string, Style][] => {
    const style = isRead
      ? plainStyle("style", all[name], reader, (single) => single)
      : styleOf("style", all[name], reader, item);
    return style === undefined ? [] : [[name, style]];
  });
  return Object.fromEntries(kept);
}
