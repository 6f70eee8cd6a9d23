// What a cell says about itself, for /healthz. Active runs and pending messages are counted from their rows, everything
// else from counters: so that an equation can fail when one of its two sides is wrong.
import { uuidV7Ms } from "../domain/ids.ts";
import type { CellParts } from "./cell-parts.ts";
import { CELL_SCHEMA_VERSION } from "./schema.ts";

export interface CellHealth {
  schemaVersion: number;
  /** Events on their way to D1. */
  outbox: number;
  /** Profiles, enrollments and deliveries whose row in D1 is behind. */
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
  /** Messages. */
  deliveries: { made: number; sent: number; skipped: number; failed: number; pending: number; holds: boolean };
  /** For how long the first message has waited that is due and that nobody has taken to send. */
  deliveriesWaitingSeconds: number;
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
  const messages = enrollments.deliveries.counts();
  const { messages: pending, waitingSince } = enrollments.deliveries.work.pending(now);
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
    deliveries: {
      ...messages,
      pending,
      holds: messages.made === messages.sent + messages.skipped + messages.failed + pending,
    },
    deliveriesWaitingSeconds: secondsSince(waitingSince),
  };
}
