// What /healthz answers: to everyone whether events can be accepted, to the operator what every part says of itself.
import * as v from "valibot";
import type { CellHealth } from "../../cell/cell-health.ts";
import { count, id, instant } from "../answer-fields.ts";

const MAX_LAG_SECONDS = 60;
/** Longer than the queue may take, and than a message that got lost in it. */
const MAX_DELIVERY_WAIT_SECONDS = 120;

const seconds = v.pipe(v.number(), v.minValue(0));

/** A cell that cannot be reached says nothing: its fields are `null`. */
const workspaceHealth = v.object({
  workspaceId: id,
  /** Events on their way to the read model. */
  outbox: v.nullable(count),
  /** Profiles, enrollments and deliveries whose row there is behind. */
  outboxChanges: v.nullable(count),
  oldestOutboxSeconds: v.nullable(seconds),
  projectionLagSeconds: v.nullable(seconds),
  quarantined: v.nullable(count),
  /** People erased in their cell whom the read model has still to erase. */
  pendingErasures: v.nullable(count),
  ledger: v.nullable(v.object({ bytes: count, retentionSeconds: count })),
  conservation: v.nullable(
    v.object({
      enrolled: count,
      active: count,
      completed: count,
      exited: count,
      failed: count,
      cancelled: count,
      /** enrolled = active + completed + exited + failed + cancelled */
      holds: v.boolean(),
    }),
  ),
  deliveries: v.nullable(
    v.object({
      made: count,
      sent: count,
      skipped: count,
      failed: count,
      pending: count,
      /** made = sent + skipped + failed + pending */
      holds: v.boolean(),
    }),
  ),
  /** For how long the first message has waited that is due and that nobody has taken to send. */
  deliveriesWaitingSeconds: v.nullable(seconds),
});

export const healthAnswer = v.object({
  status: v.picklist(["ok", "degraded", "unavailable"]),
  /** In plain words; left out when all is well. */
  reasons: v.exactOptional(v.array(v.string())),
  /** From here on with the adminToken only. */
  version: v.exactOptional(v.string()),
  schema: v.exactOptional(v.object({ cell: count, d1: v.nullable(count) })),
  d1: v.exactOptional(v.object({ bytes: v.nullable(count), oldestEventAt: v.nullable(instant) })),
  workspaces: v.exactOptional(v.array(workspaceHealth)),
  nextCursor: v.exactOptional(v.nullable(v.string())),
});

export type WorkspaceHealth = v.InferOutput<typeof workspaceHealth>;

/** What a cell said of itself; `null` = it could not be reached. */
export function workspaceHealthView(workspaceId: string, health: CellHealth | null): WorkspaceHealth {
  return {
    workspaceId,
    outbox: health?.outbox ?? null,
    outboxChanges: health?.outboxChanges ?? null,
    oldestOutboxSeconds: health?.oldestOutboxSeconds ?? null,
    projectionLagSeconds: health?.projectionLagSeconds ?? null,
    quarantined: health?.quarantined ?? null,
    pendingErasures: health?.pendingErasures ?? null,
    ledger: health?.ledger ?? null,
    conservation: health?.conservation ?? null,
    deliveries: health?.deliveries ?? null,
    deliveriesWaitingSeconds: health?.deliveriesWaitingSeconds ?? null,
  };
}

/** What is wrong with a workspace, in plain words. */
export function complaintsOf(health: WorkspaceHealth): string[] {
  const { workspaceId, conservation, projectionLagSeconds, quarantined, deliveries, deliveriesWaitingSeconds } = health;
  const complaints: string[] = [];
  if (conservation === null) complaints.push("its cell cannot be reached");
  if ((projectionLagSeconds ?? 0) > MAX_LAG_SECONDS) {
    complaints.push(`the read model has been behind for over ${MAX_LAG_SECONDS} seconds`);
  }
  if ((quarantined ?? 0) > 0) complaints.push("rows are in quarantine");
  if (conservation?.holds === false) complaints.push("its enrollments do not add up");
  if (deliveries?.holds === false) complaints.push("its messages do not add up");
  if ((deliveriesWaitingSeconds ?? 0) > MAX_DELIVERY_WAIT_SECONDS) {
    complaints.push(
      `messages have been waiting to be sent for over ${MAX_DELIVERY_WAIT_SECONDS} seconds: the queue is away, or nobody ` +
        "reads it",
    );
  }
  return complaints.map((complaint) => `Workspace ${workspaceId}: ${complaint}.`);
}
