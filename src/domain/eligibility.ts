// Whether a person may enter a journey again. Counted over all versions, and over merged profiles together.
import type { SkipReason } from "./event.ts";

export type Reentry = { kind: "once" } | { kind: "always" } | { kind: "after"; afterMs: number };

export interface EligibilityRules {
  reentry: Reentry;
  /** Most runs of one profile at a time. */
  maxActive: number;
}

/** What a profile has behind it in one journey. */
export interface EnrollmentHistory {
  /** When the last enrollment began, Unix milliseconds; `null` = never enrolled. */
  lastStartedAt: number | null;
  /** Runs that are active now. */
  active: number;
}

/**
 * Gives the first rule that keeps a person out, in the documented order, or `null`.
 *
 * @param now  Unix milliseconds
 * @see docs/architecture.md#reasons
 */
export function keptOutBy(rules: EligibilityRules, history: EnrollmentHistory, now: number): SkipReason | null {
  if (history.active >= rules.maxActive) return "already_active";
  if (history.lastStartedAt === null) return null;
  if (rules.reentry.kind === "once") return "already_enrolled";
  if (rules.reentry.kind === "after" && now < history.lastStartedAt + rules.reentry.afterMs) return "cooldown";
  return null;
}
