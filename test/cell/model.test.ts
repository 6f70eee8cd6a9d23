// Random interleavings of requests, replays, conflicts, merges, flushes, outages, restarts and clock jumps against
// a simple model. `VITE_MODEL_RUNS=2000 VITE_MODEL_SEED=7 npm test` runs more, or others.
import fc from "fast-check";
import { beforeEach, expect, it, vi } from "vitest";
import type { SentIdentities } from "../../src/domain/profile.ts";
import { aPair, close, compare, take, type Step } from "../support/cell-beside-model.ts";
import type { ModelJourney, ModelRequest } from "../support/cell-model.ts";
import { NOW_MS } from "../support/clock.ts";

// Only variables with this prefix reach a test inside workerd.
const RUNS = Number(process.env.VITE_MODEL_RUNS ?? 60);
const SEED = Number(process.env.VITE_MODEL_SEED ?? 20_260_601);
const MINUTE_MS = 60_000;

const JOURNEYS: ModelJourney[] = [
  { key: "once", event: "a", active: true, version: 1, plan: null, againAfterMs: null, maxActive: 1 },
  { key: "often", event: "a", active: true, version: 1, plan: "Pro", againAfterMs: 0, maxActive: 3 },
  { key: "hourly", event: "b", active: true, version: 1, plan: null, againAfterMs: 60 * MINUTE_MS, maxActive: 9 },
  { key: "keyed", event: "b", active: true, version: 1, plan: null, againAfterMs: null, maxActive: 1, countBy: "city" },
  {
    key: "capped",
    event: "a",
    active: true,
    version: 1,
    plan: null,
    againAfterMs: 0,
    maxActive: 4,
    countBy: "plan",
    cap: { enrollments: 3, perMs: 60 * MINUTE_MS },
    requires: "email",
  },
];

const few = (prefix: string, count: number) =>
  fc.constantFrom(...Array.from({ length: count }, (_, i) => `${prefix}${i}`));

const identities: fc.Arbitrary<SentIdentities> = fc
  .record(
    { externalId: few("cus_", 3), email: few("p@e", 8), phone: few("+1415555010", 3), anonymousId: few("device-", 4) },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter((sent) => Object.keys(sent).length > 0);

const request: fc.Arbitrary<ModelRequest> = fc.record({
  event: fc.constantFrom("a", "b", "c"),
  identities,
  properties: fc.dictionary(fc.constantFrom("plan", "city"), fc.constantFrom("Pro", "Free", null), {
    maxKeys: 2,
    noNullPrototype: true,
  }),
});

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("send" as const), key: few("k", 40), request }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("repeat" as const), which: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>({ do: "flush" }, { do: "restart" }, { do: "outage" }, { do: "recovery" }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("jump" as const),
      ms: fc.constantFrom(-90 * MINUTE_MS, -1, 1, 30 * MINUTE_MS, 61 * MINUTE_MS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("toggle" as const), journey: fc.nat(JOURNEYS.length - 1) }) },
);
beforeEach(() => {
  // Outages are part of it, and logged.
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

it(`behaves as the model does in ${RUNS} random histories`, { timeout: 20_000 + RUNS * 1_000 }, async () => {
  const history = fc.array(aStep, { minLength: 10, maxLength: 60 });
  const outcome = await fc.check(
    fc.asyncProperty(history, async (steps) => {
      vi.setSystemTime(NOW_MS);
      const pair = await aPair(JOURNEYS);
      try {
        for (const step of steps) await take(pair, step);
        await compare(pair);
      } finally {
        close(pair);
      }
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect(outcome.failed, fc.defaultReportMessage(outcome)).toBe(false);
});
