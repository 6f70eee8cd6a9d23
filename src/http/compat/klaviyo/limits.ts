// What the vendor lets an event hold. Where its documentation leaves two readings, the larger one is taken: nothing
// that it accepts is refused here.
import { isTooLong } from "../../json-body.ts";
import { isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import type { VendorBodyLimits } from "../vendor-body.ts";
import type { Problems } from "./json-api.ts";

/** "5 MB", of the body once it is inflated; far more levels than an event of 10 inside a bulk job has. */
export const BODY_LIMITS: VendorBodyLimits = { maxBytes: 5 * 1024 * 1024, maxDepth: 64 };

/** "A single string cannot be larger than 100 KB": as UTF-8, names included. */
const MAX_STRING_BYTES = 100 * 1024;
const MAX_ARRAY_ELEMENTS = 4_000;
/** Objects and arrays inside each other, the properties' own object not counted. */
const MAX_NESTED_LEVELS = 10;
/** "Must be less than 128 characters". */
export const MAX_METRIC_NAME_CHARACTERS = 127;
/** Of one bulk request, over all its profiles. */
export const MAX_BULK_EVENTS = 1_000;

/** Checks an event's properties against every bound. */
export function checkEventProperties(
  properties: JsonObject,
  maxProperties: number,
  pointer: string,
  problems: Problems,
): void {
  if (Object.keys(properties).length > maxProperties) {
    problems.add(pointer, `An event must not have more than ${maxProperties} properties.`);
    return;
  }
  const message = whatIsTooMuch(properties, MAX_NESTED_LEVELS, MAX_ARRAY_ELEMENTS);
  if (message !== null) problems.add(pointer, message);
}

/** Checks any other value: only its strings are bounded. */
export function checkStrings(value: Json, pointer: string, problems: Problems): void {
  const message = whatIsTooMuch(value, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  if (message !== null) problems.add(pointer, message);
}

/** The first bound that a value is past, in words, or `null`. Not recursive: depth is what it guards against. */
function whatIsTooMuch(root: Json, maxLevels: number, maxElements: number): string | null {
  const open: { value: Json; level: number }[] = [{ value: root, level: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, level } = next;
    if (typeof value === "string" && isTooLong(value, MAX_STRING_BYTES)) return STRING_TOO_LONG;
    if (typeof value !== "object" || value === null) continue;
    if (level > maxLevels) return `Properties must not contain more than ${maxLevels} nested levels.`;
    if (Array.isArray(value) && value.length > maxElements) {
      return `An array must not have more than ${maxElements} elements.`;
    }
    if (isJsonObject(value) && Object.keys(value).some((name) => isTooLong(name, MAX_STRING_BYTES))) {
      return STRING_TOO_LONG;
    }
    for (const child of Object.values(value)) open.push({ value: child, level: level + 1 });
  }
  return null;
}

const STRING_TOO_LONG = `A single string must not be larger than 100 KB (${MAX_STRING_BYTES} bytes).`;
