import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SKIP_REASONS, type Receipt, type ReceiptEntry } from "../../src/domain/event.ts";
import { packReceipt, unpackReceipt } from "../../src/domain/receipt.ts";

const journey = { journeyId: fc.uuid(), key: fc.string(), version: fc.nat() };
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
});
