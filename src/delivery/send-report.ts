// The three ways an attempt to send a message ends, each made in one place.
import type { SendReport } from "../domain/delivery.ts";
import { oneLine } from "../domain/one-line.ts";

/** A report before the clock was read. */
export type Outcome = Omit<SendReport, "durationMs">;

const MAX_MESSAGE_CHARACTERS = 300;

/** The provider took it. */
export function taken(providerId: string | null, note: { code: string; message: string } | null = null): Outcome {
  return {
    outcome: "sent",
    reason: null,
    code: note?.code ?? null,
    message: note?.message ?? null,
    providerId,
    retryAfterMs: null,
  };
}

/** It may go well another time. */
export function passing(code: string, message: string | null, retryAfterMs: number | null = null): Outcome {
  return { outcome: "retry", reason: null, code, message: shortened(message), providerId: null, retryAfterMs };
}

/** It will never go well as it is. */
export function refused(reason: NonNullable<SendReport["reason"]>, code: string, message: string | null): Outcome {
  return { outcome: "failed", reason, code, message: shortened(message), providerId: null, retryAfterMs: null };
}

function shortened(message: string | null): string | null {
  return oneLine(message ?? "", MAX_MESSAGE_CHARACTERS) || null;
}
