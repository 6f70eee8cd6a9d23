// Lists: `limit`, and a cursor that callers hand back as they got it.
import * as v from "valibot";
import type { ListPage } from "../domain/list-page.ts";
import type { HttpContext } from "./context.ts";
import { Failure } from "./errors.ts";

const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
const CURSOR_PATTERN = /^[A-Za-z0-9_-]{1,200}$/;

export interface Page {
  limit: number;
  /** Where the page before ended, or `null`. */
  before: string | null;
}

/**
 * Reads `limit` and `cursor` from a query.
 *
 * @param isPosition  whether a decoded cursor is one that this list gives
 * @throws Failure `invalid_request`
 */
export function readPage(c: HttpContext, isPosition: (text: string) => boolean): Page {
  const limitText = c.req.query("limit");
  const limit = limitText === undefined ? DEFAULT_LIMIT : /^\d{1,3}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new Failure({
      code: "invalid_request",
      issues: [{ path: "query.limit", message: `Must be a whole number from 1 to ${MAX_LIMIT}.` }],
    });
  }
  const cursor = c.req.query("cursor");
  return { limit, before: cursor === undefined ? null : readCursor(cursor, isPosition, "query.cursor") };
}

/**
 * Reads a cursor.
 *
 * @throws Failure `invalid_request` when it is none that this list gave
 */
export function readCursor(cursor: string, isPosition: (text: string) => boolean, path: string): string {
  const position = CURSOR_PATTERN.test(cursor) ? decodeCursor(cursor) : null;
  if (position === null || !isPosition(position)) {
    throw new Failure({
      code: "invalid_request",
      issues: [{ path, message: "Is not a cursor of this list; leave it out to begin at the start." }],
    });
  }
  return position;
}

/** Makes an opaque cursor of a position; `null` stays `null`. */
export function writeCursor(position: string | null): string | null {
  return position === null ? null : btoa(position).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Cuts a page out of rows that were read one beyond the limit.
 *
 * @param positionOf  where a page that ends with this row goes on
 */
export function cutPage<T>(
  rows: readonly T[],
  limit: number,
  positionOf: (last: T) => string,
): { rows: T[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  return { rows: page, nextCursor: cursorAfter({ items: page, more: rows.length > limit }, positionOf) };
}

/** The cursor that goes on after a page; `null` at the list's end. */
export function cursorAfter<T>({ items, more }: ListPage<T>, positionOf: (last: T) => string): string | null {
  const last = items.at(-1);
  return writeCursor(last !== undefined && more ? positionOf(last) : null);
}

function decodeCursor(cursor: string): string | null {
  try {
    return atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
}

/** The shape of a list, for the API's description. */
export function listOf<S extends v.GenericSchema>(item: S) {
  return v.object({ items: v.array(item), nextCursor: v.nullable(v.string()) });
}
