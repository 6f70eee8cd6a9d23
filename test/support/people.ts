// A world of people in memory: applies identity plans the way a store does, and checks the law after each.
import { listIdentities, planIdentity, type IdentityPlan, type Owner } from "../../src/domain/identity.ts";
import type { IdentityKind, ProfileIdentities, SentIdentities } from "../../src/domain/profile.ts";

export interface Person extends Owner {
  mergedInto: string | null;
}

export interface Outcome {
  /** The profile the event went to. */
  profileId: string;
  plan: IdentityPlan<Person>;
}

/** What one profile owns, written short: what is left out is not there. */
export function identities(over: Partial<ProfileIdentities> = {}): ProfileIdentities {
  return { externalId: null, emails: [], phone: null, anonymousIds: [], ...over };
}

/** A profile's identities as the one value a kind that a test gives it. */
export function owning(sent: SentIdentities): ProfileIdentities {
  return identities({
    externalId: sent.externalId ?? null,
    emails: sent.email === undefined ? [] : [sent.email],
    phone: sent.phone ?? null,
    anonymousIds: sent.anonymousId === undefined ? [] : [sent.anonymousId],
  });
}

export class People {
  readonly people = new Map<string, Person>();

  /** Puts a person in; they must share no identity with another. */
  add(id: string, owned: ProfileIdentities, mergedFrom: string[] = []): void {
    this.people.set(id, { id, identities: owned, mergedFrom, mergedInto: null });
  }

  ownerOf = (kind: IdentityKind, value: string): Person | null =>
    this.live().find((person) =>
      listIdentities(person.identities).some((one) => one.kind === kind && one.value === value),
    ) ?? null;

  live(): Person[] {
    return [...this.people.values()].filter(({ mergedInto }) => mergedInto === null);
  }

  owned(id: string): ProfileIdentities | undefined {
    return this.people.get(id)?.identities;
  }

  send(sent: SentIdentities): Outcome {
    const plan = planIdentity(sent, this.ownerOf);
    const profileId = plan.survivor?.id ?? `new-${this.people.size}`;
    for (const merged of plan.merges) this.people.set(merged.id, { ...merged, mergedInto: profileId });
    this.people.set(profileId, {
      id: profileId,
      identities: plan.identities,
      mergedFrom: [
        ...(plan.survivor?.mergedFrom ?? []),
        ...plan.merges.flatMap((merged) => [...merged.mergedFrom, merged.id]),
      ],
      mergedInto: null,
    });
    return { profileId, plan };
  }
}
