// Brings erasures to D1: each is a job that stays until D1 is known to have done it, so that neither an outage nor an
// end of this object leaves one half done. At least once, and harmless to repeat.
import { erasePerson } from "../d1/erase.ts";
import type { Lane } from "./alarm.ts";
import type { ErasureStore } from "./erasure-store.ts";

export interface ErasureLaneParts {
  db: D1Database;
  workspaceId: () => string;
  erasures: ErasureStore;
  transaction: (run: () => void) => void;
}

export class ErasureLane implements Lane {
  readonly #parts: ErasureLaneParts;
  #due: boolean;

  constructor(parts: ErasureLaneParts) {
    this.#parts = parts;
    this.#due = parts.erasures.nextJob() !== null;
  }

  /** There is somebody to erase. */
  request(): void {
    this.#due = true;
  }

  dueAt(): number | null {
    return this.#due ? 0 : null;
  }

  async run(deadline: number): Promise<void> {
    const { db, workspaceId, erasures, transaction } = this.#parts;
    for (;;) {
      // Asked for again while this runs: looked up again below.
      this.#due = false;
      const job = erasures.nextJob();
      if (job === null) return;
      this.#due = true;
      if (!(await erasePerson(db, workspaceId(), job, deadline))) return;
      transaction(() => erasures.finish(job.profileId, Date.now()));
    }
  }
}
