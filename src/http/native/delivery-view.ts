// Deliveries as they are answered: from D1's rows in lists, from the cell with their attempts.
import * as v from "valibot";
import type { ToldDelivery } from "../../cell/delivery-rows.ts";
import type { DeliveryAttempt, DeliveryChannel, DeliveryRow, DeliveryStatus } from "../../domain/delivery.ts";
import { count, id, instant } from "../answer-fields.ts";

export const DELIVERY_CHANNELS = ["email", "webhook"] as const satisfies DeliveryChannel[];

export const DELIVERY_STATUSES = ["pending", "sent", "skipped", "failed"] as const satisfies DeliveryStatus[];

const ATTEMPT_OUTCOMES = ["sent", "retry", "failed", "expired"] as const satisfies DeliveryAttempt["outcome"][];

export const deliveryItem = v.object({
  id,
  channel: v.picklist(DELIVERY_CHANNELS),
  status: v.picklist(DELIVERY_STATUSES),
  reason: v.nullable(v.string()),
  attempts: count,
  nextAttemptAt: v.nullable(instant),
  profileId: id,
  enrollmentId: id,
  journeyKey: v.string(),
  stepId: v.string(),
  target: v.nullable(v.string()),
  providerId: v.nullable(v.string()),
  createdAt: instant,
  settledAt: v.nullable(instant),
});

export const deliveryAnswer = v.object({
  ...deliveryItem.entries,
  attemptLog: v.array(
    v.object({
      at: instant,
      outcome: v.picklist(ATTEMPT_OUTCOMES),
      code: v.nullable(v.string()),
      message: v.nullable(v.string()),
      durationMs: v.nullable(count),
      /** Whom it was addressed to. */
      target: v.nullable(v.string()),
    }),
  ),
});

/** A delivery in a list. */
export function deliveryItemView(row: DeliveryRow): v.InferOutput<typeof deliveryItem> {
  return {
    id: row.delivery_id,
    channel: row.channel,
    status: row.status,
    reason: row.reason,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    profileId: row.profile_id,
    enrollmentId: row.enrollment_id,
    journeyKey: row.journey_key,
    stepId: row.step_id,
    target: row.target,
    providerId: row.provider_id,
    createdAt: row.created_at,
    settledAt: row.settled_at,
  };
}

/** One delivery with its attempts. */
export function deliveryView({ row, attemptLog }: ToldDelivery): v.InferOutput<typeof deliveryAnswer> {
  return {
    ...deliveryItemView(row),
    attemptLog: attemptLog.map(({ at, ...attempt }) => ({ at: new Date(at).toISOString(), ...attempt })),
  };
}
