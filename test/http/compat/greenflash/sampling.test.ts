// Sampling by event type and organization: which pairs a rate keeps, whatever process asks.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSampledOut, sampledOutEventId } from "../../../../src/http/compat/greenflash/sampling.ts";
import { UUID_PATTERN } from "../../../../src/domain/ids.ts";

const WORKSPACE = "0192a000-0000-7000-8000-000000000001";
const OTHER_WORKSPACE = "0192a000-0000-7000-8000-000000000002";

interface Pair {
  eventType: string;
  externalOrganizationId?: string;
  organizationId?: string;
}

function isKept(pair: Pair, sampleRate: number, { workspaceId = WORKSPACE, forceSample = false } = {}): boolean {
  return !isSampledOut(workspaceId, { ...pair, sampleRate, forceSample });
}

/** 20,000 of them: 100 event types in 200 organizations. */
const PAIRS: Pair[] = Array.from({ length: 20_000 }, (_, i) => ({
  eventType: `event_${i % 100}`,
  externalOrganizationId: `org-${Math.floor(i / 100)}`,
}));

const rate = fc.double({ min: 0, max: 1, noNaN: true });
const pair = fc.record({ eventType: fc.string({ minLength: 1 }), externalOrganizationId: fc.string() });

describe("a sample rate", () => {
  it.each([0.01, 0.3, 0.5, 0.9])("of %d keeps about that share of many pairs", (sampleRate) => {
    const kept = PAIRS.filter((one) => isKept(one, sampleRate)).length;
    // Four standard deviations: one choice of hash in fifteen thousand would be outside.
    const deviation = Math.sqrt(PAIRS.length * sampleRate * (1 - sampleRate));
    expect(Math.abs(kept - PAIRS.length * sampleRate)).toBeLessThan(4 * deviation);
  });

  it("keeps what it kept in every earlier process", () => {
    const first = PAIRS.slice(0, 40).map((one) => (isKept(one, 0.3) ? "k" : "-"));
    expect(first.join("")).toBe("--------k----k-----k-k----k-----k---k-k-");
  });

  it("that grows only adds pairs", () => {
    fc.assert(
      fc.property(pair, rate, rate, (one, a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        expect(isKept(one, low) && !isKept(one, high)).toBe(false);
      }),
    );
  });

  it("of 1 keeps every pair, of 0 none", () => {
    expect(PAIRS.filter((one) => !isKept(one, 1))).toEqual([]);
    expect(PAIRS.filter((one) => isKept(one, 0))).toEqual([]);
  });

  it("is passed over by forceSample", () => {
    expect(PAIRS.filter((one) => !isKept(one, 0, { forceSample: true }))).toEqual([]);
  });

  it.each<[string, Pair, Pair]>([
    ["event type", { eventType: "a" }, { eventType: "b" }],
    ["organization", { eventType: "a", externalOrganizationId: "1" }, { eventType: "a", externalOrganizationId: "2" }],
    ["presence of an organization", { eventType: "a" }, { eventType: "a", externalOrganizationId: "1" }],
    [
      "boundary between the two",
      { eventType: "a", externalOrganizationId: "bc" },
      { eventType: "ab", organizationId: "c" },
    ],
  ])("tells pairs apart by %s", (_what, one, other) => {
    const rates = Array.from({ length: 64 }, (_, i) => i / 64);
    expect(rates.map((at) => isKept(one, at))).not.toEqual(rates.map((at) => isKept(other, at)));
  });

  it("keeps other pairs in another workspace", () => {
    const differ = PAIRS.filter((one) => isKept(one, 0.5) !== isKept(one, 0.5, { workspaceId: OTHER_WORKSPACE }));
    expect(differ.length).toBeGreaterThan(PAIRS.length / 3);
  });

  it("counts the organization's own id before the vendor's", () => {
    fc.assert(
      fc.property(pair, rate, fc.uuid(), (one, at, organizationId) => {
        fc.pre(one.externalOrganizationId.trim() !== "");
        expect(isKept({ ...one, organizationId }, at)).toBe(isKept(one, at));
      }),
    );
  });
});

describe("the id of an event that is not stored", () => {
  it("is the same in every process", () => {
    expect(sampledOutEventId(WORKSPACE, "insert-1")).toBe("bcd55188-520f-80dc-9456-2e634e0f589a");
  });

  it("is a UUID of version 8, and another one for another insertId or workspace", () => {
    fc.assert(
      fc.property(fc.string(), (insertId) => {
        const id = sampledOutEventId(WORKSPACE, insertId);
        expect(id).toMatch(UUID_PATTERN);
        expect(id[14]).toBe("8");
        expect(sampledOutEventId(WORKSPACE, `${insertId}.`)).not.toBe(id);
        expect(sampledOutEventId(OTHER_WORKSPACE, insertId)).not.toBe(id);
      }),
    );
  });
});
