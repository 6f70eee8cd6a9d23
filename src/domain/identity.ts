// Who an event is about: finds, creates, promotes or merges profiles from what one request says.
// The law: each identity belongs to exactly one live profile, and two profiles that both own an identity of
// the highest kind at hand are two people. Pure: the caller looks the owners up and writes the plan down.
import type { Warning } from "./event.ts";
import { IDENTITY_KINDS, type IdentityKind, type ProfileIdentities, type SentIdentities } from "./profile.ts";

export const MAX_EMAILS_PER_PROFILE = 5;
export const MAX_ANONYMOUS_IDS_PER_PROFILE = 50;
export const MAX_MERGES_INTO_PROFILE = 100;

/** A live profile that owns at least one of the identities sent. */
export interface Owner {
  id: string;
  identities: ProfileIdentities;
  /** Profiles merged into this one so far, those merged into them included. */
  mergedFrom: readonly string[];
}

export interface IdentityPlan<P extends Owner> {
  /** The profile the event goes to; `null` = a new one is to be made. */
  survivor: P | null;
  /** Profiles to merge into the survivor, in this order. */
  merges: P[];
  /** What the survivor owns afterwards. */
  identities: ProfileIdentities;
  /** Identities that lead nowhere afterwards: past a limit the oldest alias is let go. */
  released: { kind: IdentityKind; value: string }[];
  /** Whether `identities` differs from what the survivor owned before. */
  changed: boolean;
  /** Whether an identity sent stays with another person. */
  conflict: boolean;
  warnings: Warning[];
}

/** What callers send when a variable of theirs was empty: it names nobody, and must never join two people. */
const JUNK = new Set([
  "",
  "null",
  "undefined",
  "anonymous",
  "none",
  "0",
  "-1",
  "[object object]",
  "nan",
  "true",
  "false",
]);

/** Tells whether an identity value names nobody; letter case and outer spaces aside. */
export function isJunkIdentity(value: string): boolean {
  return JUNK.has(value.trim().toLowerCase());
}

const NOTHING: ProfileIdentities = { externalId: null, emails: [], phone: null, anonymousIds: [] };

/**
 * Plans what one request's identities mean for the profiles that exist.
 *
 * @param sent     at most one normalised value a kind, junk left out; at least one
 * @param ownerOf  the live profile that owns an identity, or `null`
 * @see docs/architecture.md#identity
 */
export function planIdentity<P extends Owner>(
  sent: SentIdentities,
  ownerOf: (kind: IdentityKind, value: string) => P | null,
): IdentityPlan<P> {
  const kinds = IDENTITY_KINDS.filter((kind) => sent[kind] !== undefined);
  const highest = kinds[0];
  let survivor: P | null = null;
  const merges: P[] = [];
  const unowned: IdentityKind[] = [];
  const warnings: Warning[] = [];
  let conflict = false;
  let mergedCount = 0;
  if (highest === undefined) throw new Error("an event without an identity cannot be resolved");

  for (const kind of kinds) {
    const owner = ownerOf(kind, sent[kind] as string);
    if (owner === null) {
      unowned.push(kind);
    } else if (survivor === null) {
      if (kind === highest || canTakeOver(owner, highest, kind)) {
        survivor = owner;
        mergedCount = owner.mergedFrom.length;
      } else {
        conflict = refuse(kind, warnings) || conflict;
      }
    } else if (owner.id !== survivor.id && !merges.some((merged) => merged.id === owner.id)) {
      const added = 1 + owner.mergedFrom.length;
      if (ownsKindOrHigher(owner, highest)) {
        conflict = refuse(kind, warnings) || conflict;
      } else if (mergedCount + added > MAX_MERGES_INTO_PROFILE) {
        conflict = true;
        warnings.push({
          code: "identity_conflict",
          message: `The ${kind} stays with its own profile: ${MAX_MERGES_INTO_PROFILE} profiles were merged into this one already.`,
        });
      } else {
        merges.push(owner);
        mergedCount += added;
      }
    }
  }

  if (survivor !== null && merges.length === 0 && unowned.length === 0) {
    // The usual event: everything that was sent leads to one person already, or stays with another.
    const { identities } = survivor;
    return { survivor, merges, identities, released: [], changed: false, conflict, warnings };
  }
  for (const merged of merges) {
    warnings.push({ code: "merged", message: "Two profiles turned out to be one person.", mergedProfileId: merged.id });
  }
  return changing({ survivor, merges, conflict, warnings }, sent, unowned);
}

/**
 * Plans what one request's identities mean for a profile that the caller named by its id: the event goes there,
 * what nobody owns is added, and nobody is merged.
 *
 * @param sent     as {@link planIdentity}; may be empty
 * @param ownerOf  as {@link planIdentity}
 */
export function planForNamed<P extends Owner>(
  named: P,
  sent: SentIdentities,
  ownerOf: (kind: IdentityKind, value: string) => P | null,
): IdentityPlan<P> {
  const unowned: IdentityKind[] = [];
  const warnings: Warning[] = [];
  let conflict = false;
  for (const kind of IDENTITY_KINDS.filter((one) => sent[one] !== undefined)) {
    const owner = ownerOf(kind, sent[kind] as string);
    const second = kind === "externalId" && owner === null && named.identities.externalId !== null;
    if (second) {
      conflict = true;
      warnings.push({ code: "identity_conflict", message: "The profile keeps the externalId that it has." });
    } else if (owner === null) {
      unowned.push(kind);
    } else if (owner.id !== named.id) {
      conflict = refuse(kind, warnings) || conflict;
    }
  }
  return changing({ survivor: named, merges: [], conflict, warnings }, sent, unowned);
}

