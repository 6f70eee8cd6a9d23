import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SKIP_REASONS, type Receipt, type ReceiptEntry } from "../../src/domain/event.ts";
import { packReceipt, unpackReceipt } from "../../src/domain/receipt.ts";

const journey = {
  journeyId: fc.uuid(),
  key: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,119}$/),
  version: fc.integer({ min: 1 }),
};
const clause = fc.oneof(
  fc.record({ path: fc.option(fc.string()), operator: fc.string({ minLength: 1 }) }),
  fc.record({ path: fc.option(fc.string()), operator: fc.string({ minLength: 1 }), not: fc.constant(true as const) }),
);
const entry: fc.Arbitrary<ReceiptEntry> = fc.oneof(
  fc.record({
    ...journey,
    outcome: fc.constant("enrolled" as const),
    reason: fc.constant("enrolled" as const),
    enrollmentId: fc.uuid(),
    detail: fc.constant(null),
  }),
  fc.record({
    ...journey,
    outcome: fc.constant("skipped" as const),
    reason: fc.constantFrom(...SKIP_REASONS),
    enrollmentId: fc.constant(null),
    detail: fc.option(clause, { nil: null }),
  }),
);
const warning = fc.oneof(
  fc.record({ code: fc.constant("identity_conflict" as const), message: fc.string() }),
  fc.record({ code: fc.constant("merged" as const), message: fc.string(), mergedProfileId: fc.uuid() }),
);

describe("a packed receipt", () => {
  it("unpacks to the same text, whatever is in it", () => {
    const receipts: fc.Arbitrary<Receipt> = fc.record({ journeys: fc.array(entry), warnings: fc.array(warning) });
    fc.assert(
      fc.property(receipts, (receipt) => {
        expect(JSON.stringify(unpackReceipt(packReceipt(receipt)))).toBe(JSON.stringify(receipt));
      }),
    );
  });

  it("leaves room in the page of an event that ten journeys skip for two reasons", () => {
    const journeys = Array.from({ length: 10 }, (_, i) => aSkip(i));
    expect(packReceipt({ journeys, warnings: [] }).length).toBeLessThan(550);
  });

  it("keeps apart what differs in nothing but the negation, the operator, the path or the reason", () => {
    const details = [
      { path: "/event/a", operator: "eq" },
      { path: "/event/a", operator: "eq", not: true as const },
      { path: "/event/a", operator: "gte" },
      { path: null, operator: "eq" },
      null,
    ];
    const journeys = details.map((detail, i) => ({ ...aSkip(i), reason: "filter_failed" as const, detail }));
    journeys.push({ ...aSkip(9), reason: "key_missing" as never, detail: details[0] as never });
    const receipt = { journeys, warnings: [] };
    expect(unpackReceipt(packReceipt(receipt))).toEqual(receipt);
  });
});

describe("a receipt that the first version packed", () => {
  it("stays readable", () => {
    const [id, run] = ["01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-000000000002"];
    const merge = { code: "merged", message: "Merged.", mergedProfileId: run };
    const stored = [
      [
        [id, "welcome", 2, "enrolled", run],
        [id, "vip", 1, "filter_failed", "/event/total", "gte"],
        [id, "not-de", 1, "filter_failed", null, "eq", 1],
        [id, "once", 3, "already_enrolled"],
      ],
      [merge],
    ];
    const skipped = { journeyId: id, outcome: "skipped", enrollmentId: null };
    expect(unpackReceipt(JSON.stringify(stored))).toEqual({
      journeys: [
        {
          journeyId: id,
          key: "welcome",
          version: 2,
          outcome: "enrolled",
          reason: "enrolled",
          enrollmentId: run,
          detail: null,
        },
        {
          ...skipped,
          key: "vip",
          version: 1,
          reason: "filter_failed",
          detail: { path: "/event/total", operator: "gte" },
        },
        {
          ...skipped,
          key: "not-de",
          version: 1,
          reason: "filter_failed",
          detail: { path: null, operator: "eq", not: true },
        },
        { ...skipped, key: "once", version: 3, reason: "already_enrolled", detail: null },
      ],
      warnings: [merge],
    });
  });

  it("stays readable where nothing listened", () => {
    expect(unpackReceipt("[[]]")).toEqual({ journeys: [], warnings: [] });
  });
});

/** What ten journeys make of most events: half a filter that fails, half somebody who is in already. */
function aSkip(i: number): ReceiptEntry {
  return {
    journeyId: `01980000-0000-7000-8000-00000000000${i}`,
    key: `order-follow-up-${i}`,
    version: 1,
    outcome: "skipped",
    reason: i % 2 === 0 ? "filter_failed" : "already_enrolled",
    enrollmentId: null,
    detail: i % 2 === 0 ? { path: "/event/total", operator: "gte" } : null,
  };
}
