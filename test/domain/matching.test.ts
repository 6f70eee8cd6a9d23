import { describe, expect, it } from "vitest";
import type { ConditionScope } from "../../src/domain/condition.ts";
import { decide, type ListeningJourney } from "../../src/domain/matching.ts";

const SCOPE: ConditionScope = { event: () => ({}), profile: () => ({}) };
const NEVER = { lastStartedAt: null, active: 0 };
const FAILED = { path: "/event/total", operator: "gte" } as const;

function aListeningJourney(over: Partial<ListeningJourney> = {}): ListeningJourney {
  return {
    id: "j1",
    key: "order-follow-up",
    version: 1,
    filter: null,
    eligibility: { reentry: { kind: "once" }, maxActive: 1 },
    firstStepId: "rest",
    ...over,
  };
}

describe("decide", () => {
  it("enrolls who no filter and no rule keeps out", () => {
    const journey = aListeningJourney({ filter: () => null });
    expect(decide(journey, SCOPE, () => NEVER, 0)).toEqual({ journey, outcome: "enrolled" });
  });

  it("says which clause failed", () => {
    const journey = aListeningJourney({ filter: () => FAILED });
    expect(decide(journey, SCOPE, () => NEVER, 0)).toEqual({
      journey,
      outcome: "skipped",
      reason: "filter_failed",
      detail: FAILED,
    });
  });

  it("cuts the place of a failed clause, so that many journeys' reasons fit into one row", () => {
    const journey = aListeningJourney({ filter: () => ({ ...FAILED, path: `/${"x".repeat(1_000)}` }) });
    expect(decide(journey, SCOPE, () => NEVER, 0)).toMatchObject({ detail: { path: `/${"x".repeat(254)}` } });
  });

  it("says which rule kept the person out, with no detail", () => {
    const journey = aListeningJourney();
    const verdict = decide(journey, SCOPE, () => ({ lastStartedAt: 0, active: 0 }), 1);
    expect(verdict).toEqual({ journey, outcome: "skipped", reason: "already_enrolled", detail: null });
  });

  it("names a failed filter before anything about the person", () => {
    const journey = aListeningJourney({ filter: () => FAILED });
    expect(decide(journey, SCOPE, null, 0)).toMatchObject({ reason: "filter_failed" });
    expect(decide(journey, SCOPE, () => ({ lastStartedAt: 0, active: 9 }), 1)).toMatchObject({
      reason: "filter_failed",
    });
  });

  it("skips an event about nobody that passes the filter", () => {
    expect(decide(aListeningJourney(), SCOPE, null, 0)).toMatchObject({
      outcome: "skipped",
      reason: "identity_required",
      detail: null,
    });
  });

  it("asks for the history of this journey, and only when the filter holds", () => {
    const asked: string[] = [];
    const history = ({ id }: ListeningJourney) => {
      asked.push(id);
      return NEVER;
    };
    decide(aListeningJourney({ id: "j1", filter: () => FAILED }), SCOPE, history, 0);
    decide(aListeningJourney({ id: "j2" }), SCOPE, history, 0);
    expect(asked).toEqual(["j2"]);
  });
});
