// The cron's round: pokes every cell, so that a lost alarm costs a minute and not an event.
import type { Workspace } from "../domain/workspace.ts";
import { callCell, callDirectory } from "./cell-client.ts";

const PAGE = 50;

/** Visits every workspace. One that cannot be reached is logged and does not keep the others waiting. */
export async function pokeAllCells(env: Pick<Env, "WORKSPACE_CELL" | "DIRECTORY_CELL">): Promise<void> {
  let before: string | null = null;
  for (;;) {
    const cursor: string | null = before;
    const page: Workspace[] = await callDirectory(env, async (directory) => await directory.list(PAGE, cursor));
    await Promise.all(
      page.map(async ({ id }) => {
        try {
          await callCell(env, id, async (cell) => await cell.poke());
        } catch {
          console.error(JSON.stringify({ level: "error", at: "watchdog", workspaceId: id }));
        }
      }),
    );
    if (page.length < PAGE) return;
    before = page.at(-1)?.id ?? null;
  }
}
