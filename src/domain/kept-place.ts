// What is known of a place in a payload that was kept without its secrets. Redacting leaves traces: a property is
// absent, an element of a list is `null`, and a place whose surroundings are not there was never there.
import { hasOwn, isJsonObject, type Json } from "./json.ts";
import { resolvePointer } from "./json-pointer.ts";

export interface KeptPlace {
  /** What is there now; `undefined` = nothing. */
  value: Json | undefined;
  /**
   * What is not known any more. `null`: nothing, `value` is what was sent. `value`: there was something. `place`: it
   * is not even known whether there was. `part`: `value` is what is left of a list or an object.
   */
  gone: "value" | "place" | "part" | null;
}

/**
 * Looks at a place.
 *
 * @param data      the payload as it is kept; `undefined` = there is none
 * @param tokens    where to look, outermost first
 * @param redacted  what was taken out of the payload, each as tokens
 */
export function keptAt(
  data: Json | undefined,
  tokens: readonly string[],
  redacted: readonly (readonly string[])[],
): KeptPlace {
  let value = data;
  let below = redacted;
  for (const [depth, token] of tokens.entries()) {
    const container = value;
    value = resolvePointer(container, [token]);
    below = below.filter(([head]) => head === token).map(([, ...rest]) => rest);
    if (below.some((rest) => rest.length === 0)) {
      const isLast = depth === tokens.length - 1;
      if (Array.isArray(container) && value === null) return { value: undefined, gone: isLast ? "value" : "place" };
      if (isJsonObject(container) && value === undefined) return { value: undefined, gone: "place" };
    }
  }
  const container = value;
  return { value, gone: below.some((rest) => mayHaveLeft(container, rest)) ? "part" : null };
}

/** Whether what was declared secret may have stood there. */
function mayHaveLeft(container: Json | undefined, tokens: readonly string[]): boolean {
  const around = resolvePointer(container, tokens.slice(0, -1));
  const last = tokens.at(-1);
  if (last === undefined) return false;
  if (Array.isArray(around)) return resolvePointer(around, [last]) === null;
  return isJsonObject(around) && !hasOwn(around, last);
}
