// How the elements of a body hang together: which leads to which, from the first one downwards. An element may stand
// in several places; it may not lead to itself.
import { hasOwn, isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Elements inside each other: far past what a mail program shows, far below what a call stack holds. */
const MAX_BODY_DEPTH = 64;

export interface BodyGraph {
  issues: { key: string; message: string }[];
  /** Keys of elements that stand somewhere below one that repeats. */
  inItem: ReadonlySet<string>;
}

/** Where only some elements can stand. */
const STANDS_IN: Readonly<Record<string, (parent: string | null) => boolean>> = {
  Html: (parent) => parent === null,
  Head: (parent) => parent === "Html",
  Body: (parent) => parent === null || parent === "Html",
};

const MISPLACED = "Html comes first, with Head and Body right below it; without Html the whole body is put into one.";

/**
 * Follows a body's elements from the first one.
 *
 * @param elements  as they were sent: what is no element leads nowhere
 */
export function bodyGraph(root: string, elements: JsonObject): BodyGraph {
  const issues = new Map<string, string>();
  const inItem = new Set<string>();
  // By element and by whether it is below one that repeats: nothing is followed twice, however often it is named.
  const height = new Map<string, number>();
  const open = new Set<string>();

  /** @returns how many elements are inside each other from here on */
  const follow = (key: string, parent: string | null, isItem: boolean): number => {
    const element = hasOwn(elements, key) ? elements[key] : undefined;
    if (!isJsonObject(element)) return 0;
    const type = typeof element.type === "string" ? element.type : "";
    if (STANDS_IN[type]?.(parent) === false) issues.set(key, MISPLACED);
    if (isItem) inItem.add(key);
    const visit = `${isItem ? "i" : "o"}${key}`;
    const known = height.get(visit);
    if (known !== undefined) return known;
    if (open.has(key)) {
      issues.set(key, "This element leads to itself.");
      return 0;
    }
    open.add(key);
    let below = 0;
    for (const child of childrenOf(element)) {
      below = Math.max(below, follow(child, type, isItem || element.repeat != null));
    }
    open.delete(key);
    height.set(visit, below + 1);
    if (below + 1 > MAX_BODY_DEPTH)
      issues.set(root, `Elements can stand at most ${MAX_BODY_DEPTH} deep in each other.`);
    return below + 1;
  };

  follow(root, null, false);
  return { issues: Array.from(issues, ([key, message]) => ({ key, message })), inItem };
}

function childrenOf({ children }: JsonObject): string[] {
  return Array.isArray(children) ? children.filter((child: Json): child is string => typeof child === "string") : [];
}
