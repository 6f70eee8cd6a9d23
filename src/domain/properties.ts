// Profile Properties: durable, merged by top-level name. `null` removes a name; arrival order wins.
import { hasOwn, jsonEquals, type JsonObject } from "./json.ts";

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
