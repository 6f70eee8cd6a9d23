// Erases a person: one transaction takes everything personal out of the cell and leaves a job for D1. What stays are
// ids, instants and counts (docs/storage.md#erasure); a store that keeps something of people is asked here, or keeps it
// too long.
import { listIdentities } from "../domain/identity.ts";
import type { Profile } from "../domain/profile.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { ErasureStore } from "./erasure-store.ts";
import { forgetMergesOf } from "./merge-log.ts";
import type { Outbox } from "./outbox.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { Quarantine } from "./quarantine.ts";
import type { RejectedEvents } from "./rejected-events.ts";
import type { Suppressions } from "./suppressions.ts";

export interface ErasureParts {
  sql: SqlStorage;
  profiles: ProfileStore;
  enrollments: EnrollmentStore;
  outbox: Outbox;
  quarantine: Quarantine;
  rejected: RejectedEvents;
  suppressions: Suppressions;
  erasures: ErasureStore;
}

/**
 * Erases a person and everything merged into them. Runs inside a transaction.
 *
 * @param id   the profile's, or of one that was merged into it
 * @param key  digests the identities; @see src/crypto/identity-digest.ts
 * @param now  Unix milliseconds
 * @returns whether there was such a person
 */
export function erasePerson(parts: ErasureParts, id: string, key: Uint8Array, now: number): boolean {
  const { sql, profiles, enrollments, outbox, quarantine, rejected, suppressions, erasures } = parts;
  const live = profiles.findLive(id);
  if (live === null) return false;
  const family = familyOf(profiles, live);
  const profileIds = family.map((profile) => profile.id);
  const identities = ownIdentities(profiles, family);

  profiles.erase(family);
  const writtenTo = enrollments.erase(profileIds, now);
  rejected.erase(identities);
  const emails = identities.filter(({ kind }) => kind === "email").map(({ value }) => value);
  // The person's own rows are gone by here: whoever an address leads to is somebody else.
  const isElsewhere = (email: string): boolean => profiles.ownerOf("email", email) !== null;
  suppressions.erase({ profileIds, emails }, { isElsewhere, writtenTo: new Set(writtenTo), key });
  // From quarantine into the outbox, then out of both: in this order nothing is blanked twice.
  const fromQuarantine = quarantine.erase(profileIds);
  const partEventIds = [...fromQuarantine, ...outbox.blank(profileIds)];
  forgetMergesOf(sql, profileIds);
  erasures.put({ profileId: live.id, profileIds, partEventIds, erasedAt: now }, identities, key);
  return true;
}

/** The live profile and the tombstones of those merged into it. */
function familyOf(profiles: ProfileStore, live: Profile): Profile[] {
  const merged = live.mergedFrom.map((id) => profiles.find(id));
  return [live, ...merged.filter((profile) => profile !== null)];
}

/** What leads or led to these profiles, and not to anybody else by now. */
function ownIdentities(profiles: ProfileStore, family: readonly Profile[]) {
  const ids = new Set(family.map(({ id }) => id));
  const all = family.flatMap(({ identities }) => listIdentities(identities));
  const distinct = new Map(all.map((identity) => [`${identity.kind} ${identity.value}`, identity]));
  return [...distinct.values()].filter(({ kind, value }) => {
    const owner = profiles.ownerOf(kind, value);
    return owner === null || ids.has(owner.id);
  });
}
