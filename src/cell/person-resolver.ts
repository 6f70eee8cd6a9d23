// Finds, makes, changes or merges the person a request is about, as far as the door's policy allows.
// Everything that can be refused is refused before the first write.
import type { Refusals } from "../domain/consent.ts";
import type { Warning } from "../domain/event.ts";
import { withFormerId } from "../domain/former-id.ts";
import { planForNamed, planIdentity, type IdentityPlan } from "../domain/identity.ts";
import type { JsonObject } from "../domain/json.ts";
import { IDENTITY_KINDS, type IdentityKind, type Profile, type SentIdentities } from "../domain/profile.ts";
import {
  changeProperties,
  fillBlanks,
  jsonBytes,
  MAX_PROPERTIES_BYTES,
  type ListEdits,
  type PropertyChange,
} from "../domain/properties.ts";
import type { AcceptCommand } from "./command.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import { mergeInto, type MergeContext } from "./merge.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { Suppressions } from "./suppressions.ts";

/** What a request says about a person, and how far it may go with people. */
export type PersonCommand = Pick<
  AcceptCommand,
  "people" | "profileId" | "identities" | "formerId" | "source" | "propertiesJson" | "listEditsJson"
>;

export interface ResolvedPerson {
  profile: Profile;
  /** The profile's properties, parsed when first asked for. */
  properties: () => JsonObject;
  /** What there is against writing to the person, asked when a journey wants to know. */
  refusals: () => Refusals;
}

export type Resolution =
  | { kind: "resolved"; person: ResolvedPerson | null; warnings: Warning[] }
  | { kind: "profile_not_found" }
  | { kind: "identity_conflict" }
  | { kind: "profile_too_large" };

type Planned = { kind: "planned"; plan: IdentityPlan<Profile> | null } | Exclude<Resolution, { kind: "resolved" }>;

export class PersonResolver {
  readonly #sql: SqlStorage;
  readonly #profiles: ProfileStore;
  readonly #enrollments: EnrollmentStore;
  readonly #suppressions: Suppressions;
  readonly #newId: () => string;

  constructor(parts: {
    sql: SqlStorage;
    profiles: ProfileStore;
    enrollments: EnrollmentStore;
    suppressions: Suppressions;
    newId: () => string;
  }) {
    this.#sql = parts.sql;
    this.#profiles = parts.profiles;
    this.#enrollments = parts.enrollments;
    this.#suppressions = parts.suppressions;
    this.#newId = parts.newId;
  }

  /** Every id that the person of a command has or will have, without changing anything; empty = a new person. */
  familyOf(command: PersonCommand): string[] {
    const planned = this.#plan(command);
    if (planned.kind !== "planned" || planned.plan === null) return [];
    return [planned.plan.survivor, ...planned.plan.merges].flatMap((one) =>
      one === null ? [] : [one.id, ...one.mergedFrom],
    );
  }

  resolve(command: PersonCommand, at: { now: number; eventId: string | null }): Resolution {
    const planned = this.#plan(command);
    if (planned.kind !== "planned") return planned;
    if (planned.plan === null) return { kind: "resolved", person: null, warnings: [] };
    return this.#write(command, planned.plan, at);
  }

