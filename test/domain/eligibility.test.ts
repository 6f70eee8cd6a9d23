import { describe, expect, it } from "vitest";
import { entryKeyOf, keptOutBy, type EnrollmentHistory, type EntryKey } from "../../src/domain/eligibility.ts";
import type { SkipReason } from "../../src/domain/event.ts";
import type { Json } from "../../src/domain/json.ts";
import { aStanding, rules } from "../support/entry-rules.ts";

const NOW = 1_000_000_000;
const HOUR_MS = 3_600_000;

function withHistory(over: Partial<EnrollmentHistory> = {}) {
  return aStanding({ history: () => ({ lastStartedAt: null, active: 0, ...over }) });
}

function reasonOf(...args: Parameters<typeof keptOutBy>): SkipReason | null {
  return keptOutBy(...args)?.reason ?? null;
}

describe("re-entry", () => {
  it.each(["once", "always"] as const)("lets a person in for the first time: %s", (kind) => {
    expect(keptOutBy(rules({ reentry: { kind } }), withHistory(), NOW)).toBeNull();
  });

  it("keeps out who was in before, once", () => {
    const keptOut = keptOutBy(rules(), withHistory({ lastStartedAt: 0 }), NOW);
    expect(keptOut).toEqual({ reason: "already_enrolled", detail: null });
  });

  it("lets in again, always, when no run is active", () => {
    expect(keptOutBy(rules({ reentry: { kind: "always" } }), withHistory({ lastStartedAt: NOW }), NOW)).toBeNull();
  });

  it.each([
    [HOUR_MS, HOUR_MS - 1, "cooldown"],
    [HOUR_MS, HOUR_MS, null],
    [0, 0, null],
    [HOUR_MS, -5, "cooldown"],
  ])("after %i ms: an enrollment %i ms ago means %s", (afterMs, ago, expected) => {
    const reentry = { kind: "after", afterMs } as const;
    expect(reasonOf(rules({ reentry }), withHistory({ lastStartedAt: NOW - ago }), NOW)).toBe(expected);
  });
});

describe("maxActive", () => {
  it.each([
    [1, 0, null],
    [1, 1, "already_active"],
    [3, 2, null],
    [3, 3, "already_active"],
    [3, 4, "already_active"],
  ])("with at most %i runs, %i active means %s", (maxActive, active, expected) => {
    const person = withHistory({ lastStartedAt: 0, active });
    expect(reasonOf(rules({ reentry: { kind: "always" }, maxActive }), person, NOW)).toBe(expected);
  });
});

describe("cap", () => {
  const capped = rules({ reentry: { kind: "always" }, maxActive: 9, cap: { enrollments: 3, perMs: HOUR_MS } });

  it.each([
    [0, null],
    [2, null],
    [3, "capped"],
    [4, "capped"],
  ])("of three, with %i enrollments in its window, means %s", (starts, expected) => {
    expect(reasonOf(capped, aStanding({ startedAfter: () => starts }), NOW)).toBe(expected);
  });

  it("asks for what began within its window, and no further than it has to count", () => {
    const asked: number[][] = [];
    keptOutBy(capped, aStanding({ startedAfter: (...args) => asked.push(args) - 1 }), NOW);
    expect(asked).toEqual([[NOW - HOUR_MS, 3]]);
  });
});

describe("requires", () => {
  it("lets in who has every kind", () => {
    const person = aStanding({ has: (kind) => kind === "email" || kind === "phone" });
    expect(keptOutBy(rules({ requires: ["phone", "email"] }), person, NOW)).toBeNull();
  });

  it("keeps out who lacks one, and says which", () => {
    expect(keptOutBy(rules({ requires: ["email", "externalId", "phone"] }), aStanding(), NOW)).toEqual({
      reason: "identity_required",
      detail: { path: "/profile/externalId", operator: "exists" },
    });
  });
});

describe("suppression", () => {
  const suppressed = aStanding({ suppressed: () => true });

  it("keeps a person out of a journey that has nothing but e-mail for them", () => {
    expect(keptOutBy(rules({ emailOnly: "ordinary" }), suppressed, NOW)).toEqual({
      reason: "suppressed",
      detail: null,
    });
  });

  it("lets the person into every other journey", () => {
    expect(keptOutBy(rules({ emailOnly: null }), suppressed, NOW)).toBeNull();
  });

  it("asks about a transactional e-mail where the journey has one", () => {
    const unsubscribed = aStanding({ suppressed: (transactional) => !transactional });
    const reasons = (["ordinary", "transactional"] as const).map((emailOnly) => {
      return reasonOf(rules({ emailOnly }), unsubscribed, NOW);
    });
    expect(reasons).toEqual(["suppressed", null]);
  });
});

describe("the order of the rules", () => {
  it("names the first that applies", () => {
    const everything = rules({
      requires: ["phone"],
      emailOnly: "ordinary",
      reentry: { kind: "once" },
      cap: { enrollments: 1, perMs: HOUR_MS },
    });
    let lacks = true;
    let suppressed = true;
    let history: EnrollmentHistory = { lastStartedAt: NOW, active: 1 };
    let starts = 1;
    const person = aStanding({
      has: () => !lacks,
      suppressed: () => suppressed,
      history: () => history,
      startedAfter: () => starts,
    });
    const seen: (SkipReason | null)[] = [];
    const see = (given = everything): void => void seen.push(reasonOf(given, person, NOW));
    see();
    lacks = false;
    see();
    suppressed = false;
    see();
    history = { lastStartedAt: NOW, active: 0 };
    see();
    see({ ...everything, reentry: { kind: "after", afterMs: 1 } });
    see({ ...everything, reentry: { kind: "always" } });
    starts = 0;
    see({ ...everything, reentry: { kind: "always" } });
    expect(seen).toEqual([
      "identity_required",
      "suppressed",
      "already_active",
      "already_enrolled",
      "cooldown",
      "capped",
      null,
    ]);
  });
});

describe("entryKeyOf", () => {
  const keyOf = (value: Json | undefined, pointer = "/event/orderId"): string | null => {
    const key: EntryKey = { pointer, read: () => value };
    return entryKeyOf(key, { keptEvent: () => undefined, profile: () => undefined });
  };

  it.each<[string, Json | undefined]>([
    ["a missing value", undefined],
    ["null, which stands for a redacted value in a list", null],
    ["a list", ["o-1"]],
    ["an object", { id: "o-1" }],
  ])("is nothing for %s", (_what, value) => {
    expect(keyOf(value)).toBeNull();
  });

  it.each<Json>(["o-1", "", 0, 12.5, false, true])("is something for %j", (value) => {
    expect(keyOf(value)).not.toBeNull();
  });

  it("is the same for the same value, and differs by value, by type and by place", () => {
    expect(keyOf("o-1")).toBe(keyOf("o-1"));
    const keys = [keyOf("1"), keyOf(1), keyOf("true"), keyOf(true), keyOf("1", "/event/cartId")];
    expect(new Set(keys).size).toBe(keys.length);
  });
});
