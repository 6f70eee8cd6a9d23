// What a person was called before, as a vendor's `alias` says it: mostly the anonymousId of the visit in which
// somebody signed up, sometimes an id of another account. The law: an alias never joins two people who are known.
import type { Warning } from "./event.ts";
import type { Owner } from "./identity.ts";
import type { IdentityKind, SentIdentities } from "./profile.ts";

const STAYS: Warning = {
  code: "identity_conflict",
  message: "The previousId belongs to another person and stays there: nothing was merged.",
};

/**
 * Reads a former id: as an anonymousId first, and as an externalId where no anonymousId is called so.
 *
 * @param sent      who the person is now
 * @param formerId  `undefined` = the request has none
 * @param ownerOf   the live profile that owns an identity, or `null`
 * @returns the identities to plan with: the former id as their anonymousId, or as they were with a warning
 */
export function withFormerId(
  sent: SentIdentities,
  formerId: string | undefined,
  ownerOf: (kind: IdentityKind, value: string) => Owner | null,
): { sent: SentIdentities; warnings: Warning[] } {
  if (formerId === undefined || formerId === sent.externalId) return { sent, warnings: [] };
  const owner = ownerOf("anonymousId", formerId) ?? ownerOf("externalId", formerId);
  const own = sent.externalId === undefined ? null : ownerOf("externalId", sent.externalId);
  const isAnothers = owner !== null && owner.identities.externalId !== null && owner.id !== own?.id;
  return isAnothers ? { sent, warnings: [STAYS] } : { sent: { ...sent, anonymousId: formerId }, warnings: [] };
}
