// `meta.patch_properties` of a profile: values added to its lists and taken out of them, properties removed. It
// stood beside the attributes at first and among them since 2024-05-03; both places count at every revision.
import { isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import type { ListEdits } from "../../../domain/properties.ts";
import { field, INVALID_PAYLOAD, type Problems } from "./json-api.ts";

export interface ProfilePatch {
  /** Names of properties to remove. */
  unset: string[];
  lists: ListEdits | null;
  /** Whether identifiers were to be changed too, which is not done. */
  patchesIdentifiers: boolean;
}

export const NO_PATCH: ProfilePatch = { unset: [], lists: null, patchesIdentifiers: false };

/**
 * Reads what a profile's `meta` asks for.
 *
 * @param metas    every place where it may stand; of two that name the same property the first counts
 * @param pointer  JSON Pointer to what holds it
 */
export function readPatch(metas: readonly (Json | undefined)[], pointer: string, problems: Problems): ProfilePatch {
  const at = `${pointer}/meta/patch_properties`;
  const patches = metas.flatMap((meta) => {
    const patch = isJsonObject(meta) ? field(meta, "patch_properties") : undefined;
    if (patch === undefined) return [];
    if (isJsonObject(patch)) return [patch];
    problems.add(at, INVALID_PAYLOAD);
    return [];
  });
  const append = patches.map((patch) => objectOf(patch, "append", at, problems));
  const unappend = patches.map((patch) => objectOf(patch, "unappend", at, problems));
  const lists = { append: firstOf(append), unappend: firstOf(unappend) };
  const isEdited = Object.values(lists).some((edits) => Object.keys(edits).length > 0);
  return {
    unset: patches.flatMap((patch) => namesOf(patch, at, problems)),
    lists: isEdited ? lists : null,
    patchesIdentifiers: metas.some((meta) => isJsonObject(meta) && field(meta, "patch_identifiers") !== undefined),
  };
}

function objectOf(patch: JsonObject, name: string, pointer: string, problems: Problems): JsonObject {
  const value = field(patch, name) ?? {};
  if (isJsonObject(value)) return value;
  problems.add(`${pointer}/${name}`, INVALID_PAYLOAD);
  return {};
}

function namesOf(patch: JsonObject, pointer: string, problems: Problems): string[] {
  const unset = field(patch, "unset") ?? [];
  const names = Array.isArray(unset) ? unset : [unset];
  if (names.every((name) => typeof name === "string")) return names;
  problems.add(`${pointer}/unset`, INVALID_PAYLOAD);
  return [];
}

/** One object of several; a spread defines own properties, so that one called `__proto__` stays data. */
function firstOf(objects: readonly JsonObject[]): JsonObject {
  return objects.reduceRight<JsonObject>((all, one) => ({ ...all, ...one }), {});
}
