// What changes whether people are written to: somebody decides it about a person, the person ends it with a link, an
// e-mail comes back. Each runs inside a transaction. What is about a person holds for every address they have; a bounce
// is its address's alone.
import type { SuppressionReason } from "../domain/consent.ts";
import type { WaypostError } from "../domain/errors.ts";
import type { ListPage } from "../domain/list-page.ts";
import type { Profile } from "../domain/profile.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { ReturnedEmail } from "../domain/returned-email.ts";
import type { DeliverySuppression, KnownProfile, SuppressionEntry } from "../domain/suppression.ts";
import type { DeliveryRequest } from "../domain/steps/step-runtime.ts";
import type { ErasureStore } from "./erasure-store.ts";
import type { ProfileStore } from "./profile-store.ts";
import { listedAs, type Suppressions } from "./suppressions.ts";

export interface ConsentParts {
  sql: SqlStorage;
  profiles: ProfileStore;
  suppressions: Suppressions;
}

export interface SuppressRequest {
  reason: SuppressionReason;
  diagnosticCode: string | null;
}

/** A profile with what stands against writing to them. */
export function knownProfile({ suppressions }: Pick<ConsentParts, "suppressions">, profile: Profile): KnownProfile {
  return { ...profile, deliverySuppression: suppressions.describe(profile) };
}

/**
 * Suppresses a person, or for a bounce their own address.
 *
 * @returns the profile; `not_found`, or `not_eligible` when a bounce has no address
 */
export function suppressPerson(
  parts: ConsentParts,
  id: string,
  { reason, diagnosticCode }: SuppressRequest,
  now: number,
): Result<KnownProfile, WaypostError> {
  const live = parts.profiles.findLive(id);
  if (live === null) return err({ code: "not_found" });
  const { emails } = live.identities;
  if (reason === "bounce" && emails.length === 0) return err(NO_ADDRESS);
  putForPerson(parts, live, reason === "bounce" ? emails.slice(0, 1) : emails, { reason, diagnosticCode }, now);
  return ok(knownProfile(parts, live));
}

/** Takes back everything that is against writing to a person. @returns the profile, or `not_found` */
export function unsuppressPerson(parts: ConsentParts, id: string): Result<KnownProfile, WaypostError> {
  const { profiles, suppressions } = parts;
  const live = profiles.findLive(id);
  if (live === null) return err({ code: "not_found" });
  suppressions.lift(listedAs(live), (email) => (profiles.ownerOf("email", email)?.id ?? live.id) !== live.id);
  return ok(knownProfile(parts, live));
}

/**
 * Ends what the person behind a message is sent, at the address it went to and at every other of theirs. Of somebody
 * erased digests of those are left, and it holds by them.
 *
 * @returns whether there is such a message
 */
export function unsubscribe(
  parts: ConsentParts & { erasures: Pick<ErasureStore, "digestsOf"> },
  deliveryId: string,
  now: number,
): boolean {
  const message = messageOf(parts.sql, deliveryId);
  if (message === null) return false;
  const live = parts.profiles.findLive(message.profileId);
  if (live === null) {
    parts.suppressions.putErased(parts.erasures.digestsOf(message.profileId), "unsubscribe", now);
    return true;
  }
  const emails = new Set(live.identities.emails);
  if (message.to !== null) emails.add(message.to);
  putForPerson(parts, live, [...emails], { reason: "unsubscribe", diagnosticCode: null }, now);
  return true;
}

/**
 * Notes what came back for an e-mail. Nobody is suppressed on a provider's word alone: the message has to have gone to
 * that very address. What a colleague or a tester calls spam, to whom it was sent, is not said by the person it is about.
 *
 * @returns whether there is such a message that went to that address; after an erasure there is none
 */
export function noteReturned(parts: ConsentParts, returned: ReturnedEmail, now: number): boolean {
  const { kind, diagnosticCode } = returned;
  const message = messageOf(parts.sql, returned.deliveryId);
  const email = returned.address.trim().toLowerCase();
  if (message === null || !message.targets.has(email)) return false;
  if (kind === "soft_bounce") {
    parts.suppressions.noteSoftBounce(email, { at: now, diagnosticCode });
    return true;
  }
  const reason = kind === "complaint" ? "complaint" : "bounce";
  const live = parts.profiles.findLive(message.profileId);
  const isTheirs = live?.identities.emails.includes(email) === true;
  if (isTheirs && reason === "complaint") {
    putForPerson(parts, live, live.identities.emails, { reason, diagnosticCode }, now);
  } else {
    parts.suppressions.put({ email, reason, diagnosticCode, profileId: isTheirs ? live.id : null }, now);
  }
  return true;
}

/** Entries, newest first, each with the profile that answers for it now. */
export function listSuppressions(
  { suppressions, profiles }: ConsentParts,
  limit: number,
  before: string | null,
): ListPage<SuppressionEntry> {
  const { items, more } = suppressions.list(limit, before);
  const answering = ({ email, profileId }: SuppressionEntry): string | null => {
    const live = profileId === null ? null : profiles.findLive(profileId);
    return live?.id ?? (email === null ? null : (profiles.ownerOf("email", email)?.id ?? null));
  };
  return { items: items.map((entry) => ({ ...entry, profileId: answering(entry) })), more };
}

/** How people stand, by profile id, without those whom nothing is known of. */
export function standingsOf(
  { suppressions, profiles }: ConsentParts,
  profileIds: readonly string[],
): [string, DeliverySuppression][] {
  return profileIds.flatMap((id): [string, DeliverySuppression][] => {
    const profile = profiles.find(id);
    const standing = profile === null ? null : suppressions.describe(profile);
    return standing === null || (!standing.suppressed && standing.latestBounceReason === null) ? [] : [[id, standing]];
  });
}

const NO_ADDRESS: WaypostError = {
  code: "not_eligible",
  reason: "no_address",
  message: "The profile has no e-mail address that could have bounced. Suppress the person with another reason.",
};

function putForPerson(
  { suppressions }: ConsentParts,
  { id: profileId }: Profile,
  emails: readonly string[],
  request: SuppressRequest,
  now: number,
): void {
  for (const email of emails.length === 0 ? [null] : emails) {
    suppressions.put({ email, profileId, ...request }, now);
  }
}

interface KnownMessage {
  /** Whose its run is: after a merge was undone, not who it was asked for in the name of. */
  profileId: string;
  /** Where it was to go, lower-cased. */
  to: string | null;
  /** Where it goes and its attempts went, lower-cased: elsewhere while its workspace redirects; none after an erasure. */
  targets: ReadonlySet<string>;
}

/** Whose a message is, and where it went; `null` = there is no such message. */
function messageOf(sql: SqlStorage, deliveryId: string): KnownMessage | null {
  const row = sql
    .exec<{ profile_id: string; request: string; target: string | null }>(
      `SELECT e.profile_id, d.request, d.target
       FROM deliveries d JOIN enrollments e ON e.id = d.enrollment_id WHERE d.id = ?`,
      deliveryId,
    )
    .toArray()[0];
  if (row === undefined) return null;
  const request = JSON.parse(row.request) as DeliveryRequest | null;
  const attempts = sql.exec<{ target: string | null }>(
    `SELECT target FROM delivery_attempts WHERE delivery_id = ?`,
    deliveryId,
  );
  const targets = [row, ...attempts].flatMap(({ target }) => target?.toLowerCase() ?? []);
  return {
    profileId: row.profile_id,
    to: request?.channel === "email" ? (request.to?.toLowerCase() ?? null) : null,
    targets: new Set(targets),
  };
}
