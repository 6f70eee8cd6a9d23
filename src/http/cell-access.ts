// How a route asks its caller's cell: with the caller, so that the cell can refuse a revoked key, and with every
// answer that is no success turned into a failure.
import { callCell, type WorkspaceCalls } from "../cell/cell-client.ts";
import type { Caller } from "../cell/command.ts";
import type { CellResult } from "../cell/cell-result.ts";
import type { HttpContext } from "./context.ts";
import { Failure } from "./errors.ts";

/** The workspace of the caller's key. The workspace always comes from the key, never from the request. */
export function workspaceOf(c: HttpContext): string {
  const key = c.get("key");
  if (key === undefined) throw new Error("this route has no API key");
  return key.workspaceId;
}

/**
 * Calls the cell of the caller's workspace.
 *
 * @param repeatable  see {@link callCell}
 * @throws Failure with the cell's error
 */
export async function askCell<T>(
  c: HttpContext,
  call: (cell: WorkspaceCalls, caller: Caller) => Promise<CellResult<T>>,
  repeatable = true,
): Promise<T> {
  return await askCellOf(c, workspaceOf(c), call, repeatable);
}

/** Calls the cell of a workspace that the operator, or a key of that workspace, named. */
export async function askCellOf<T>(
  c: HttpContext,
  workspaceId: string,
  call: (cell: WorkspaceCalls, caller: Caller) => Promise<CellResult<T>>,
  repeatable = true,
): Promise<T> {
  const caller = c.get("caller");
  const result = await callCell(c.env, workspaceId, async (cell) => await call(cell, caller), repeatable);
  c.set("callerChecked", true);
  if (!result.ok) throw new Failure(result.error);
  return result.value;
}

/**
 * Asks whether the caller's key still stands, before D1 is read.
 *
 * @throws Failure `unauthorized`
 */
export async function requireStanding(c: HttpContext): Promise<void> {
  if (c.get("callerChecked")) return;
  await askCell(c, async (cell, caller) => ((await cell.authorize(caller)) ? { ok: true, value: null } : REFUSED));
}

const REFUSED = { ok: false, error: { code: "unauthorized" } } as const;

/**
 * Reads from D1.
 *
 * @throws Failure `unavailable` when D1 is away: lists need it, accepting events does not
 */
export async function askReadModel<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    console.error(
      JSON.stringify({ level: "error", at: "read-model", error: error instanceof Error ? error.name : "" }),
    );
    throw new Failure({ code: "unavailable", reason: "Lists cannot be read at the moment.", retryAfterSeconds: 5 });
  }
}
