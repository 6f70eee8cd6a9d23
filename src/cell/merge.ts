// Makes two profiles one: identities, properties and active runs go to the survivor, the other becomes a
// tombstone that keeps what it was. A merge never starts a journey.
import { Buffer } from "node:buffer";
import { listIdentities } from "../domain/identity.ts";
import type { Profile } from "../domain/profile.ts";
import type { TimelineEntry } from "../domain/enrollment.ts";
import type { SurvivorChange } from "../domain/unmerge.ts";
import type { Enrollment, EnrollmentStore } from "./enrollment-store.ts";
import { logMerge } from "./merge-log.ts";
import type { ProfileStore } from "./profile-store.ts";

export interface MergeContext {
  sql: SqlStorage;
  profiles: ProfileStore;
  enrollments: EnrollmentStore;
  newId: () => string;
  /** Unix milliseconds. */
  now: number;
  /** The event that showed that the two are one, if it was one. */
  eventId: string | null;
}

/**
 * Moves what one profile has to another and leaves a tombstone; the survivor's own row and identities are the
 * caller's to write, once, after the last merge.
 *
 * @param survivor  with what its identities were before the first merge of the request, and are after the last
 * @param filled    names of the survivor's properties that came from the merged profile
 */
export function mergeInto(
  context: MergeContext,
  survivor: { id: string } & SurvivorChange,
  merged: Profile,
  filled: string[],
): void {
  const { moved, ended } = moveRuns(context, survivor.id, merged.id);
  context.profiles.update({ ...merged, mergedInto: survivor.id, updatedAt: context.now });
  logMerge(context.sql, {
    id: context.newId(),
    at: context.now,
    survivorId: survivor.id,
    mergedId: merged.id,
    cause: context.eventId === null ? "profile.upsert" : "event",
    eventId: context.eventId,
    moved: {
      identities: listIdentities(merged.identities),
      enrollments: moved,
      ended,
      properties: filled,
      survivor: { before: survivor.before, after: survivor.after },
    },
  });
}

/** Moves active runs; of two runs of one journey, under one key if it counts by one, the survivor's goes on. */
function moveRuns(context: MergeContext, survivorId: string, mergedId: string): { moved: string[]; ended: string[] } {
  const { enrollments, now } = context;
  const running = new Set(enrollments.activeOf(survivorId).map(placeOf));
  const moved: string[] = [];
  const ended: string[] = [];
  for (const run of enrollments.activeOf(mergedId)) {
    if (running.has(placeOf(run))) {
      enrollments.endAsDuplicate(run, now);
      ended.push(run.id);
    } else {
      enrollments.moveTo(run, survivorId, mergedEntry(run, mergedId, now));
      moved.push(run.id);
    }
  }
  return { moved, ended };
}

/** What a person has one run of at a time, unless the journey allows more. */
function placeOf({ journeyId, keyDigest }: Enrollment): string {
  return keyDigest === null ? journeyId : `${journeyId} ${Buffer.from(keyDigest).toString("hex")}`;
}

/** Instants of a timeline never go back. */
function mergedEntry({ run, stepId }: Enrollment, mergedProfileId: string, now: number): TimelineEntry {
  return { at: new Date(Math.max(now, run.at)).toISOString(), stepId, kind: "merged", detail: { mergedProfileId } };
}
