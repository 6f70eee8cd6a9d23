import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_ATTEMPTS, MAX_RETRY_AFTER_MS, retryWaitMs, type FailedAttempt } from "../../src/domain/delivery-retry.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SCHEDULE_MS = [5_000, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 10 * HOUR_MS];
const ID = "01890a5d-ac96-774b-bcce-b302099a8057";

function waitOf(over: Partial<FailedAttempt> = {}): number | null {
  return retryWaitMs({ deliveryId: ID, failures: 1, lost: false, retryAfterMs: null, ...over });
}

describe("the wait before the next attempt", () => {
  it("is within a tenth of the schedule", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: SCHEDULE_MS.length }), (deliveryId, failures) => {
        const planned = SCHEDULE_MS[failures - 1] as number;
        const wait = waitOf({ deliveryId, failures }) as number;
        expect(Math.abs(wait - planned)).toBeLessThanOrEqual(planned * 0.1 + 1);
      }),
    );
  });

  it("ends after eight attempts", () => {
    expect(MAX_ATTEMPTS).toBe(8);
    expect(waitOf({ failures: 7 })).not.toBeNull();
    expect(waitOf({ failures: 8 })).toBeNull();
    expect(waitOf({ failures: 8, lost: true })).toBeNull();
  });

  it("is the same for the same message and attempt", () => {
    expect(waitOf({ failures: 3 })).toBe(waitOf({ failures: 3 }));
  });

  it("differs between messages that failed together", () => {
    const waits = Array.from({ length: 100 }, (_, i) => waitOf({ deliveryId: `${ID}-${i}`, failures: 3 }));
    expect(new Set(waits).size).toBeGreaterThan(90);
  });

  it("grows to what the receiver asks for", () => {
    expect(waitOf({ retryAfterMs: 120_000 })).toBe(120_000);
  });

  it("does not shrink to what the receiver asks for", () => {
    expect(waitOf({ failures: 3, retryAfterMs: 1_000 })).toBe(waitOf({ failures: 3 }));
    expect(waitOf({ retryAfterMs: -1 })).toBe(waitOf());
  });

  it("is a day at most, however long the receiver asks for", () => {
    expect(waitOf({ retryAfterMs: 30 * MAX_RETRY_AFTER_MS })).toBe(MAX_RETRY_AFTER_MS);
  });

  it("is shorter after an attempt that was lost, and grows too", () => {
    const waits = [1, 2, 3, 4].map((failures) => waitOf({ failures, lost: true }) as number);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits[1]).toBeLessThan(waitOf({ failures: 2 }) as number);
  });
});
