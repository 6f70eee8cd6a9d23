// When a message is tried again, and when no more. The wait spreads by the message's own id, so that a thousand that
// failed together do not come back together, and so that the same message always waits as long.
// @see docs/deliveries.md
import { spread } from "./stable-hash.ts";

/** After the first failure, the second, …: the schedule that the Standard Webhooks specification recommends. */
const RETRY_AFTER_MS = [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 10 * 3_600].map((s) => s * 1_000);

/**
 * The same after an attempt that was not heard of again: whoever made it is gone, which says little about the receiver.
 * It still grows, for the message itself may be what brings senders down.
 */
const LOST_AFTER_MS = [5, 30, 2 * 60, 10 * 60, 30 * 60, 3_600, 3_600].map((s) => s * 1_000);

/** Attempts in all, since the message was made or somebody asked for it to be sent again. */
export const MAX_ATTEMPTS = RETRY_AFTER_MS.length + 1;

/** A receiver that asks for more is asked again after a day. */
export const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

const JITTER = 0.1;

export interface FailedAttempt {
  deliveryId: string;
  /** Failed attempts so far, this one included, at least 1. */
  failures: number;
  /** Nobody heard of it again. */
  lost: boolean;
  /** As the receiver asks; `null` = it does not say. */
  retryAfterMs: number | null;
}

/**
 * How long a message waits before its next attempt. What a receiver asks for lengthens the wait, and never shortens it.
 *
 * @returns milliseconds; `null` = it is not tried again
 */
export function retryWaitMs({ deliveryId, failures, lost, retryAfterMs }: FailedAttempt): number | null {
  const planned = (lost ? LOST_AFTER_MS : RETRY_AFTER_MS)[failures - 1];
  if (planned === undefined) return null;
  const factor = 1 - JITTER + 2 * JITTER * spread([deliveryId, String(failures)]);
  const asked = Math.min(Math.max(retryAfterMs ?? 0, 0), MAX_RETRY_AFTER_MS);
  return Math.max(Math.round(planned * factor), asked);
}
