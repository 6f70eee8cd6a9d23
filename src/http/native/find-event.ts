// An event by its id, wherever it is.
import { readEvent } from "../../d1/user-events.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import type { UserEventRow } from "../../domain/event.ts";
import { askCell, askReadModel, workspaceOf } from "../cell-access.ts";
import type { HttpContext } from "../context.ts";

/** Reads an event: first in the cell, then in D1. In this order, because it leaves the cell when D1 has it. */
export async function findEvent(c: HttpContext, eventId: string): Promise<UserEventRow | null> {
  const waiting = await askCell(c, async (cell, caller) => await cell.readEvent(caller, eventId));
  if (waiting !== null || !UUID_PATTERN.test(eventId)) return waiting;
  return await askReadModel(async () => await readEvent(c.get("services").db, workspaceOf(c), eventId));
}
