// Profile Properties: durable, merged by top-level name. `null` removes a name; arrival order wins. Lists can be
// added to and taken from without knowing what is in them.
import { hasOwn, jsonEquals, type Json, type JsonObject } from "./json.ts";

/** Most a profile's properties may take up, as UTF-8 JSON text: a row must stay far below SQLite's 2 MB. */
export const MAX_PROPERTIES_BYTES = 512 * 1024;

/**
 * Applies an update to a profile's properties.
 *
 * @returns the new object, or `null` when the update changes nothing
 */
export function patchProperties(current: JsonObject, patch: JsonObject): JsonObject | null {
  const changed = Object.keys(patch).some((name) =>
    patch[name] === null ? hasOwn(current, name) : !hasOwn(current, name) || !jsonEquals(current[name], patch[name]),
  );
  if (!changed) return null;
  // A spread defines own properties, so that a property called `__proto__` stays data.
  const patched: JsonObject = { ...current, ...patch };
  for (const name of Object.keys(patch)) if (patch[name] === null) delete patched[name];
  return patched;
}

/** Edits of lists by the property's name: a list's values one by one, anything else as one value. */
export interface ListEdits {
  append: JsonObject;
  unappend: JsonObject;
}

export interface PropertyChange {
  patch: JsonObject;
  /** Applied to what the patch has left. */
  lists: ListEdits | null;
}

/**
 * Applies an update and edits of lists, in this order.
 *
 * @returns the new object, or `null` when nothing changes
 */
export function changeProperties(current: JsonObject, { patch, lists }: PropertyChange): JsonObject | null {
  const patched = patchProperties(current, patch);
  return (lists === null ? null : editLists(patched ?? current, lists)) ?? patched;
}

/**
 * Adds values to lists and takes values out of them. A value that a list has already is not added again, so that
 * doing it twice is the same as doing it once; a single value counts as a list of one when something is added to it.
 *
 * @returns the new object, or `null` when nothing changes
 */
function editLists(current: JsonObject, { append, unappend }: ListEdits): JsonObject | null {
  const edited = new Map<string, Json[]>();
  const valueOf = (name: string): Json | undefined =>
    edited.get(name) ?? (hasOwn(current, name) ? current[name] : undefined);
  for (const [name, values] of Object.entries(append)) {
    const before = listOf(valueOf(name));
    // By their texts: both lists may be long, and each is gone through once.
    const known = new Set(before.map(textOf));
    const added = listOf(values).filter((value) => known.size < known.add(textOf(value)).size);
    if (added.length > 0) edited.set(name, [...before, ...added]);
  }
  for (const [name, values] of Object.entries(unappend)) {
    const before = valueOf(name);
    if (!Array.isArray(before)) continue;
    const taken = new Set(listOf(values).map(textOf));
    const left = before.filter((value) => !taken.has(textOf(value)));
    if (left.length < before.length) edited.set(name, left);
  }
  return edited.size === 0 ? null : { ...current, ...Object.fromEntries(edited) };
}

function listOf(value: Json | undefined): Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function textOf(value: Json): string {
  return JSON.stringify(value);
}

/**
 * Fills a survivor's blanks from a profile that is merged into it; the survivor's own values win. What there is
 * no room for stays with the merged profile: a merge must never make a profile too large.
 *
 * @param roomBytes  how much may be added, as UTF-8 JSON text
 * @returns the new object and the names that were filled
 */
export function fillBlanks(
  survivor: JsonObject,
  merged: JsonObject,
  roomBytes: number,
): { properties: JsonObject; filled: string[] } {
  let room = roomBytes;
  const blanks = Object.entries(merged).filter(([name, value]) => {
    if (hasOwn(survivor, name)) return false;
    const bytes = jsonBytes(JSON.stringify({ [name]: value }));
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
  return { properties: { ...Object.fromEntries(blanks), ...survivor }, filled: blanks.map(([name]) => name) };
}

/** What JSON text takes up, in bytes of UTF-8. */
export function jsonBytes(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
