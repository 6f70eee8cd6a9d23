import { describe, expect, it } from "vitest";
import { Backtest, type BacktestResult, type PresentPerson } from "../../src/domain/backtest.ts";
import type { EntryLimit } from "../../src/domain/eligibility.ts";
import { uuidV7 } from "../../src/domain/ids.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { aJourneyDocument, definitionOf } from "./journey-document.ts";

const START_MS = Date.parse("2026-03-01T12:00:00.000Z");
const HOUR_MS = 3_600_000;

interface Past {
  atHours?: number;
  who?: string | null;
  data?: JsonObject;
  redacted?: string[];
}

function aPerson(id: string): PresentPerson {
  return { id, has: (kind) => kind === "email", suppressed: () => false, scope: () => ({ plan: "Pro" }) };
}

/** Runs a journey over events; `who` is the live person, and the event's own profile too. */
function ran(over: Record<string, unknown>, past: Past[], limit: EntryLimit | null = null): BacktestResult {
  const test = new Backtest({ id: "j1", key: "test", version: 1 }, definitionOf(aJourneyDocument(over)), limit);
  past.forEach(({ atHours = 0, who = "alex", data, redacted = [] }, i) => {
    const id = uuidV7(START_MS + atHours * HOUR_MS, i, new Uint8Array(8));
    const dataJson = data === undefined ? null : JSON.stringify(data);
    test.take({ id, profileId: who, dataJson, redactedPaths: redacted }, who === null ? null : aPerson(who));
  });
  return test.result;
}

describe("a backtest", () => {
  it("begins from an empty history and counts what it lets in", () => {
    expect(ran({}, [{}, {}, { who: "kim" }, { who: null }])).toMatchObject({
      events: 4,
      matched: 4,
      enrolled: 2,
      skipped: { already_active: 1, identity_required: 1 },
      unknownRedacted: 0,
    });
  });

  it("takes a run for active as long as it can be", () => {
    const over = { eligibility: { reentry: "always" }, steps: [{ id: "rest", type: "delay", for: "PT2H" }] };
    expect(ran(over, [{}, { atHours: 1 }, { atHours: 2 }, { atHours: 3.5 }])).toMatchObject({
      enrolled: 2,
      skipped: { already_active: 2 },
    });
  });

  it("honours re-entry, keys and caps in time order", () => {
    const steps = [{ id: "done", type: "exit" }];
    expect(ran({ steps }, [{}, { atHours: 1 }]).skipped).toEqual({ already_enrolled: 1 });
    const after = { reentry: { after: "PT2H" } };
    expect(ran({ steps, eligibility: after }, [{}, { atHours: 1 }, { atHours: 2 }])).toMatchObject({
      enrolled: 2,
      skipped: { cooldown: 1 },
    });
    const keyed = { key: "/event/orderId", cap: { enrollments: 2, per: "PT3H" } };
    const order = (orderId: string, atHours: number): Past => ({ atHours, data: { orderId } });
    expect(
      ran({ steps, eligibility: keyed }, [
        order("1", 0),
        order("1", 1),
        order("2", 1),
        order("3", 2),
        order("4", 3),
        {},
      ]),
    ).toMatchObject({
      enrolled: 3,
      skipped: { already_enrolled: 1, capped: 1, key_missing: 1 },
    });
  });

  it("stops for good where the journey, or the workspace, would have been stopped", () => {
    // When the third one comes, the first is out of the window.
    const past = ["a", "b", "c"].map((who, i) => ({ who, atHours: i * 20 }));
    const runaway = { enrollments: 1, per: "P1D" };
    expect(ran({ runaway }, past)).toMatchObject({ enrolled: 1, skipped: { runaway_stopped: 2 } });
    expect(ran({}, past, { enrollments: 2, perMs: 41 * HOUR_MS })).toMatchObject({
      enrolled: 2,
      skipped: { runaway_stopped: 1 },
    });
  });

  it("enrolls nobody whose event hangs on what is no longer kept", () => {
    const entry = { event: "order.created", filter: { $state: "/event/card", exists: true } };
    const result = ran({ entry }, [
      { data: { total: 1 }, redacted: ["/event/card"] },
      { data: { card: 1 } },
      { redacted: ["/event/card"] },
    ]);
    expect(result).toMatchObject({
      events: 3,
      matched: 2,
      enrolled: 1,
      skipped: { filter_failed: 1 },
      unknownRedacted: 1,
    });
    expect(result.examples[0]).toMatchObject({ profileId: "alex", outcome: "unknown_redacted", reason: null });
  });

  it("gives the first three examples of each reason", () => {
    const { examples } = ran(
      {},
      Array.from({ length: 10 }, (_, i) => ({ who: i < 5 ? `p${i}` : "p0" })),
    );
    expect(examples.map(({ profileId, reason }) => `${profileId} ${reason}`)).toEqual([
      "p0 enrolled",
      "p1 enrolled",
      "p2 enrolled",
      "p0 already_active",
      "p0 already_active",
      "p0 already_active",
    ]);
  });
});
