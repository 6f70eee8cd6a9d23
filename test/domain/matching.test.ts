import { describe, expect, it } from "vitest";
import type { EntryKey, Standing } from "../../src/domain/eligibility.ts";
import { decide, type ListeningJourney } from "../../src/domain/matching.ts";
import { aListeningJourney, aScope, aSituation, aStanding, rules } from "../support/entry-rules.ts";

const FAILED = { path: "/event/total", operator: "gte" } as const;
const ORDER: EntryKey = { pointer: "/event/orderId", read: () => "o-1" };
const KEYED = rules({ key: ORDER });
const NO_VALUE = rules({ key: { ...ORDER, read: () => undefined } });
const BEEN_HERE = aStanding({ history: () => ({ lastStartedAt: 0, active: 9 }) });

describe("decide", () => {
  it("enrolls who no filter and no rule keeps out", () => {
    const journey = aListeningJourney({ filter: () => null });
    expect(decide(journey, aScope(), aSituation())).toEqual({ journey, outcome: "enrolled", entryKey: null });
  });

  it("says which clause failed", () => {
    const journey = aListeningJourney({ filter: () => FAILED });
    expect(decide(journey, aScope(), aSituation())).toEqual({
      journey,
      outcome: "skipped",
      reason: "filter_failed",
      detail: FAILED,
    });
  });

  it("says which place a key was missing at", () => {
    expect(decide(aListeningJourney({ eligibility: NO_VALUE }), aScope(), aSituation())).toMatchObject({
      reason: "key_missing",
      detail: { path: "/event/orderId", operator: "exists" },
    });
  });

  it.each<[string, Partial<ListeningJourney>]>([
    ["a failed clause", { filter: () => ({ ...FAILED, path: `/${"x".repeat(1_000)}` }) }],
    ["a missing key", { eligibility: rules({ key: { pointer: `/${"x".repeat(1_000)}`, read: () => null } }) }],
  ])("cuts the place of %s, so that many journeys' reasons fit into one row", (_what, over) => {
    const verdict = decide(aListeningJourney(over), aScope(), aSituation());
    expect(verdict).toMatchObject({ detail: { path: `/${"x".repeat(254)}` } });
  });

  it("says which rule kept the person out", () => {
    const journey = aListeningJourney();
    const verdict = decide(journey, aScope(), aSituation({ standing: () => BEEN_HERE }));
    expect(verdict).toEqual({ journey, outcome: "skipped", reason: "already_active", detail: null });
  });

  it("skips an event about nobody that passes filter and key", () => {
    const nobody = aSituation({ standing: null });
    for (const journey of [aListeningJourney(), aListeningJourney({ eligibility: KEYED })]) {
      expect(decide(journey, aScope(), nobody)).toMatchObject({ reason: "identity_required", detail: null });
    }
  });

  it("skips who would enter a journey that runs away", () => {
    const situation = aSituation({ isRunaway: () => true });
    expect(decide(aListeningJourney(), aScope(), situation)).toMatchObject({
      outcome: "skipped",
      reason: "runaway_stopped",
      detail: null,
    });
  });

  it("names the first reason: the filter, the key, the person, the runaway guard", () => {
    const worst = aSituation({ standing: null, isRunaway: () => true });
    const someone = aSituation({ standing: () => BEEN_HERE, isRunaway: () => true });
    const decided = [
      decide(aListeningJourney({ filter: () => FAILED, eligibility: NO_VALUE }), aScope(), worst),
      decide(aListeningJourney({ eligibility: NO_VALUE }), aScope(), worst),
      decide(aListeningJourney({ eligibility: KEYED }), aScope(), worst),
      decide(aListeningJourney({ eligibility: KEYED }), aScope(), someone),
      decide(aListeningJourney({ eligibility: KEYED }), aScope(), aSituation({ isRunaway: () => true })),
    ];
    expect(decided.map((verdict) => "reason" in verdict && verdict.reason)).toEqual([
      "filter_failed",
      "key_missing",
      "identity_required",
      "already_active",
      "runaway_stopped",
    ]);
  });

  it("asks for the person's standing with this journey and key, and only when the filter holds", () => {
    const asked: [string, string | null][] = [];
    const standing = ({ id }: ListeningJourney, key: string | null): Standing => {
      asked.push([id, key]);
      return aStanding();
    };
    const situation = aSituation({ standing });
    decide(aListeningJourney({ id: "j1", filter: () => FAILED }), aScope(), situation);
    decide(aListeningJourney({ id: "j2" }), aScope(), situation);
    const keyed = decide(aListeningJourney({ id: "j3", eligibility: KEYED }), aScope(), situation);
    expect(asked).toEqual([
      ["j2", null],
      ["j3", '["/event/orderId","o-1"]'],
    ]);
    expect(keyed).toMatchObject({ outcome: "enrolled", entryKey: '["/event/orderId","o-1"]' });
  });

  it("asks the runaway guard about those only who would enter", () => {
    const asked: string[] = [];
    const isRunaway = ({ id }: ListeningJourney): boolean => asked.push(id) < 0;
    decide(aListeningJourney({ id: "j1" }), aScope(), aSituation({ isRunaway, standing: () => BEEN_HERE }));
    decide(aListeningJourney({ id: "j2" }), aScope(), aSituation({ isRunaway }));
    expect(asked).toEqual(["j2"]);
  });

  it("lets filters see the event before redaction, and keys as it is kept", () => {
    const seen: unknown[] = [];
    const key: EntryKey = { pointer: "/event/card", read: (scope) => void seen.push(scope.keptEvent()) };
    const journey = aListeningJourney({
      filter: (scope) => (seen.push(scope.event()), null),
      eligibility: rules({ key }),
    });
    decide(journey, aScope({ event: () => ({ card: "4111" }), keptEvent: () => ({}) }), aSituation());
    expect(seen).toEqual([{ card: "4111" }, {}]);
  });
});
