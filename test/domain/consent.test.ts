import { describe, expect, it } from "vitest";
import {
  decideEmail,
  refusalOf,
  SUPPRESSION_REASONS,
  type EmailQuestion,
  type SuppressionReason,
} from "../../src/domain/consent.ts";

const NOW = Date.UTC(2026, 5, 1, 12);
const LATER = NOW + 3_600_000;

/** An ordinary e-mail that nothing stands against. */
function anEmail(over: Partial<EmailQuestion> = {}): EmailQuestion {
  return {
    to: "alex@example.com",
    transactional: false,
    now: NOW,
    refusals: () => new Set(),
    frequencyCap: null,
    sentAfter: () => 0,
    quietUntil: () => null,
    redirectTo: null,
    ...over,
  };
}

const refusing = (...reasons: SuppressionReason[]) => ({ refusals: () => new Set(reasons) });
const CAP = { frequencyCap: { messages: 2, per: "P1D" } };

describe("an e-mail", () => {
  it("goes to its person when nothing stands against it", () => {
    expect(decideEmail(anEmail())).toEqual({ kind: "send", to: "alex@example.com", redirected: false });
  });

  it.each<[string, Partial<EmailQuestion>, object]>([
    ["has no address", { to: null }, { kind: "skip", reason: "no_address" }],
    ["has a suppressed address", refusing("bounce"), { kind: "skip", reason: "suppressed" }],
    ["has a person who unsubscribed", refusing("unsubscribe"), { kind: "skip", reason: "unsubscribed" }],
    ["is over the cap", { ...CAP, sentAfter: () => 2 }, { kind: "skip", reason: "frequency_capped" }],
    ["comes at night", { quietUntil: () => LATER }, { kind: "wait", reason: "quiet_hours", until: LATER }],
    ["is redirected", { redirectTo: "trial@example.com" }, { kind: "send", to: "trial@example.com", redirected: true }],
    ["is withheld", { redirectTo: "nowhere" }, { kind: "nowhere" }],
  ])("is decided by what applies: %s", (_, over, expected) => {
    expect(decideEmail(anEmail(over))).toEqual(expected);
  });

  it("is told the first that applies, and asks nothing beyond it", () => {
    const asked: string[] = [];
    const everything = anEmail({
      refusals: () => (asked.push("refusals"), new Set<SuppressionReason>(["manual", "unsubscribe"])),
      ...CAP,
      sentAfter: () => (asked.push("cap"), 2),
      quietUntil: () => (asked.push("quiet"), LATER),
      redirectTo: "nowhere",
    });
    const open = { ...everything, refusals: () => new Set<never>() };
    const steps = [
      { ...everything, to: null },
      everything,
      { ...everything, ...refusing("unsubscribe") },
      open,
      { ...open, frequencyCap: null },
      { ...open, frequencyCap: null, quietUntil: () => null },
      { ...open, frequencyCap: null, quietUntil: () => null, redirectTo: null },
    ];
    const told = steps.map(decideEmail).map((consent) => ("reason" in consent ? consent.reason : consent.kind));
    expect(told).toEqual([
      "no_address",
      "suppressed",
      "unsubscribed",
      "frequency_capped",
      "quiet_hours",
      "nowhere",
      "send",
    ]);
    expect(asked).toEqual(["refusals", "cap", "quiet"]);
  });

  it("that is transactional passes over unsubscribes, the cap and quiet hours", () => {
    const question = { transactional: true, ...CAP, sentAfter: () => 2, quietUntil: () => LATER };
    expect(decideEmail(anEmail({ ...question, ...refusing("unsubscribe") })).kind).toBe("send");
  });

  it.each(["bounce", "complaint", "manual"] as const)("that is transactional stops at a %s", (reason) => {
    const consent = decideEmail(anEmail({ transactional: true, ...refusing("unsubscribe", reason) }));
    expect(consent).toEqual({ kind: "skip", reason: "suppressed" });
  });

  it("that a workspace redirects is kept back all the same when nothing would have been sent", () => {
    const consent = decideEmail(anEmail({ redirectTo: "trial@example.com", ...refusing("unsubscribe") }));
    expect(consent).toEqual({ kind: "skip", reason: "unsubscribed" });
  });

  it("counts what was sent less than the cap's time ago, and no further than the cap", () => {
    const asked: [number, number][] = [];
    const sentAfter = (...question: [number, number]): number => (asked.push(question), 1);
    expect(decideEmail(anEmail({ ...CAP, sentAfter })).kind).toBe("send");
    expect(asked).toEqual([[NOW - 86_400_000, 2]]);
  });

  it("never waits for an instant that is over", () => {
    expect(decideEmail(anEmail({ quietUntil: () => NOW })).kind).toBe("send");
  });
});

describe("what stands against a person", () => {
  it("is a suppression rather than an unsubscribe when it is both", () => {
    const told = SUPPRESSION_REASONS.map((reason) => refusalOf(new Set([reason, "unsubscribe" as const]), false));
    expect(told).toEqual(["suppressed", "suppressed", "suppressed", "unsubscribed"]);
  });
});
