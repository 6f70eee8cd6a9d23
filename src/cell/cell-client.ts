// The way from the Worker to an object: which stub, and what is tried again. A passing fault is tried again on a
// fresh stub where repeating is harmless: the call may have been done and only its answer lost. An overloaded
// object is left alone.
import { DIRECTORY_NAME, type DirectoryCell } from "./directory-cell.ts";
import type { WorkspaceCell } from "./workspace-cell.ts";

const MAX_RETRIES = 2;

/**
 * A cell as callers see it. Every method takes and gives plain data, so its own types hold on both sides of the
 * call; the platform's mapped types give up on a journey document.
 */
export type WorkspaceCalls = Pick<WorkspaceCell, keyof WorkspaceCell>;

/** The object cannot take more now, or could not be reached: nothing is half-written, and trying later is right. */
export class CellUnavailable extends Error {
  override readonly name = "CellUnavailable";
  readonly why: "overloaded" | "unreachable" | "full";

  constructor(why: CellUnavailable["why"], options: ErrorOptions) {
    super(why, options);
    this.why = why;
  }
}

/** How the platform words a fault of its own, whatever it was: a commit that failed, a machine that went away. */
const PLATFORMS_OWN = "internal error; reference = ";
/** What SQLite says, within the platform's words, when an object's storage or the disk below it takes no more. */
const FULL = "SQLITE_FULL";

/** What the platform marks its exceptions with. */
interface PlatformFault {
  retryable?: boolean;
  overloaded?: boolean;
}

/**
 * Calls a workspace's cell.
 *
 * @param repeatable  whether doing it twice is the same as doing it once; most calls say what should be, or have a key
 * @throws CellUnavailable when it is overloaded or its storage is full, or still failing after two more tries
 */
export async function callCell<T>(
  env: Pick<Env, "WORKSPACE_CELL">,
  workspaceId: string,
  call: (cell: WorkspaceCalls) => Promise<T>,
  repeatable = true,
): Promise<T> {
  return await retrying(
    async () => await call(env.WORKSPACE_CELL.getByName(workspaceId) as unknown as WorkspaceCalls),
    repeatable ? MAX_RETRIES : 0,
  );
}

/**
 * Calls the directory.
 *
 * @throws CellUnavailable as {@link callCell}
 */
export async function callDirectory<T>(
  env: Pick<Env, "DIRECTORY_CELL">,
  call: (directory: DurableObjectStub<DirectoryCell>) => Promise<T>,
): Promise<T> {
  return await retrying(async () => await call(env.DIRECTORY_CELL.getByName(DIRECTORY_NAME)), MAX_RETRIES);
}

async function retrying<T>(attempt: () => Promise<T>, maxRetries: number): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await attempt();
    } catch (error) {
      const { retryable, overloaded } = error as PlatformFault;
      const message = error instanceof Error ? error.message : "";
      if (message.includes(FULL)) throw new CellUnavailable("full", { cause: error });
      if (overloaded === true) throw new CellUnavailable("overloaded", { cause: error });
      if (retryable !== true && !message.startsWith(PLATFORMS_OWN)) throw error;
      if (retries === maxRetries) throw new CellUnavailable("unreachable", { cause: error });
    }
  }
}
