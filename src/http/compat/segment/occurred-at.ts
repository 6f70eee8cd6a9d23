// When an event happened, by a clock that may be wrong: the sender says when it happened and when it was sent, both
// by its own clock; how long ago that was is right even where the clock is not.
// Source: Segment HTTP API, 2025-11-07: timestamp = receivedAt − (sentAt − originalTimestamp).
import type { Json } from "../../../domain/json.ts";

/** A date alone, or with a time; without an offset it is UTC. Date.parse alone would take "1" for a year. */
const ISO_8601 = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i;
const HAS_TIME_WITHOUT_OFFSET = /[T ][\d:.,]+$/i;
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

function instantMs(value: Json | undefined): number | null {
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (!ISO_8601.test(text)) return null;
  const iso = text.toUpperCase().replace(" ", "T").replace(",", ".");
  const ms = Date.parse(HAS_TIME_WITHOUT_OFFSET.test(iso) ? `${iso}Z` : iso);
  return Number.isNaN(ms) ? null : ms;
}

/** `null` outside the years 0000–9999. */
function writtenInstant(ms: number): string | null {
  const instant = new Date(ms);
  if (Number.isNaN(instant.getTime())) return null;
  const iso = instant.toISOString();
  return iso.length === ISO_LENGTH ? iso : null;
}
