// Reads resources as JSON:API writes them, and collects what is wrong with them in the vendor's words, each with a
// pointer to where it stands. Source: the vendor's error answers as they were seen on the wire.
import type { RequestIssue } from "../../../domain/errors.ts";
import { toldIssues } from "../../../domain/issue-list.ts";
import { hasOwn, isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import { Failure } from "../../errors.ts";

export const INVALID_PAYLOAD = "The payload provided in the request is invalid.";
const EMPTY_RESOURCE = "One of `attributes`, `relationships` or `id` must be included in the request payload.";

/** A name that may be told back: anything else a caller made up stays unnamed. */
const FIELD_NAME = /^[$\w-]{1,64}$/;

export interface Resource {
  id: string | null;
  /** Empty when there are none. */
  attributes: JsonObject;
  meta: Json | undefined;
  /** JSON Pointer to its attributes. */
  pointer: string;
}

/** What is wrong with one request. */
export class Problems {
  readonly #issues: RequestIssue[] = [];

  add(pointer: string, message: string): void {
    this.#issues.push({ path: pointer, message });
  }

  get found(): boolean {
    return this.#issues.length > 0;
  }

  /** @throws Failure `invalid_request` when anything was wrong */
  throwIfAny(): void {
    if (!this.found) return;
    const issues = toldIssues(this.#issues, (message) => ({ path: "/data", message }));
    throw new Failure({ code: "invalid_request", issues });
  }
}

/**
 * Reads a resource of a known type.
 *
 * @param value    what stands where the resource should be
 * @param pointer  JSON Pointer to it
 * @param needsAttributes  whether naming it by its id is not enough
 * @returns `null` when it cannot be gone into, which is then among the problems
 */
export function readResource(
  value: Json | undefined,
  type: string,
  pointer: string,
  problems: Problems,
  needsAttributes = true,
): Resource | null {
  if (!isJsonObject(value)) {
    problems.add(pointer, INVALID_PAYLOAD);
    return null;
  }
  const sentType = field(value, "type");
  if (sentType === undefined) missing("type", type, pointer, problems);
  else if (sentType !== type) problems.add(`${pointer}/type`, `The type of this resource must be '${type}'.`);
  const id = field(value, "id");
  const attributes = field(value, "attributes");
  if (attributes === undefined && id === undefined && field(value, "relationships") === undefined) {
    problems.add(pointer, EMPTY_RESOURCE);
    return null;
  }
  if (id !== undefined && typeof id !== "string") {
    problems.add(`${pointer}/id`, "The id must be a string.");
    return null;
  }
  const at = `${pointer}/attributes`;
  if (attributes === undefined && needsAttributes) {
    missing("attributes", type, pointer, problems);
    return null;
  }
  if (attributes !== undefined && !isJsonObject(attributes)) {
    problems.add(at, INVALID_PAYLOAD);
    return null;
  }
  return { id: id ?? null, attributes: attributes ?? {}, meta: field(value, "meta"), pointer: at };
}

/**
 * Reads what a relation holds: `{ "data": … }`.
 *
 * @returns `undefined` when it is not there, which is then among the problems
 */
export function readData(
  holder: JsonObject,
  name: string,
  resource: string,
  pointer: string,
  problems: Problems,
): Json | undefined {
  const relation = field(holder, name);
  if (relation === undefined) {
    missing(name, resource, pointer, problems);
    return undefined;
  }
  const data = isJsonObject(relation) ? field(relation, "data") : undefined;
  if (data === undefined) missing("data", name, `${pointer}/${name}`, problems);
  return data;
}

/** A field's value; one that is `null` is not there. */
export function field(object: JsonObject, name: string): Json | undefined {
  return hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

/** A required field is not there. */
export function missing(name: string, resource: string, pointer: string, problems: Problems): void {
  problems.add(`${pointer}/${name}`, `'${name}' is a required field for the resource '${resource}'.`);
}

/** Refuses what the vendor refuses: a field that a resource does not have, which would be lost unseen. */
export function refuseUnknown(
  object: JsonObject,
  known: readonly string[],
  resource: string,
  pointer: string,
  problems: Problems,
): void {
  for (const name of Object.keys(object)) {
    if (known.includes(name)) continue;
    if (FIELD_NAME.test(name)) {
      problems.add(`${pointer}/${name}`, `'${name}' is not a valid field for the resource '${resource}'.`);
    } else {
      problems.add(pointer, `There is a field that is not a valid field for the resource '${resource}'.`);
    }
  }
}
