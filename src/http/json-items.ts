// Reads a body that is a list of items, each judged for itself: what is wrong with one is that item's issue and no
// other's. Only what cannot be read as such a list at all refuses the request.
import type { RequestIssue } from "../domain/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";
import { Failure } from "./errors.ts";
import { checkShape, invalidBody, isTooLong, parseJson, readText, type BodyLimits } from "./json-body.ts";
import { findRoundedNumber, mayHoldRoundedNumber } from "./json-numbers.ts";

export interface ListLimits {
  /** Of the whole body. */
  maxBytes: number;
  maxItems: number;
  /** Of each item; its bytes are those of its JSON text as it stands in the body, without the space around it. */
  item: BodyLimits;
  /** A member of the items that says which one it is: a text there counts neither in their bytes nor in their keys. */
  label?: string;
}

export interface SentItem {
  value: Json;
  /** Why it cannot be kept as it was sent; then its value is not to be looked into. */
  issue: RequestIssue | null;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Reads a body of the form `{ "<member>": [ … ] }`; other members are ignored.
 *
 * @throws Failure `payload_too_large`, or `invalid_request` when it is no JSON object with such a list, or the list is
 *         empty or too long
 */
export async function readJsonItems(request: Request, member: string, limits: ListLimits): Promise<SentItem[]> {
  const text = await readText(request, limits.maxBytes);
  const body = parseJson(text);
  if (!isJsonObject(body)) throw invalidBody("The body is not a JSON object.");
  return itemsOf(body, text, member, limits);
}

/**
 * The items of a body that was read already.
 *
 * @param text  the text that the body was parsed from
 * @throws Failure `invalid_request` when there is no such list, or it is empty or too long
 */
export function itemsOf(
  body: JsonObject,
  text: string,
  member: string,
  limits: Omit<ListLimits, "maxBytes">,
): SentItem[] {
  const list = body[member];
  if (!Array.isArray(list) || list.length === 0 || list.length > limits.maxItems) {
    const message = `Must be an array of 1 to ${limits.maxItems} items.`;
    throw new Failure({ code: "invalid_request", issues: [{ path: member, message }] });
  }
  // Of a short body no item can be too long, and few bodies hold numbers that need a look at how they were written.
  const texts = isTooLong(text, limits.item.maxBytes) || mayHoldRoundedNumber(text) ? itemTexts(text, member) : null;
  return list.map((value, i) => ({ value, issue: findIssue(value, texts?.[i] ?? "", limits) }));
}

/** In this order, because a value that is too long or too deep costs more than it should in every later look. */
function findIssue(
  value: Json,
  text: string,
  { item, label }: Pick<ListLimits, "item" | "label">,
): RequestIssue | null {
  let counted = value;
  let isOver = isTooLong(text, item.maxBytes);
  if (label !== undefined && isJsonObject(value) && typeof value[label] === "string") {
    const { [label]: _, ...others } = value;
    counted = others;
    isOver &&= isTooLong(withoutMember(text, label), item.maxBytes);
  }
  if (isOver) return { path: "item", message: `The item is larger than ${item.maxBytes} bytes.` };
  return checkShape(counted, item, "item") ?? ofItem(findRoundedNumber(text));
}

function ofItem(issue: RequestIssue | null): RequestIssue | null {
  return issue?.path === "body" ? { ...issue, path: "item" } : issue;
}

/**
 * The JSON texts of a list's items. Of members with one name the last counts, as it does for the parser.
 *
 * @param text  JSON text of an object that has such a list
 */
export function itemTexts(text: string, member: string): string[] {
  let items: string[] = [];
  let depth = 0;
  /** Of the root: the last string there, which is the name of whatever opens next. */
  let name = "";
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (depth === 1) name = text.slice(at, end + 1);
      at = end;
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      if (depth === 1 && JSON.parse(name) === member) {
        const { parts, end } = partsAt(text, at);
        items = code === OPEN_BRACKET ? parts.map((part) => part.trim()) : [];
        at = end;
      } else {
        depth += 1;
      }
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
      depth -= 1;
    }
  }
  return items;
}

/**
 * The JSON text of an object as it would have been sent without a member: without its name, its value, the space
 * around them and one comma. Of members with one name it is the last, the one that counts. Everything else stays as it
 * is, and so does a text that is no object's.
 *
 * @param text  JSON text, without space around it
 */
export function withoutMember(text: string, member: string): string {
  if (!text.startsWith("{")) return text;
  const { parts } = partsAt(text, 0);
  const last = parts.findLastIndex((part) => nameOf(part) === member);
  return last === -1 ? text : `{${parts.toSpliced(last, 1).join(",")}}`;
}

/** The texts between the commas of the list or object that opens there, and where it ends. */
function partsAt(text: string, open: number): { parts: string[]; end: number } {
  const parts: string[] = [];
  let depth = 1;
  let from = open + 1;
  let at = from;
  for (; depth > 0 && at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) depth += 1;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth -= 1;
    if (depth === 0 || (depth === 1 && code === COMMA)) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return { parts, end: at - 1 };
}

/** The name of an object's member; none where there is only space. */
function nameOf(member: string): unknown {
  const start = member.indexOf('"');
  return start === -1 ? undefined : JSON.parse(member.slice(start, endOfString(member, start) + 1));
}

/** Where the string ends that begins at a quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}
