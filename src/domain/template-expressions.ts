// Expressions: where a template has no text of its own but says what to read. The words are json-render's; what is
// read of the state is never looked into for expressions again.
import { hasOwn, isJsonObject, type Json, type JsonObject } from "./json.ts";
import { err, ok, type Result } from "./result.ts";
import { parseStatePath, type StatePath, type StateRoot } from "./state-path.ts";

/** Where a template may read. */
export const TEMPLATE_ROOTS = ["event", "profile", "journey"] as const satisfies readonly StateRoot[];

/** Characters of one path: what is missing is told by its path. */
export const MAX_PATH_CHARACTERS = 1_024;

/** A place in a `$template`, as json-render finds it. */
const PLACE = /\$\{([^}]+)\}/g;

/** What a `$template` is put together from: texts and places. */
export type TemplatePart = { kind: "text"; text: string } | { kind: "place"; pointer: string; path: StatePath };

/** Tells whether a value is meant as an expression, well-formed or not. */
export function isMeantAsExpression(value: unknown): value is JsonObject {
  return isJsonObject(value) && Object.keys(value).some((key) => key.startsWith("$"));
}

/** Reads a pointer into the state, such as `/event/orderId`. @returns the path, or what is wrong in plain words */
export function parseTemplatePath(pointer: Json | undefined): Result<StatePath, string> {
  if (typeof pointer !== "string") return err('A path is needed here, such as "/event/name".');
  if (pointer.length > MAX_PATH_CHARACTERS) return err(`A path has at most ${MAX_PATH_CHARACTERS} characters.`);
  return parseStatePath(pointer, TEMPLATE_ROOTS);
}

/**
 * Takes a `$template` apart.
 *
 * @returns its parts in order, or what is wrong in plain words
 */
export function parseTemplateText(text: Json | undefined): Result<TemplatePart[], string> {
  if (typeof text !== "string") return err('"$template" takes text, such as "Order ${/event/orderId}".');
  const parts: TemplatePart[] = [];
  let end = 0;
  // Behind the last "}" no place ends: looking for one from each "${" there would take the square of the length.
  for (const match of text.slice(0, text.lastIndexOf("}") + 1).matchAll(PLACE)) {
    const [whole, pointer = ""] = match;
    if (match.index > end) parts.push({ kind: "text", text: text.slice(end, match.index) });
    const path = parseTemplatePath(pointer);
    if (!path.ok) return path;
    parts.push({ kind: "place", pointer, path: path.value });
    end = match.index + whole.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  const isOpen = parts.some((part) => part.kind === "text" && part.text.includes("${"));
  return isOpen ? err('After "${" comes a path and then "}", as in "${/event/orderId}".') : ok(parts);
}

/** The expressions there are, by the word that makes them. */
export const EXPRESSIONS = ["$state", "$template", "$cond", "$item", "$index"] as const;
export type ExpressionName = (typeof EXPRESSIONS)[number];

/** What kind of expression a value is; `null` = of none that there is. */
export function expressionName(value: JsonObject): ExpressionName | null {
  return EXPRESSIONS.find((name) => hasOwn(value, name)) ?? null;
}
