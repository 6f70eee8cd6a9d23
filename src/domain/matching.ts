// Decides which of the journeys that listen to an event it starts. Pure: the same code answers a live event
// and a question about one. Every journey gets exactly one reason.
import type { CompiledCondition, ConditionScope } from "./condition.ts";
import { keptOutBy, type EligibilityRules, type EnrollmentHistory } from "./eligibility.ts";
import type { FailedClause, ReceiptEntry } from "./event.ts";

/** As much of a pointer as a receipt keeps: a pointer may be as long as its journey's document. */
const MAX_KEPT_PATH_CHARACTERS = 255;

/** One published version of an active journey. */
export interface ListeningJourney {
  id: string;
  key: string;
  version: number;
  filter: CompiledCondition | null;
  eligibility: EligibilityRules;
  firstStepId: string;
}

export type Verdict = { journey: ListeningJourney } & (
  | { outcome: "enrolled" }
  | { outcome: "skipped"; reason: Exclude<ReceiptEntry["reason"], "enrolled">; detail: FailedClause | null }
);

/**
 * Decides one journey.
 *
 * @param history  asked only when the filter holds; `null` = nobody to enroll
 * @param now      Unix milliseconds
 */
export function decide(
  journey: ListeningJourney,
  scope: ConditionScope,
  history: ((journey: ListeningJourney) => EnrollmentHistory) | null,
  now: number,
): Verdict {
  const failed = journey.filter === null ? null : journey.filter(scope);
  if (failed !== null) return { journey, outcome: "skipped", reason: "filter_failed", detail: kept(failed) };
  if (history === null) return { journey, outcome: "skipped", reason: "identity_required", detail: null };
  const reason = keptOutBy(journey.eligibility, history(journey), now);
  return reason === null ? { journey, outcome: "enrolled" } : { journey, outcome: "skipped", reason, detail: null };
}

function kept(clause: FailedClause): FailedClause {
  const { path } = clause;
  return path === null || path.length <= MAX_KEPT_PATH_CHARACTERS
    ? clause
    : { ...clause, path: path.slice(0, MAX_KEPT_PATH_CHARACTERS) };
}