/** Completes a plan with what the survivor owns afterwards. */
function changing<P extends Owner>(
  plan: Pick<IdentityPlan<P>, "survivor" | "merges" | "conflict" | "warnings">,
  sent: SentIdentities,
  unowned: readonly IdentityKind[],
): IdentityPlan<P> {
  const { survivor, merges } = plan;
  const before = survivor?.identities ?? NOTHING;
  const identities = combine(before, merges, sent, unowned);
  return {
    ...plan,
    identities,
    released: releasedBy([before, ...merges.map((merged) => merged.identities)], identities),
    changed: survivor === null || merges.length > 0 || unowned.length > 0,
  };
}

/** Lists every identity of a profile with its kind, highest rank first. */
export function listIdentities(identities: ProfileIdentities): { kind: IdentityKind; value: string }[] {
  const list: { kind: IdentityKind; value: string }[] = [];
  if (identities.externalId !== null) list.push({ kind: "externalId", value: identities.externalId });
  for (const value of identities.emails) list.push({ kind: "email", value });
  if (identities.phone !== null) list.push({ kind: "phone", value: identities.phone });
  for (const value of identities.anonymousIds) list.push({ kind: "anonymousId", value });
  return list;
}

/** Tells whether a profile owns an identity of this kind. */
function owns(identities: ProfileIdentities, kind: IdentityKind): boolean {
  switch (kind) {
    case "externalId":
      return identities.externalId !== null;
    case "email":
      return identities.emails.length > 0;
    case "phone":
      return identities.phone !== null;
    case "anonymousId":
      return identities.anonymousIds.length > 0;
  }
}

function ownsKindOrHigher(owner: Owner, kind: IdentityKind): boolean {
  return IDENTITY_KINDS.slice(0, IDENTITY_KINDS.indexOf(kind) + 1).some((higher) => owns(owner.identities, higher));
}

/**
 * Whether the owner of a lower identity becomes the owner of a higher one that nobody has yet.
 * An anonymousId is a device, not a person: it links only while nobody better known stands behind it.
 */
function canTakeOver(owner: Owner, highest: IdentityKind, kind: IdentityKind): boolean {
  return kind === "anonymousId" ? !ownsKindOrHigher(owner, highest) : !owns(owner.identities, highest);
}

/** Leaves an identity with the other profile that owns it; tells whether that is a conflict. */
function refuse(kind: IdentityKind, warnings: Warning[]): boolean {
  // A shared device is no news: an anonymousId that an identified profile owns stays there silently.
  if (kind === "anonymousId") return false;
  warnings.push({ code: "identity_conflict", message: `The ${kind} belongs to another profile and stays there.` });
  return true;
}

function combine(
  before: ProfileIdentities,
  merges: readonly Owner[],
  sent: SentIdentities,
  unowned: readonly IdentityKind[],
): ProfileIdentities {
  const all = [before, ...merges.map((merged) => merged.identities)];
  const isOurs = (kind: "email" | "phone"): boolean =>
    sent[kind] !== undefined && (unowned.includes(kind) || all.some((one) => listHas(one, kind, sent[kind] as string)));
  const emails = [...new Set(all.flatMap((one) => one.emails))];
  // The newest address is the canonical one; one that was an alias already stays where it is.
  const promoted = sent.email !== undefined && (unowned.includes("email") || merges.length > 0) && isOurs("email");
  const isNewDevice = (id: string): boolean =>
    unowned.includes("anonymousId") || merges.some((merged) => merged.identities.anonymousIds.includes(id));
  const newAnonymousId = [sent.anonymousId].filter((id) => id !== undefined && isNewDevice(id)) as string[];
  const phones = all.map((one) => one.phone).filter((phone) => phone !== null);
  return {
    externalId: unowned.includes("externalId")
      ? (sent.externalId as string)
      : (all.find((one) => one.externalId !== null)?.externalId ?? null),
    emails: (promoted ? [sent.email as string, ...emails.filter((email) => email !== sent.email)] : emails).slice(
      0,
      MAX_EMAILS_PER_PROFILE,
    ),
    phone: isOurs("phone") ? (sent.phone as string) : (phones[0] ?? null),
    // The one that was sent is the newest, also when a merge brought it: let go at once, it would merge again and again.
    anonymousIds: [...new Set([...newAnonymousId, ...all.flatMap((one) => one.anonymousIds)])].slice(
      0,
      MAX_ANONYMOUS_IDS_PER_PROFILE,
    ),
  };
}

function listHas(identities: ProfileIdentities, kind: "email" | "phone", value: string): boolean {
  return kind === "email" ? identities.emails.includes(value) : identities.phone === value;
}

function releasedBy(before: readonly ProfileIdentities[], after: ProfileIdentities): IdentityPlan<Owner>["released"] {
  const kept = new Set(listIdentities(after).map(({ kind, value }) => `${kind} ${value}`));
  return before.flatMap(listIdentities).filter(({ kind, value }) => !kept.has(`${kind} ${value}`));
}
