// What a cell says about itself, for /healthz. Active runs are counted from their rows, everything else from
// counters: so that the equation can fail when one of the two is wrong.
import { uuidV7Ms } from "../domain/ids.ts";
import type { CellParts } from "./cell-parts.ts";
import { CELL_SCHEMA_VERSION } from "./schema.ts";

export interface CellHealth {
  schemaVersion: number;
  /** Events on their way to D1. */
  outbox: number;
  /** Profiles and enrollments whose row in D1 is behind. */
  outboxChanges: number;
  oldestOutboxSeconds: number;
  projectionLagSeconds: number;
  quarantined: number;
  /** People erased here whom D1 has still to erase. */
  pendingErasures: number;
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
  const { outbox, ledger, journeys, enrollments, erasures, quarantine, workspace } = parts;
  const oldest = outbox.oldestEventId();
  const changes = outbox.changes();
  const erasing = erasures.pending();
  const secondsSince = (at: number | null): number => (at === null ? 0 : Math.max(0, (now - at) / 1_000));
  const oldestOutboxSeconds = secondsSince(oldest === null ? null : uuidV7Ms(oldest));
  const retention = workspace.retention();
  const usage = retention === null ? null : ledger.usage(now, retention.ledgerRetentionMs);
  const totals = journeys.totals();
  const active = enrollments.countActive();
  const { enrolled, completed, exited, failed, cancelled } = totals;
  return {
    schemaVersion: CELL_SCHEMA_VERSION,
    outbox: outbox.events,
    outboxChanges: changes.rows,
    oldestOutboxSeconds,
    // What waits longest is as far as D1 is behind.
    projectionLagSeconds: Math.max(oldestOutboxSeconds, secondsSince(changes.since), secondsSince(erasing.since)),
    quarantined: quarantine.count(),
    pendingErasures: erasing.people,
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
