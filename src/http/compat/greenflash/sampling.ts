// Which events Greenflash's `sampleRate` keeps. Deterministic by event type and organization, as its reference says:
// a pair is kept whole or dropped whole, on every machine, after every restart and rotation of secrets.
// Not keyed, for that reason: nothing secret is hashed, and nothing can be gained by guessing.
import { createHash } from "node:crypto";
import { formatUuid } from "../../../domain/ids.ts";
import type { CreateEvent } from "./schema.ts";
import { organizationOf } from "./translate.ts";

type Sampled = Pick<
  CreateEvent,
  "eventType" | "externalOrganizationId" | "organizationId" | "sampleRate" | "forceSample"
>;

/** How many of a hash's bits place a pair: as many as a double holds beside the point. */
const SHARE_BITS = 48;

/** Tells whether an event is not to be stored. */
export function isSampledOut(workspaceId: string, event: Sampled): boolean {
  return !event.forceSample && shareOf(workspaceId, event) >= event.sampleRate;
}

/**
 * Where a pair stands between 0 and 1; it is kept at every rate above. So a rate that grows only adds pairs, 1 keeps
 * all of them and 0 none.
 */
function shareOf(workspaceId: string, event: Sampled): number {
  const digest = hashOf("waypost.greenflash.sample", workspaceId, event.eventType, organizationOf(event));
  return digest.readUIntBE(0, SHARE_BITS / 8) / 2 ** SHARE_BITS;
}

/**
 * The id that an event which is not stored is answered with, each time it is sent again.
 *
 * @returns a UUIDv8: no event's own id is one
 */
export function sampledOutEventId(workspaceId: string, insertId: string): string {
  const bytes = hashOf("waypost.greenflash.sampled-out", workspaceId, insertId).subarray(0, 16);
  bytes[6] = 0x80 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return formatUuid(bytes);
}

/** SHA-256 over a list, written so that no two lists are one text. */
function hashOf(...parts: readonly (string | null)[]): Buffer {
  return createHash("sha256").update(JSON.stringify(parts)).digest();
}
