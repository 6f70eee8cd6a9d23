// Values of a step that are written out or read from a place when the step runs. Places are parsed once, when the
// step is compiled; what is read is shared with where it stands, never copied and never changed.
import type { ConditionScope } from "./condition.ts";
import { isMeantAsReference } from "./definition-fields.ts";
import { isJsonObject, type Json } from "./json.ts";
import { resolvePointer } from "./json-pointer.ts";
import { parseStatePath } from "./state-path.ts";

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

/**
 * Tells whether a value's JSON text fits into so many bytes of UTF-8. It stops counting past them: a small document
 * can name the same large place a thousand times.
 */
export function jsonFits(value: Json, maxBytes: number): boolean {
  let left = maxBytes;
  const take = (item: Json): boolean => {
    if (typeof item !== "object" || item === null) left -= textBytes(item);
    else {
      const names = Array.isArray(item) ? [] : Object.keys(item);
      const members = Object.values(item);
      // Brackets, and a comma between any two; names with their colons.
      left -= 1 + Math.max(1, members.length);
      for (const name of names) left -= textBytes(name) + 1;
      return left >= 0 && members.every(take);
    }
    return left >= 0;
  };
  return take(value);
}

function textBytes(value: Exclude<Json, object>): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength;
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
