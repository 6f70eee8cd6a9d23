// What two profiles own and hold after their merge is undone. The law: the merged profile gets back all that it had at
// the merge, the survivor what it would have by itself; what came since stays with the survivor. Pure: whether the
// identities are there to go back is the caller's to check first.
import { hasOwn, jsonEquals, type JsonObject } from "./json.ts";
import { listIdentities, MAX_ANONYMOUS_IDS_PER_PROFILE, MAX_EMAILS_PER_PROFILE } from "./identity.ts";
import type { IdentityKind, ProfileIdentities } from "./profile.ts";

export interface IdentityOfKind {
  kind: IdentityKind;
  value: string;
}

/** What a merge made of the survivor's identities, as the log has it. */
export interface SurvivorChange {
  before: ProfileIdentities;
  after: ProfileIdentities;
}

/**
 * What the survivor owns when the merged profile has taken back its own.
 *
 * @param current   what the survivor owns now
 * @param returned  what the merged profile had at the merge
 * @param change    what the merge made of the survivor's own
 */
export function identitiesWithout(
  current: ProfileIdentities,
  returned: ProfileIdentities,
  { before, after }: SurvivorChange,
): ProfileIdentities {
  const leaving = new Set(listIdentities(returned).map(keyOf));
  const single = (kind: "externalId" | "phone"): string | null =>
    current[kind] !== null && leaving.has(keyOf({ kind, value: current[kind] })) ? before[kind] : current[kind];
  const list = (kind: "email" | "anonymousId", of: (one: ProfileIdentities) => string[], most: number): string[] => {
    const left = of(current).filter((value) => !leaving.has(keyOf({ kind, value })));
    return asBefore(left, of(before), of(after), most);
  };
  return {
    externalId: single("externalId"),
    emails: list("email", (one) => one.emails, MAX_EMAILS_PER_PROFILE),
    phone: single("phone"),
    anonymousIds: list("anonymousId", (one) => one.anonymousIds, MAX_ANONYMOUS_IDS_PER_PROFILE),
  };
}

/**
 * A list with what was let go of it since before the merge, the newest of that as far as there is room; in the order it
 * had before, unless that changed since: the merge may have made another address the canonical one.
 */
function asBefore(
  left: readonly string[],
  before: readonly string[],
  after: readonly string[],
  most: number,
): string[] {
  const present = new Set(left);
  const back = before.filter((value) => !present.has(value)).slice(0, most - left.length);
  const own = new Set(before);
  const order = after.filter((value) => own.has(value) && present.has(value));
  const isAsMerged = left.filter((value) => own.has(value)).every((value, i) => value === order[i]);
  if (!isAsMerged) return [...left, ...back];
  const returning = new Set(back);
  const ordered = before.filter((value) => present.has(value) || returning.has(value));
  const places = left.map((value) => (own.has(value) ? (ordered.shift() as string) : value));
  return [...places, ...ordered];
}

/**
 * The survivor's properties without what came from the merged profile and is still as it came.
 *
 * @param filled  names that the merge filled from the merged profile
 */
export function propertiesWithout(survivor: JsonObject, merged: JsonObject, filled: readonly string[]): JsonObject {
  const left = { ...survivor };
  for (const name of filled) {
    if (hasOwn(left, name) && hasOwn(merged, name) && jsonEquals(left[name], merged[name])) delete left[name];
  }
  return left;
}

function keyOf({ kind, value }: IdentityOfKind): string {
  return `${kind} ${value}`;
}
