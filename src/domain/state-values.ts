// Values of a step that are written out or read from a place when the step runs. Places are parsed once, when the
// step is compiled; what is read is shared with where it stands, never copied and never changed.
import type { ConditionScope } from "./condition.ts";
import { isMeantAsReference } from "./definition-fields.ts";
import { isJsonObject, type Json } from "./json.ts";
import { resolvePointer } from "./json-pointer.ts";
import { parseStatePath } from "./state-path.ts";

const UTF8 = new TextEncoder();
/** Sizes of lists and objects that are there still. */
const SIZES = new WeakMap<object, number>();

/** Gives a value as things are; `undefined` where a path leads nowhere. */
type ReadValue = (scope: ConditionScope) => Json | undefined;

/** Prepares a literal or `{ "$state": pointer }` of a checked document; a pointer that was not checked throws. */
export function compileValue(value: Json): ReadValue {
  return isReference(value) ? compilePath(value.$state) : () => value;
}

/** Prepares JSON in which any value may be `{ "$state": pointer }`; one that leads nowhere gives `null`. */
export function compileDocument(document: Json): (scope: ConditionScope) => Json {
  if (isReference(document)) {
    const read = compilePath(document.$state);
    return (scope) => read(scope) ?? null;
  }
  if (Array.isArray(document)) {
    const items = document.map(compileDocument);
    return (scope) => items.map((item) => item(scope));
  }
  if (!isJsonObject(document)) return () => document;
  const members = Object.entries(document).map(([name, value]) => [name, compileDocument(value)] as const);
  // fromEntries defines properties, so that one called `__proto__` stays data.
  return (scope) => Object.fromEntries(members.map(([name, value]) => [name, value(scope)]));
}

/** Tells whether a value's JSON text fits into so many bytes of UTF-8. */
export function jsonFits(value: Json, maxBytes: number): boolean {
  return jsonSize(value) <= maxBytes;
}

/**
 * Counts the bytes of a value's JSON text in UTF-8. What stands inside of it is counted once and remembered: a small
 * document can name the same large place a thousand times, and a run can write it at every step.
 *
 * @param value  is never changed, nor is what it holds
 */
export function jsonSize(value: Json): number {
  if (typeof value !== "object" || value === null) return textBytes(value);
  const known = SIZES.get(value);
  if (known !== undefined) return known;
  const members = Object.values(value);
  // Brackets, and a comma between any two; names with their colons.
  let bytes = 1 + Math.max(1, members.length);
  for (const member of members) bytes += jsonSize(member);
  if (!Array.isArray(value)) for (const name of Object.keys(value)) bytes += textBytes(name) + 1;
  SIZES.set(value, bytes);
  return bytes;
}

function textBytes(value: Exclude<Json, object>): number {
  const text = JSON.stringify(value);
  return typeof value === "string" ? UTF8.encode(text).byteLength : text.length;
}

function isReference(value: Json): value is { $state: string } {
  return isMeantAsReference(value) && typeof (value as { $state: Json }).$state === "string";
}

function compilePath(pointer: string): ReadValue {
  const parsed = parseStatePath(pointer);
  if (!parsed.ok) throw new Error("a step holds a path that was not checked");
  const { root, tokens } = parsed.value;
  return (scope) => resolvePointer(root === "event" ? scope.event() : scope.profile(), tokens);
}