  #plan(command: PersonCommand): Planned {
    const { people } = command;
    const owners = new Map<string, Profile | null>();
    const ownerOf = (kind: IdentityKind, value: string): Profile | null => {
      const owner = this.#profiles.ownerOf(kind, value);
      // One object a profile, so that a profile found twice is recognisably the same one.
      const known = owner === null ? null : (owners.get(owner.id) ?? owner);
      if (known !== null) owners.set(known.id, known);
      return known;
    };
    const { sent, warnings: said } = withFormerId(command.identities, command.formerId, ownerOf);
    const named = command.profileId === null ? null : this.#profiles.findLive(command.profileId);
    if (named !== null) owners.set(named.id, named);
    if (IDENTITY_KINDS.every((kind) => sent[kind] === undefined)) {
      if (named !== null) return planOf(keepAsIs(named));
      return people === "optional" && command.profileId === null ? planOf(null) : { kind: "profile_not_found" };
    }
    const plan = named === null ? planIdentity(sent, ownerOf) : planForNamed(named, sent, ownerOf);
    if (people === "identify" && plan.conflict) return { kind: "identity_conflict" };
    if (people !== "find" && people !== "introduce") {
      return planOf(said.length === 0 ? plan : { ...plan, warnings: [...said, ...plan.warnings] });
    }
    const found = IDENTITY_KINDS.map((kind) => (sent[kind] === undefined ? null : ownerOf(kind, sent[kind])));
    const profile = named ?? found.find((owner) => owner !== null) ?? null;
    if (profile === null) return people === "find" ? { kind: "profile_not_found" } : planOf(plan);
    const warnings = plan.warnings.filter(({ code }) => code === "identity_conflict");
    return planOf({ ...keepAsIs(profile), warnings });
  }

  #write(command: PersonCommand, plan: IdentityPlan<Profile>, at: { now: number; eventId: string | null }): Resolution {
    const { survivor } = plan;
    const update = propertyChangeOf(command);
    // The usual event: a known person, nothing new about them.
    if (survivor !== null && !plan.changed && update === null && survivor.sources.includes(command.source)) {
      return this.#resolved(survivor, plan.warnings);
    }
    const { properties: filled, filledNames } = fillFrom(survivor, plan.merges, command);
    const patched = update === null ? null : changeProperties(filled, update);
    const grown = patched !== null || plan.merges.length > 0;
    const propertiesJson = grown ? JSON.stringify(patched ?? filled) : (survivor?.propertiesJson ?? "{}");
    if (patched !== null && jsonBytes(propertiesJson) > MAX_PROPERTIES_BYTES) return { kind: "profile_too_large" };

    const sources = new Set([survivor, ...plan.merges].flatMap((one) => one?.sources ?? []));
    const newSource = !sources.has(command.source);
    if (survivor !== null && !plan.changed && patched === null && !newSource)
      return this.#resolved(survivor, plan.warnings);

    const profile: Profile = {
      id: survivor?.id ?? this.#newId(),
      identities: plan.identities,
      propertiesJson,
      sources: [...sources.add(command.source)],
      mergedInto: null,
      mergedFrom: [survivor, ...plan.merges].flatMap((one, i) => [
        ...(one?.mergedFrom ?? []),
        ...(one === null || i === 0 ? [] : [one.id]),
      ]),
      createdAt: survivor?.createdAt ?? at.now,
      updatedAt: at.now,
      rev: (survivor?.rev ?? 0) + 1,
    };
    const change = { id: profile.id, before: (survivor ?? profile).identities, after: plan.identities };
    plan.merges.forEach((merged, i) => {
      const written = namesIn(update);
      const names = (filledNames[i] ?? []).filter((name) => !written.has(name));
      mergeInto(this.#mergeContext(at), change, merged, names);
    });
    if (survivor === null) this.#profiles.insert(profile);
    else this.#profiles.update(profile);
    if (plan.changed) {
      this.#profiles.pointIdentities(profile.id, plan.identities, survivor?.identities ?? null);
      for (const { kind, value } of plan.released) this.#profiles.releaseIdentity(kind, value);
    }
    return this.#resolved(profile, plan.warnings);
  }

  /** What there is against writing to somebody who was never here. */
  refusalsOfNew({ email }: SentIdentities): Refusals {
    return this.#suppressions.refusals(email ?? null, { profileIds: [], emails: [] });
  }

  #resolved(profile: Profile, warnings: Warning[]): Resolution {
    return { kind: "resolved", person: this.personOf(profile), warnings };
  }

  /** A person as journeys are decided about them; each thing is read when first asked for. */
  personOf(profile: Profile): ResolvedPerson {
    let properties: JsonObject | undefined;
    let refusals: Refusals | undefined;
    return {
      profile,
      properties: () => (properties ??= JSON.parse(profile.propertiesJson) as JsonObject),
      refusals: () => (refusals ??= this.#suppressions.refusalsOf(profile)),
    };
  }

  #mergeContext(at: { now: number; eventId: string | null }): MergeContext {
    return { sql: this.#sql, profiles: this.#profiles, enrollments: this.#enrollments, newId: this.#newId, ...at };
  }
}

/**
 * A survivor's properties with its blanks filled from what is merged into it, and which names came from whom.
 *
 * @param command  the caller's own update, for which room is left
 */
function fillFrom(
  survivor: Profile | null,
  merges: readonly Profile[],
  { propertiesJson, listEditsJson }: Pick<PersonCommand, "propertiesJson" | "listEditsJson">,
): { properties: JsonObject; filledNames: string[][] } {
  let properties = survivor === null ? {} : (JSON.parse(survivor.propertiesJson) as JsonObject);
  if (merges.length === 0) return { properties, filledNames: [] };
  const ownBytes = jsonBytes(propertiesJson ?? "") + jsonBytes(listEditsJson ?? "");
  const filledNames = merges.map((merged) => {
    const roomBytes = MAX_PROPERTIES_BYTES - jsonBytes(JSON.stringify(properties)) - ownBytes;
    const step = fillBlanks(properties, JSON.parse(merged.propertiesJson) as JsonObject, roomBytes);
    properties = step.properties;
    return step.filled;
  });
  return { properties, filledNames };
}

/** What a command changes of the person's properties; `null` = nothing. */
function propertyChangeOf({ propertiesJson, listEditsJson }: PersonCommand): PropertyChange | null {
  if (propertiesJson === null && listEditsJson === null) return null;
  return {
    patch: propertiesJson === null ? {} : (JSON.parse(propertiesJson) as JsonObject),
    lists: listEditsJson === null ? null : (JSON.parse(listEditsJson) as ListEdits),
  };
}

/** Names of properties that an update writes, whatever it makes of them. */
function namesIn(update: PropertyChange | null): Set<string> {
  const { patch = {}, lists = null } = update ?? {};
  return new Set([patch, lists?.append ?? {}, lists?.unappend ?? {}].flatMap((one) => Object.keys(one)));
}

/** @param plan  `null` = the event is about nobody */
function planOf(plan: IdentityPlan<Profile> | null): Planned {
  return { kind: "planned", plan };
}

/** A plan that leaves a person's identities as they are. */
function keepAsIs(profile: Profile): IdentityPlan<Profile> {
  return {
    survivor: profile,
    merges: [],
    identities: profile.identities,
    released: [],
    changed: false,
    conflict: false,
    warnings: [],
  };
}
