// Undoes a merge by what the log says of it: identities, properties and runs go back to the profile that had them, and
// what came since stays with the survivor. Either all of it goes back, or nothing does.
import type { WaypostError } from "../domain/errors.ts";
import { listIdentities } from "../domain/identity.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Profile, ProfileIdentities } from "../domain/profile.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { identitiesWithout, propertiesWithout } from "../domain/unmerge.ts";
import type { Enrollment, EnrollmentStore } from "./enrollment-store.ts";
import { lastMerge, noteUndone, type MovedByMerge } from "./merge-log.ts";
import type { Outbox } from "./outbox.ts";
import { partMessages } from "./parted-messages.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { RunDriver } from "./run-driver.ts";
import { listedAs, type Suppressions } from "./suppressions.ts";

/** Why a merge cannot be undone. @see docs/errors.md#not_eligible */
const REFUSALS = {
  not_merged: "No profile of that id was merged into this one.",
  already_undone: "This merge was undone before.",
  survivor_merged: "The profile was merged on into another one since. Undo that merge first.",
  identity_moved: "An identity that would go back leads to another profile by now.",
  log_incomplete: "The log does not hold all that undoing this merge needs: it was written by an earlier version.",
} as const;

export interface UnmergeParts {
  sql: SqlStorage;
  profiles: ProfileStore;
  enrollments: EnrollmentStore;
  driver: RunDriver;
  suppressions: Suppressions;
  outbox: Outbox;
}

export interface Unmerged<P extends Profile = Profile> {
  survivor: P;
  restored: P;
}

interface Runs {
  moved: Enrollment[];
  ended: Enrollment[];
}

/**
 * Undoes the last merge of one profile into another. Runs inside a transaction; a refusal has written nothing.
 *
 * @param now  Unix milliseconds
 * @returns both profiles as they are then; `not_found` without such a survivor, else `not_eligible`
 * @see docs/architecture.md#undoing-a-merge
 */
export function undoMerge(
  parts: UnmergeParts,
  survivorId: string,
  mergedId: string,
  now: number,
): Result<Unmerged, WaypostError> {
  const { sql, profiles } = parts;
  const survivor = profiles.find(survivorId);
  if (survivor === null) return err({ code: "not_found" });
  const merge = lastMerge(sql, survivorId, mergedId);
  // Merged into somebody who was merged into this one.
  if (merge === null) return refusal(survivor.mergedFrom.includes(mergedId) ? "survivor_merged" : "not_merged");
  if (merge.undoneAt !== null) return refusal("already_undone");
  if (survivor.mergedInto !== null) return refusal("survivor_merged");
  const merged = profiles.find(mergedId);
  const change = merge.moved.survivor;
  if (change === undefined || merged?.mergedInto !== survivorId) return refusal("log_incomplete");
  const identities = identitiesWithout(survivor.identities, merged.identities, change);
  if (![identities, merged.identities].every((own) => mayGoBack(profiles, survivorId, own))) {
    return refusal("identity_moved");
  }
  const runs = runsOf(parts.enrollments, merge.moved, survivorId);
  if (runs === null) return refusal("log_incomplete");

  moveRunsBack(parts.enrollments, runs, mergedId, now);
  partProfiles(profiles, survivor, merged, { identities, filled: merge.moved.properties, now });
  const parted = { survivor: profiles.find(survivorId) as Profile, restored: profiles.find(mergedId) as Profile };
  parts.suppressions.part(listedAs(survivor), merge.id, [parted.survivor, parted.restored]);
  partMessages(parts, merge.id, parted);
  // Its steps read the person as they are again.
  for (const { id } of runs.ended) parts.driver.catchUp(id, now);
  noteUndone(sql, merge.id, now);
  return ok({ survivor: profiles.find(survivorId) as Profile, restored: profiles.find(mergedId) as Profile });
}

function refusal(reason: keyof typeof REFUSALS): Result<never, WaypostError> {
  return err({ code: "not_eligible", reason, message: REFUSALS[reason] });
}

/** Whether each of these identities leads to the survivor or to nobody. */
function mayGoBack(profiles: ProfileStore, survivorId: string, identities: ProfileIdentities): boolean {
  return listIdentities(identities).every(({ kind, value }) => {
    const owner = profiles.ownerOf(kind, value);
    return owner === null || owner.id === survivorId;
  });
}

/** The runs that go back; `null` when one is not as the merge left it, or has nothing left to go on by. */
function runsOf(enrollments: EnrollmentStore, moved: MovedByMerge, survivorId: string): Runs | null {
  const runs = {
    moved: moved.enrollments.map((id) => enrollments.find(id)),
    ended: moved.ended.map((id) => enrollments.find(id)),
  };
  const complete =
    runs.moved.every((run) => run?.profileId === survivorId) &&
    runs.ended.every((run) => run?.reason === "merged_duplicate" && enrollments.entryEvents.find(run.eventId) !== null);
  return complete ? (runs as Runs) : null;
}

function moveRunsBack(enrollments: EnrollmentStore, { moved, ended }: Runs, mergedId: string, now: number): void {
  const undone = ({ run, stepId }: Enrollment): Enrollment["timeline"][number] => ({
    // Instants of a timeline never go back.
    at: new Date(Math.max(now, run.at)).toISOString(),
    stepId,
    kind: "merged",
    detail: { unmergedProfileId: mergedId },
  });
  for (const run of moved) enrollments.moveTo(run, mergedId, undone(run));
  for (const run of ended) enrollments.revive(run, undone(run));
}

function partProfiles(
  profiles: ProfileStore,
  survivor: Profile,
  merged: Profile,
  { identities, filled, now }: { identities: ProfileIdentities; filled: string[]; now: number },
): void {
  const properties = propertiesWithout(
    JSON.parse(survivor.propertiesJson) as JsonObject,
    JSON.parse(merged.propertiesJson) as JsonObject,
    filled,
  );
  const gone = new Set([merged.id, ...merged.mergedFrom]);
  profiles.update({
    ...survivor,
    identities,
    propertiesJson: JSON.stringify(properties),
    mergedFrom: survivor.mergedFrom.filter((id) => !gone.has(id)),
    updatedAt: now,
  });
  profiles.update({ ...merged, mergedInto: null, updatedAt: now });
  profiles.pointIdentities(merged.id, merged.identities, null);
  profiles.pointIdentities(survivor.id, identities, survivor.identities);
}
