// What the rules of entry ask and are told, for tests without a cell: valid as it comes, with what a test is about
// laid over.
import type { EligibilityRules, Standing } from "../../src/domain/eligibility.ts";
import type { EntryScope, EntrySituation, ListeningJourney } from "../../src/domain/matching.ts";

export function rules(over: Partial<EligibilityRules> = {}): EligibilityRules {
  return {
    reentry: { kind: "once" },
    maxActive: 1,
    key: null,
    cap: null,
    requires: [],
    emailOnly: null,
    ...over,
  };
}

/** A person who was never here, and of whom an e-mail address is known. */
export function aStanding(over: Partial<Standing> = {}): Standing {
  return {
    has: (kind) => kind === "email",
    suppressed: () => false,
    history: () => ({ lastStartedAt: null, active: 0 }),
    startedAfter: () => 0,
    ...over,
  };
}

export function aListeningJourney(over: Partial<ListeningJourney> = {}): ListeningJourney {
  return {
    id: "j1",
    key: "order-follow-up",
    version: 1,
    filter: null,
    eligibility: rules(),
    runaway: null,
    firstStepId: "rest",
    ...over,
  };
}

/** An event without data about a person without properties. */
export function aScope(over: Partial<EntryScope> = {}): EntryScope {
  return { event: () => ({}), keptEvent: () => ({}), profile: () => ({}), ...over };
}

export function aSituation(over: Partial<EntrySituation> = {}): EntrySituation {
  return { now: 0, standing: () => aStanding(), isRunaway: () => false, ...over };
}
