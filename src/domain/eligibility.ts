// Whether a person may enter a journey (again). Counted over all versions, and over merged profiles together.
// Answers the first rule that keeps the person out, in the documented order.
import type { FailedClause, SkipReason } from "./event.ts";
import type { Json } from "./json.ts";
import type { IdentityKind } from "./profile.ts";

export type Reentry = { kind: "once" } | { kind: "always" } | { kind: "after"; afterMs: number };

/** So many enrollments within so long a time; the window slides, and what began a whole `perMs` ago is out of it. */
export interface EntryLimit {
  enrollments: number;
  perMs: number;
}

/** A place whose value the rules count by: what differs there is counted apart. */
export interface EntryKey {
  pointer: string;
  /** Reads the event's data as it is kept, or the profile. */
  read: (scope: KeyScope) => Json | undefined;
}

/** What a key may read: redacted data only, for what is counted by is kept. */
export interface KeyScope {
  keptEvent(): Json | undefined;
  profile(): Json | undefined;
}

export interface EligibilityRules {
  /** Counted per value of the key, if there is one. */
  reentry: Reentry;
  /** Most runs of one profile (and key) at a time. */
  maxActive: number;
  key: EntryKey | null;
  /** Counted per profile, whatever the key. */
  cap: EntryLimit | null;
  /** Identity kinds that the profile must have. */
  requires: readonly IdentityKind[];
  /**
   * What can reach the person, if it is nothing but e-mail: `transactional` when an e-mail of the journey passes over an
   * unsubscribe; `null` = something else can too, or nothing is to.
   */
  emailOnly: "transactional" | "ordinary" | null;
}

/** What a profile has behind it in one journey, or in one journey under one key. */
export interface EnrollmentHistory {
  /** When the last enrollment began, Unix milliseconds; `null` = never enrolled. */
  lastStartedAt: number | null;
  /** Runs that are active now. */
  active: number;
}

/** What the rules ask about a person and a journey; each is asked only when the rules before it let the person in. */
export interface Standing {
  has(kind: IdentityKind): boolean;
  /** Whether no e-mail may be sent to the person, or none but a transactional one: that one is asked about. */
  suppressed(transactional: boolean): boolean;
  /** Of the key alone, if there is one. */
  history(): EnrollmentHistory;
  /** How many enrollments began after an instant, whatever their key; counts no further than `most`. */
  startedAfter(instant: number, most: number): number;
}

export interface KeptOut {
  reason: SkipReason;
  detail: FailedClause | null;
}

/**
 * Reads what a journey counts by.
 *
 * @returns text that is the same for the same value of the same place; `null` when there is nothing to count by:
 *          no value, a redacted one (inside a list it is `null`), or no single one
 */
export function entryKeyOf(key: EntryKey, scope: KeyScope): string | null {
  const value = key.read(scope);
  if (value === undefined || value === null || typeof value === "object") return null;
  return JSON.stringify([key.pointer, value]);
}

/**
 * Gives the first rule about the person that keeps them out, in the documented order, or `null`.
 *
 * @param now  Unix milliseconds
 * @see docs/architecture.md#reasons
 */
export function keptOutBy(rules: EligibilityRules, person: Standing, now: number): KeptOut | null {
  const lacking = rules.requires.find((kind) => !person.has(kind));
  if (lacking !== undefined) return { reason: "identity_required", detail: missing(`/profile/${lacking}`) };
  const { emailOnly } = rules;
  if (emailOnly !== null && person.suppressed(emailOnly === "transactional")) return because("suppressed");

  const { active, lastStartedAt } = person.history();
  if (active >= rules.maxActive) return because("already_active");
  if (lastStartedAt !== null) {
    if (rules.reentry.kind === "once") return because("already_enrolled");
    if (rules.reentry.kind === "after" && now < lastStartedAt + rules.reentry.afterMs) return because("cooldown");
  }

  const { cap } = rules;
  if (cap !== null && person.startedAfter(now - cap.perMs, cap.enrollments) >= cap.enrollments) {
    return because("capped");
  }
  return null;
}

/** Says that there is nothing at a place, in the words of a condition. */
export function missing(path: string): FailedClause {
  return { path, operator: "exists" };
}

function because(reason: SkipReason): KeptOut {
  return { reason, detail: null };
}
