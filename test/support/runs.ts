// Runs in a cell: their rows, and a way to end them from outside.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { EnrollmentStore, type EndStatus } from "../../src/cell/enrollment-store.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import type { EnrollmentStatus } from "../../src/domain/enrollment.ts";
import { queryCell } from "./tables.ts";
import type { TestWorkspace } from "./workspace.ts";

export type RunRow = {
  id: string;
  version: number;
  profile_id: string;
  event_id: string;
  status: EnrollmentStatus;
  reason: string | null;
  step_id: string | null;
  timeline: string;
  /** As `packRun` wrote it. */
  run: string;
};

/** All enrollments of a cell, oldest first. */
export async function runsOf(workspace: TestWorkspace): Promise<RunRow[]> {
  return await queryCell<RunRow>(
    workspace,
    `SELECT id, version, profile_id, event_id, status, reason, step_id, timeline, run FROM enrollments ORDER BY id`,
  );
}

/** Ends a run, through a store of its own: the object then starts anew, since it counts on being the only writer. */
export async function endRun(workspace: TestWorkspace, id: string, status: EndStatus = "cancelled"): Promise<void> {
  await runInDurableObject(workspace.cell, (_, { storage }) => {
    storage.transactionSync(() => {
      const parts = new TextParts(storage.sql);
      const enrollments = new EnrollmentStore(storage.sql, new Outbox(storage.sql, parts), parts);
      const run = enrollments.find(id);
      if (run === null) throw new Error("there is no such run");
      enrollments.end(run, status, "test", Date.now());
    });
  });
  await evictDurableObject(workspace.cell);
}
