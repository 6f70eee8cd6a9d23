// The corrected time of a call: always an instant that can be kept, and right whatever the sender's clock says.
import fc from "fast-check";
import { expect, it } from "vitest";
import { occurredAtOf } from "../../../../src/http/compat/segment/occurred-at.ts";

const RECEIVED_AT = Date.parse("2026-11-21T12:00:00.000Z");
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const anInstant = fc.date({
  min: new Date("0000-01-01T00:00:00.000Z"),
  max: new Date("9999-12-31T23:59:59.999Z"),
  noInvalidDate: true,
});

it("is an instant of the years 0000 to 9999, or none", () => {
  const claimed = fc.oneof(
    anInstant.map((at) => at.toISOString()),
    fc.string(),
    fc.constant("275760-09-13T00:00:00Z"),
  );
  fc.assert(
    fc.property(claimed, claimed, fc.nat(Number.MAX_SAFE_INTEGER), (happened, sent, receivedAt) => {
      const at = occurredAtOf({ happened, sent }, receivedAt);
      expect(at === null || INSTANT.test(at)).toBe(true);
    }),
  );
});

it("does not depend on how wrong the sender's clock is", () => {
  fc.assert(
    fc.property(anInstant, fc.integer({ min: 0, max: 86_400_000 }), (sentAt, agoMs) => {
      const happened = new Date(sentAt.getTime() - agoMs);
      fc.pre(happened.getTime() >= Date.parse("0000-01-01T00:00:00Z"));
      const times = { happened: happened.toISOString(), sent: sentAt.toISOString() };
      expect(occurredAtOf(times, RECEIVED_AT)).toBe(new Date(RECEIVED_AT - agoMs).toISOString());
    }),
  );
});

it.each([
  ["2012-12-02", "2012-12-02T00:00:00.000Z"],
  ["2012-12-02T00:30", "2012-12-02T00:30:00.000Z"],
  ["2012-12-02t00:30:12.9z", "2012-12-02T00:30:12.900Z"],
  ["2012-12-02T00:30:12,984Z", "2012-12-02T00:30:12.984Z"],
  ["2012-12-02T00:30:12.984123+0200", "2012-12-01T22:30:12.984Z"],
])("reads %s", (happened, instant) => {
  expect(occurredAtOf({ happened, sent: undefined }, RECEIVED_AT)).toBe(instant);
});

it.each(["", "1", "2012", "12/02/2012", "2012-12-02T25:00:00Z", "2026-02-30", "0000-01-01T00:00:00+23:00"])(
  "passes over %j",
  (happened) => {
    expect(occurredAtOf({ happened, sent: undefined }, RECEIVED_AT)).toBeNull();
  },
);
