// The cron's round: pokes cells, so that a lost alarm costs minutes and not an event.
import { callCell, callDirectory } from "./cell-client.ts";

/** An invocation may make 1,000 calls on a paid plan; a poke that is tried again is another one. */
const MAX_POKES_PER_RUN = 500;
const POKES_AT_ONCE = 50;

/**
 * Visits workspaces, going on where the run before stopped, so that each has its turn however many there are.
 * One that cannot be reached is logged and does not keep the others waiting.
 */
export async function pokeCells(
  env: Pick<Env, "WORKSPACE_CELL" | "DIRECTORY_CELL">,
  limit = MAX_POKES_PER_RUN,
): Promise<void> {
  const ids = await callDirectory(env, async (directory) => await directory.takeTurn(limit));
  for (let from = 0; from < ids.length; from += POKES_AT_ONCE) {
    await Promise.all(
      ids.slice(from, from + POKES_AT_ONCE).map(async (id) => {
        try {
          await callCell(env, id, async (cell) => await cell.poke());
        } catch {
          console.error(JSON.stringify({ level: "error", at: "watchdog", workspaceId: id }));
        }
      }),
    );
  }
}
