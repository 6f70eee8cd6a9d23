// Whether an e-mail may be sent to a person now: the rules in their order, asked right before it would be sent. Pure:
// who asks knows the person, the lists and the clock. @see docs/consent.md
import type { DeliveryReason } from "./delivery.ts";
import { durationMs } from "./duration.ts";

/** The `redirectTo` that withholds every message of a workspace. */
export const NOWHERE = "nowhere";

/** Why an address or a person is not written to. */
export const SUPPRESSION_REASONS = ["bounce", "complaint", "manual", "unsubscribe"] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** So many e-mails within an ISO 8601 duration; the window slides, and what was sent a whole `per` ago is out of it. */
export interface FrequencyCap {
  messages: number;
  per: string;
}

/** What becomes of a message: it goes to somebody, to nobody at all, not at all, or later. */
export type Consent =
  | { kind: "send"; to: string; redirected: boolean }
  /** It is taken for sent, and nobody is sent anything: the workspace withholds its messages. */
  | { kind: "nowhere" }
  | { kind: "skip"; reason: DeliveryReason }
  /** @param until  Unix milliseconds, when to ask again */
  | { kind: "wait"; reason: "quiet_hours"; until: number };

/** What there is against writing to somebody, on one address of theirs and on them. */
export type Refusals = ReadonlySet<SuppressionReason>;

/** What the rules ask about an e-mail; each is asked only when those before it let the e-mail through. */
export interface EmailQuestion {
  /** `null` = there is no address to write to. */
  to: string | null;
  transactional: boolean;
  /** Unix milliseconds. */
  now: number;
  refusals(): Refusals;
  frequencyCap: FrequencyCap | null;
  /** How many e-mails that count were sent to the person after an instant or are being sent; counts to `most`. */
  sentAfter(instant: number, most: number): number;
  /** When the person's quiet hours end; `null` = they have none now. */
  quietUntil(): number | null;
  redirectTo: string | null;
}

/**
 * Tells why what there is against a person keeps an e-mail from them: a transactional one passes over an unsubscribe,
 * and over nothing else.
 *
 * @returns `null` = it does not
 */
export function refusalOf(
  refusals: Refusals,
  transactional: boolean,
): Extract<DeliveryReason, "suppressed" | "unsubscribed"> | null {
  if (refusals.has("bounce") || refusals.has("complaint") || refusals.has("manual")) return "suppressed";
  return refusals.has("unsubscribe") && !transactional ? "unsubscribed" : null;
}

/**
 * Decides an e-mail. The cap comes before the quiet hours: what is over it is let go at once, instead of waiting for
 * the morning to be let go; what waits is asked everything again. The redirection comes last, so that a trial shows
 * what would have happened.
 */
export function decideEmail(question: EmailQuestion): Consent {
  const { to, transactional, now, frequencyCap, redirectTo } = question;
  if (to === null) return { kind: "skip", reason: "no_address" };
  const refusal = refusalOf(question.refusals(), transactional);
  if (refusal !== null) return { kind: "skip", reason: refusal };
  if (!transactional) {
    if (frequencyCap !== null && isCapped(frequencyCap, question)) return { kind: "skip", reason: "frequency_capped" };
    const until = question.quietUntil();
    if (until !== null && until > now) return { kind: "wait", reason: "quiet_hours", until };
  }
  if (redirectTo === NOWHERE) return { kind: "nowhere" };
  return redirectTo === null
    ? { kind: "send", to, redirected: false }
    : { kind: "send", to: redirectTo, redirected: true };
}

function isCapped({ messages, per }: FrequencyCap, question: EmailQuestion): boolean {
  return question.sentAfter(question.now - durationMs(per), messages) >= messages;
}
