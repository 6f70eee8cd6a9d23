// Where a `$state` or `$entry` pointer leads: into the event's data or the profile, in templates also into what is told
// of the journey. Nothing else is readable.
import { parsePointer } from "./json-pointer.ts";
import { err, ok, type Result } from "./result.ts";

export type StateRoot = "event" | "profile" | "journey";

export interface StatePath {
  root: StateRoot;
  /** What follows the root; empty = all of it. */
  tokens: string[];
}

/**
 * Reads a pointer such as `/event/total` or `/profile/plan`.
 *
 * @param roots  the roots that may be read at this place
 * @returns root and tokens, or what is wrong in plain words
 */
export function parseStatePath(
  pointer: string,
  roots: readonly StateRoot[] = ["event", "profile"],
): Result<StatePath, string> {
  const parsed = parsePointer(pointer);
  if (!parsed.ok) return parsed;
  const [first, ...tokens] = parsed.value;
  const root = roots.find((name) => name === first);
  if (root === undefined) {
    return err(`A path must lead into ${roots.map((name) => `/${name}`).join(" or ")}, such as /${roots[0]}/name.`);
  }
  return ok({ root, tokens });
}

/**
 * Reads what `$item` names: a path into the item that is repeated, with or without a `/` in front; `""` is the item.
 *
 * @returns its tokens, or what is wrong in plain words
 */
export function parseItemPath(path: string): Result<string[], string> {
  return parsePointer(path === "" || path.startsWith("/") ? path : `/${path}`);
}
