// When an event happened, by a clock that may be wrong: the sender says when it happened and when it was sent, both
// by its own clock; how long ago that was is right even where the clock is not.
// Source: Segment HTTP API, 2025-11-07: timestamp = receivedAt − (sentAt − originalTimestamp).
import type { Json } from "../../../domain/json.ts";
import { readInstant } from "../vendor-instants.ts";

const ISO_LENGTH = "0000-00-00T00:00:00.000Z".length;

export interface ClaimedTimes {
  /** When it happened, by the sender's clock: what the caller set comes before what the library noted. */
  happened: Json | undefined;
  /** When the request was sent, by the sender's clock. */
  sent: Json | undefined;
}

/**
 * Corrects a claimed time by how wrong the sender's clock is.
 *
 * @param receivedAt  Unix milliseconds
 * @returns ISO 8601 UTC with milliseconds; `null` = nothing usable was claimed, so it happened when it was received
 */
export function occurredAtOf({ happened, sent }: ClaimedTimes, receivedAt: number): string | null {
  const original = instantMs(happened);
  if (original === null) return null;
  const sentAt = instantMs(sent);
  const corrected = sentAt === null ? null : writtenInstant(receivedAt - (sentAt - original));
  return corrected ?? writtenInstant(original);
}

/** Whether something is claimed and no instant: no ISO 8601 text, or a day that its month does not have. */
export function isUnreadable(value: Json | undefined): value is Json {
  return value !== undefined && value !== null && value !== "" && instantMs(value) === null;
}

function instantMs(value: Json | undefined): number | null {
  const instant = typeof value === "string" ? readInstant(value.trim()) : null;
  return instant === null ? null : Date.parse(instant);
}

/** `null` outside the years 0000–9999. */
function writtenInstant(ms: number): string | null {
  const instant = new Date(ms);
  if (Number.isNaN(instant.getTime())) return null;
  const iso = instant.toISOString();
  return iso.length === ISO_LENGTH ? iso : null;
}
