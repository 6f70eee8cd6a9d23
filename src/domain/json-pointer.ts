// JSON Pointer (RFC 6901) over parsed JSON. Reads own properties only: what an object inherits is not data.
// No message ever holds a value: pointers name places whose contents may be secret.
import { hasOwn, type Json } from "./json.ts";
import { err, ok, type Result } from "./result.ts";

/** RFC 6901 section 4: no sign, no leading zero. */
const ARRAY_INDEX = /^(?:0|[1-9][0-9]*)$/;
const BAD_ESCAPE = /~(?![01])/;

/**
 * Splits a pointer into its unescaped reference tokens.
 *
 * @param pointer  `""` (the whole document) or text that starts with `/`
 * @returns the tokens, outermost first, or what is wrong in plain words
 * @see RFC 6901 sections 3 and 4
 */
export function parsePointer(pointer: string): Result<string[], string> {
  if (pointer === "") return ok([]);
  if (!pointer.startsWith("/")) return err('A path must start with "/".');
  if (BAD_ESCAPE.test(pointer)) {
    return err('In a path, "~" must be followed by 0 or 1: "~0" stands for "~" and "~1" for "/".');
  }
  return ok(pointer.slice(1).split("/").map(unescapeToken));
}

/**
 * Follows tokens into a value.
 *
 * @param root    where to start; `undefined` = there is nothing
 * @param tokens  as {@link parsePointer} gives them
 * @returns the value found, `undefined` for a missing path (`null` is a value)
 */
export function resolvePointer(root: Json | undefined, tokens: readonly string[]): Json | undefined {
  let value = root;
  for (const token of tokens) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value)) value = ARRAY_INDEX.test(token) ? value[Number(token)] : undefined;
    else value = hasOwn(value, token) ? value[token] : undefined;
  }
  return value;
}

/** `~1` first: the other way round `~01` would turn into `/` instead of `~1`. */
function unescapeToken(token: string): string {
  return token.includes("~") ? token.replaceAll("~1", "/").replaceAll("~0", "~") : token;
}
