// Decides which of the journeys that listen to an event it starts. Pure: the same code answers a live event
// and a question about one. Every journey gets exactly one reason.
import type { CompiledCondition, ConditionScope } from "./condition.ts";
import {
  entryKeyOf,
  keptOutBy,
  missing,
  type EligibilityRules,
  type EntryLimit,
  type KeyScope,
  type KeptOut,
  type Standing,
} from "./eligibility.ts";
import type { FailedClause } from "./event.ts";

/** As much of a pointer as a receipt keeps: a pointer may be as long as its journey's document. */
const MAX_KEPT_PATH_CHARACTERS = 255;

/** One published version of an active journey. */
export interface ListeningJourney {
  id: string;
  key: string;
  version: number;
  filter: CompiledCondition | null;
  eligibility: EligibilityRules;
  /** The version's own runaway limit; `null` = the workspace's, if it has one. */
  runaway: EntryLimit | null;
  firstStepId: string;
}

/** What an event offers to the journeys that listen to it: before redaction to filters, as it is kept to keys. */
export type EntryScope = ConditionScope & KeyScope;

/** What deciding asks besides the event. */
export interface EntrySituation {
  /** Unix milliseconds. */
  now: number;
  /**
   * The person, as a journey's rules see them; `null` = the event is about nobody.
   *
   * @param entryKey  what the journey counts by, as {@link entryKeyOf} gives it; `null` = by the person alone
   */
  standing: ((journey: ListeningJourney, entryKey: string | null) => Standing) | null;
  /** Whether the runaway guard lets nobody more into a journey. Asked last, about who would enter otherwise. */
  isRunaway: (journey: ListeningJourney) => boolean;
}

export type Verdict = { journey: ListeningJourney } & (
  | { outcome: "enrolled"; entryKey: string | null }
  | ({ outcome: "skipped" } & KeptOut)
);

/** Decides one journey. */
export function decide(journey: ListeningJourney, scope: EntryScope, situation: EntrySituation): Verdict {
  const skipped = (reason: KeptOut["reason"], detail: FailedClause | null = null): Verdict => {
    return { journey, outcome: "skipped", reason, detail: detail === null ? null : kept(detail) };
  };
  const failed = journey.filter === null ? null : journey.filter(scope);
  if (failed !== null) return skipped("filter_failed", failed);

  const { key } = journey.eligibility;
  const entryKey = key === null ? null : entryKeyOf(key, scope);
  if (key !== null && entryKey === null) return skipped("key_missing", missing(key.pointer));

  if (situation.standing === null) return skipped("identity_required");
  const keptOut = keptOutBy(journey.eligibility, situation.standing(journey, entryKey), situation.now);
  if (keptOut !== null) return skipped(keptOut.reason, keptOut.detail);
  if (situation.isRunaway(journey)) return skipped("runaway_stopped");
  return { journey, outcome: "enrolled", entryKey };
}

function kept(clause: FailedClause): FailedClause {
  const { path } = clause;
  return path === null || path.length <= MAX_KEPT_PATH_CHARACTERS
    ? clause
    : { ...clause, path: path.slice(0, MAX_KEPT_PATH_CHARACTERS) };
}
