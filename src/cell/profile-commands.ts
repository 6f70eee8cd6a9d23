// What a caller does to people directly, without an event: says what is known of one, and undoes a merge. Neither makes
// an event nor starts a journey.
import type { WaypostError } from "../domain/errors.ts";
import type { Profile, SentIdentities } from "../domain/profile.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { PersonResolver } from "./person-resolver.ts";

export interface ProfileUpsert {
  /** Normalised, junk left out; at least one. */
  identities: SentIdentities;
  /** JSON text of an object, or `null`. */
  propertiesJson: string | null;
}

const TOO_LARGE: WaypostError = {
  code: "invalid_request",
  issues: [{ path: "properties", message: "The profile would hold more than 512 KiB of properties." }],
};

/**
 * Finds, creates or merges a person as an event would, and patches their properties. Runs inside a transaction.
 *
 * @param now  Unix milliseconds
 * @returns the person as they are then; `invalid_request` when they would become too large
 */
export function upsertProfile(
  people: PersonResolver,
  { identities, propertiesJson }: ProfileUpsert,
  now: number,
): Result<Profile, WaypostError> {
  const resolved = people.resolve(
    { people: "resolve", profileId: null, source: "api", identities, propertiesJson, listEditsJson: null },
    { now, eventId: null },
  );
  if (resolved.kind === "profile_too_large") return err(TOO_LARGE);
  if (resolved.kind !== "resolved" || resolved.person === null) throw new Error("an upsert always resolves");
  return ok(resolved.person.profile);
}
