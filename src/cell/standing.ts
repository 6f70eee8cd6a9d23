// How a person stands with each journey, for the rules of entry: read from the tables when a rule asks.
import { createHash } from "node:crypto";
import { refusalOf } from "../domain/consent.ts";
import type { EnrollmentHistory, Standing } from "../domain/eligibility.ts";
import { listIdentities } from "../domain/identity.ts";
import type { ListeningJourney } from "../domain/matching.ts";
import { NEVER_ENROLLED } from "./enrollment-histories.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { ResolvedPerson } from "./person-resolver.ts";

/** 128 bits: two values of one person's and one journey's meet after some 2^64. */
const KEY_DIGEST_BYTES = 16;

/**
 * Answers what the rules of entry ask about one person; what all journeys ask is read once.
 *
 * @returns the person's standing with a journey, by what that counts by
 */
export function standingOf(
  { profile, refusals }: ResolvedPerson,
  enrollments: EnrollmentStore,
): (journey: ListeningJourney, entryKey: string | null) => Standing {
  const family = [profile.id, ...profile.mergedFrom];
  let histories: ReadonlyMap<string, EnrollmentHistory> | undefined;
  return ({ id }, entryKey) => ({
    has: (kind) => listIdentities(profile.identities).some((identity) => identity.kind === kind),
    suppressed: (transactional) => refusalOf(refusals(), transactional) !== null,
    history: () => {
      if (entryKey !== null) return enrollments.histories.underKey(family, id, keyDigestOf(id, entryKey));
      histories ??= enrollments.histories.ofPerson(family);
      return histories.get(id) ?? NEVER_ENROLLED;
    },
    startedAfter: (instant, most) => enrollments.startedAfter(family, id, instant, most),
  });
}

/**
 * Digests what a journey counts by. The value stands in the event's data and not here, where it would outlive it.
 *
 * @param entryKey  as `entryKeyOf` of domain/eligibility.ts gives it
 */
export function keyDigestOf(journeyId: string, entryKey: string): Uint8Array {
  const digest = createHash("sha256").update(`waypost.entry.key\n${journeyId}\n${entryKey}`).digest();
  return Uint8Array.from(digest.subarray(0, KEY_DIGEST_BYTES));
}
