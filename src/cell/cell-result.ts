// How the cell answers a call that may be refused: tagged, because a thrown error does not survive the call.
import type { WaypostError } from "../domain/errors.ts";
import { ok, type Result } from "../domain/result.ts";

export type CellResult<T> = Result<T, WaypostError>;

export const UNAUTHORIZED = { ok: false, error: { code: "unauthorized" } } as const;

export const NOT_FOUND = { ok: false, error: { code: "not_found" } } as const;

/** What was found, or that there is none. */
export function found<T>(value: T | null): CellResult<T> {
  return value === null ? NOT_FOUND : ok(value);
}
