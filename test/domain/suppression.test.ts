import { describe, expect, it } from "vitest";
import { describeSuppression, refusalsAt, type StandingEntry } from "../../src/domain/suppression.ts";

const HERS = "alex@example.com";
const OLD = "alex@old.example";

function anEntry(over: Partial<StandingEntry> = {}): StandingEntry {
  return { email: HERS, reason: "manual", at: 1_000, diagnosticCode: null, ...over };
}

describe("what holds at an address", () => {
  it("is a bounce of that address, and no other's", () => {
    const entries = [anEntry({ email: OLD, reason: "bounce" })];
    expect([refusalsAt(OLD, entries), refusalsAt(HERS, entries)]).toEqual([new Set(["bounce"]), new Set()]);
  });

  it.each(["complaint", "manual", "unsubscribe"] as const)("is a %s, whichever address it was said of", (reason) => {
    expect(refusalsAt(HERS, [anEntry({ email: OLD, reason })])).toEqual(new Set([reason]));
  });

  it("is what was said of a person without an address", () => {
    expect(refusalsAt(HERS, [anEntry({ email: null, reason: "unsubscribe" })])).toEqual(new Set(["unsubscribe"]));
  });
});

describe("a person's suppression", () => {
  it("is nothing where nothing stands against them", () => {
    expect(describeSuppression(HERS, [], null)).toEqual({
      suppressed: false,
      reasons: [],
      email: HERS,
      suppressedAt: null,
      latestBounceReason: null,
      latestBounceDiagnosticCode: null,
    });
  });

  it("names every reason, and since when the first of them holds", () => {
    const entries = [
      anEntry({ reason: "unsubscribe", at: 3_000 }),
      anEntry({ reason: "bounce", at: 2_000, diagnosticCode: "5.1.1" }),
    ];
    expect(describeSuppression(HERS, entries, null)).toEqual({
      suppressed: true,
      reasons: ["bounce", "unsubscribe"],
      email: HERS,
      suppressedAt: 2_000,
      latestBounceReason: "hard",
      latestBounceDiagnosticCode: "5.1.1",
    });
  });

  it("tells a soft bounce, which stops nothing", () => {
    const told = describeSuppression(HERS, [], { at: 5_000, diagnosticCode: "4.2.2" });
    expect(told).toMatchObject({ suppressed: false, latestBounceReason: "soft", latestBounceDiagnosticCode: "4.2.2" });
  });

  it("tells a hard bounce before a soft one", () => {
    const entries = [anEntry({ reason: "bounce", diagnosticCode: null })];
    const told = describeSuppression(HERS, entries, { at: 5_000, diagnosticCode: "4.2.2" });
    expect([told.latestBounceReason, told.latestBounceDiagnosticCode]).toEqual(["hard", null]);
  });

  it("leaves out a bounce of an address they have no more", () => {
    const told = describeSuppression(HERS, [anEntry({ email: OLD, reason: "bounce" })], null);
    expect([told.suppressed, told.latestBounceReason]).toEqual([false, null]);
  });

  it("names the address it is about where the person has none", () => {
    expect(describeSuppression(null, [anEntry({ email: OLD })], null).email).toBe(OLD);
  });
});
