import { describe, expect, it } from "vitest";
import { keptOutBy, type EligibilityRules, type EnrollmentHistory } from "../../src/domain/eligibility.ts";

const NOW = 1_000_000;
const HOUR_MS = 3_600_000;

function rules(over: Partial<EligibilityRules> = {}): EligibilityRules {
  return { reentry: { kind: "once" }, maxActive: 1, ...over };
}

function history(over: Partial<EnrollmentHistory> = {}): EnrollmentHistory {
  return { lastStartedAt: null, active: 0, ...over };
}

describe("keptOutBy", () => {
  it.each(["once", "always"] as const)("lets a person in for the first time: %s", (kind) => {
    expect(keptOutBy(rules({ reentry: { kind } }), history(), NOW)).toBeNull();
  });

  it("keeps out who was in before, once", () => {
    expect(keptOutBy(rules(), history({ lastStartedAt: 0 }), NOW)).toBe("already_enrolled");
  });

  it("lets in again, always, when no run is active", () => {
    expect(keptOutBy(rules({ reentry: { kind: "always" } }), history({ lastStartedAt: NOW }), NOW)).toBeNull();
  });

  it.each([
    [HOUR_MS, HOUR_MS - 1, "cooldown"],
    [HOUR_MS, HOUR_MS, null],
    [0, 0, null],
    [HOUR_MS, -5, "cooldown"],
  ])("after %i ms: an enrollment %i ms ago means %s", (afterMs, ago, expected) => {
    const reentry = { kind: "after", afterMs } as const;
    expect(keptOutBy(rules({ reentry }), history({ lastStartedAt: NOW - ago }), NOW)).toBe(expected);
  });

  it.each([
    [1, 0, null],
    [1, 1, "already_active"],
    [3, 2, null],
    [3, 3, "already_active"],
    [3, 4, "already_active"],
  ])("with at most %i runs, %i active means %s", (maxActive, active, expected) => {
    expect(
      keptOutBy(rules({ reentry: { kind: "always" }, maxActive }), history({ lastStartedAt: 0, active }), NOW),
    ).toBe(expected);
  });

  it.each(["once", "after"] as const)("names an active run before any other reason: %s", (kind) => {
    const reentry = kind === "once" ? ({ kind } as const) : ({ kind, afterMs: HOUR_MS } as const);
    expect(keptOutBy(rules({ reentry }), history({ lastStartedAt: NOW, active: 1 }), NOW)).toBe("already_active");
  });
});
