// Removes what a caller declared secret from an event's payload, before anything keeps it. Afterwards no place
// that a path named is left in the result; everything else is as it was.
import type { Json, JsonObject } from "./json.ts";
import { parsePointer, resolvePointer } from "./json-pointer.ts";
import { err, type Result } from "./result.ts";

const EVENT_ROOT = "/event";

/**
 * Splits a redaction path into the tokens that lead into the payload: `/event/payment/token` → `payment`, `token`.
 *
 * @param path  text that starts with `/event/`; `/event/` itself names the empty key
 * @returns at least one token, or what is wrong in plain words
 */
export function parseRedactionPath(path: string): Result<string[], string> {
  if (!path.startsWith(`${EVENT_ROOT}/`)) return err('A redacted path must start with "/event/".');
  return parsePointer(path.slice(EVENT_ROOT.length));
}

/**
 * Gives the payload without what lies at the paths: a property is absent afterwards, an array element `null`, so
 * that the other indices stay. A missing path does nothing; the order of the paths does not matter.
 *
 * @param data   the payload; never changed, and shared with the result wherever nothing is removed
 * @param paths  checked before with {@link parseRedactionPath}; one that fails it throws, since keeping the
 *               payload whole would keep the secret
 */
export function redact(data: JsonObject, paths: readonly string[]): JsonObject {
  // A large array that many paths lead into is copied once, not once a path.
  const copies = new Set<Json>();
  let result = data;
  for (const path of paths) {
    const tokens = parseRedactionPath(path);
    if (!tokens.ok) throw new Error("a redaction path was not checked before it was used");
    if (resolvePointer(data, tokens.value) === undefined) continue;
    if (result === data) result = { ...data };
    removeAt(result, tokens.value, copies);
  }
  return result;
}

/** Removes one place below a root that is a copy already, copying what lies between. */
function removeAt(root: JsonObject, tokens: readonly string[], copies: Set<Json>): void {
  let container: Json[] | JsonObject = root;
  for (const token of tokens.slice(0, -1)) {
    const child = resolvePointer(container, [token]);
    // An earlier path has removed what this one leads through.
    if (typeof child !== "object" || child === null) return;
    const copy = own(child, copies);
    put(container, token, copy);
    container = copy;
  }
  const last = tokens[tokens.length - 1];
  if (last === undefined || resolvePointer(container, [last]) === undefined) return;
  if (Array.isArray(container)) container[Number(last)] = null;
  else delete container[last];
}

/** Spread defines properties instead of assigning them, so a key `__proto__` is copied as the data it is. */
function own(container: Json[] | JsonObject, copies: Set<Json>): Json[] | JsonObject {
  if (copies.has(container)) return container;
  const copy = Array.isArray(container) ? [...container] : { ...container };
  copies.add(copy);
  return copy;
}

function put(container: Json[] | JsonObject, token: string, value: Json): void {
  if (Array.isArray(container)) container[Number(token)] = value;
  else Object.defineProperty(container, token, { value, writable: true, enumerable: true, configurable: true });
}
