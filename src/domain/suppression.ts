// What is told of a person's suppression, with the entries it comes from. Bounces are an address's own; what a person
// said (complaint, unsubscribe) or somebody decided about them (manual) holds for every address they have.
import { SUPPRESSION_REASONS, type Refusals, type SuppressionReason } from "./consent.ts";
import type { Profile } from "./profile.ts";

/** One reason against an address, or against a person. */
export interface SuppressionEntry {
  id: string;
  /** Lower-cased; `null` = it is about the person alone. */
  email: string | null;
  reason: SuppressionReason;
  /** Unix milliseconds. */
  at: number;
  diagnosticCode: string | null;
  /** The profile it was learned of, which may be merged by now; `null` = nobody's, or somebody erased. */
  profileId: string | null;
}

/** What there is in force about one person: of {@link SuppressionEntry}, or by the digest of an address of theirs. */
export type StandingEntry = Pick<SuppressionEntry, "email" | "reason" | "at" | "diagnosticCode">;

/** A bounce that stops nothing. */
export interface SoftBounce {
  /** Unix milliseconds. */
  at: number;
  diagnosticCode: string | null;
}

/** As a profile shows it. */
export interface DeliverySuppression {
  /** Whether anything is in force: an unsubscribe too, over which transactional e-mails pass. */
  suppressed: boolean;
  /** Why, in the order of {@link SUPPRESSION_REASONS}. */
  reasons: SuppressionReason[];
  /** The person's address; without one, the one that the first entry is about. */
  email: string | null;
  /** Since when, Unix milliseconds. */
  suppressedAt: number | null;
  /** `hard` stops e-mails, `soft` may pass. */
  latestBounceReason: "hard" | "soft" | null;
  latestBounceDiagnosticCode: string | null;
}

/** A profile, and what stands against writing to them. */
export type KnownProfile = Profile & { deliverySuppression: DeliverySuppression };

/** The reasons that hold when a person is written to at one address. */
export function refusalsAt(email: string | null, entries: readonly StandingEntry[]): Refusals {
  return new Set(holdingAt(email, entries).map(({ reason }) => reason));
}

/**
 * Describes how a person stands at their own address.
 *
 * @param soft  the latest bounce of that address that stopped nothing
 */
export function describeSuppression(
  email: string | null,
  entries: readonly StandingEntry[],
  soft: SoftBounce | null,
): DeliverySuppression {
  const holding = holdingAt(email, entries).toSorted((a, b) => a.at - b.at);
  const hard = holding.find(({ reason }) => reason === "bounce");
  const held = new Set(holding.map(({ reason }) => reason));
  return {
    suppressed: holding.length > 0,
    reasons: SUPPRESSION_REASONS.filter((reason) => held.has(reason)),
    email: email ?? holding[0]?.email ?? null,
    suppressedAt: holding[0]?.at ?? null,
    latestBounceReason: hard === undefined ? (soft === null ? null : "soft") : "hard",
    latestBounceDiagnosticCode: (hard ?? soft)?.diagnosticCode ?? null,
  };
}

function holdingAt(email: string | null, entries: readonly StandingEntry[]): StandingEntry[] {
  return entries.filter((entry) => entry.reason !== "bounce" || entry.email === email);
}
