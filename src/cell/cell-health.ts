// What a cell says about itself, for /healthz. Active runs are counted from their rows, everything else from
// counters: so that the equation can fail when one of the two is wrong.
import { uuidV7Ms } from "../domain/ids.ts";
import type { CellParts } from "./cell-parts.ts";
import { CELL_SCHEMA_VERSION } from "./schema.ts";

export interface CellHealth {
  schemaVersion: number;
  outbox: number;
  oldestOutboxSeconds: number;
  projectionLagSeconds: number;
  quarantined: number;
  ledger: { bytes: number; retentionSeconds: number };
  conservation: {
    enrolled: number;
    active: number;
    completed: number;
    exited: number;
    failed: number;
    cancelled: number;
    holds: boolean;
  };
}

/** Reads a cell's state. @param now Unix milliseconds */
export function reportHealth(parts: CellParts, now: number): CellHealth {
  const { outbox, ledger, journeys, enrollments, quarantine, workspace } = parts;
  const oldest = outbox.oldestEventId();
  const waitingSeconds = oldest === null ? 0 : Math.max(0, (now - uuidV7Ms(oldest)) / 1_000);
  const retention = workspace.retention();
  const usage = retention === null ? null : ledger.usage(now, retention.ledgerRetentionMs);
  const totals = journeys.totals();
  const active = enrollments.countActive(null);
  const { enrolled, completed, exited, failed, cancelled } = totals;
  return {
    schemaVersion: CELL_SCHEMA_VERSION,
    outbox: outbox.events,
    oldestOutboxSeconds: waitingSeconds,
    // What waits longest is as far as D1 is behind.
    projectionLagSeconds: waitingSeconds,
    quarantined: quarantine.count(),
    ledger: { bytes: usage?.bytes ?? 0, retentionSeconds: Math.floor((usage?.retentionMs ?? 0) / 1_000) },
    conservation: {
      enrolled,
      active,
      completed,
      exited,
      failed,
      cancelled,
      holds: enrolled === active + completed + exited + failed + cancelled,
    },
  };
}
