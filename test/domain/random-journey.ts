// Random journeys and scripts for them: every step type, loops that wait, filters that some events pass, instants
// that fall together. All of them pass the check of a definition, which a test of this generator shows.
import fc from "fast-check";
import type { JsonObject } from "../../src/domain/json.ts";

const EVENTS = ["order.created", "payment.succeeded", "order.refunded", "page.viewed"];
const HOUR_MS = 3_600_000;
const DURATIONS = ["PT1H", "PT2H", "PT6H", "P1D", "P3D"];
const MAX_MIDDLE_STEPS = 8;

type Raw = Record<string, unknown>;

const eventName = fc.constantFrom(...EVENTS);
const duration = fc.constantFrom(...DURATIONS);

const laterFilter = fc.constantFrom<unknown>(
  { $state: "/event/total", gte: 50 },
  { $state: "/event/orderId", eq: { $entry: "/event/orderId" } },
  {
    $or: [
      { $state: "/profile/plan", eq: "Pro" },
      { $state: "/event/total", lt: 20 },
    ],
  },
  { $state: "/event/missing", exists: false },
);

const stepCondition = fc.constantFrom<unknown>(
  { $state: "/event/total", gte: 50 },
  { $state: "/profile/plan", eq: "Pro" },
  { $state: "/profile/visits", exists: true, not: true },
  [{ $state: "/event/orderId", in: ["o1", "o2"] }, { $state: "/profile/email" }],
);

/** The fields of a step besides its id; the step below is always one of its ways, so that every step is reached. */
function middleStep(below: string, later: fc.Arbitrary<string>, any: fc.Arbitrary<string>): fc.Arbitrary<Raw> {
  return fc.oneof(
    fc.record({
      type: fc.constant("email"),
      template: fc.constantFrom("hello", "nudge"),
      to: fc.constantFrom<unknown>({ $state: "/profile/email" }, { $state: "/event/email" }, "sales@example.com"),
    }),
    fc.record(
      {
        type: fc.constant("webhook"),
        url: fc.constant("https://crm.example.com/hook"),
        body: fc.constant({ plan: { $state: "/profile/plan" }, order: [{ $state: "/event/orderId" }] }),
        onFailure: fc.oneof(fc.constantFrom("continue", "fail"), later),
      },
      { requiredKeys: ["type", "url"] },
    ),
    fc.record({ type: fc.constant("delay"), for: fc.oneof(duration, fc.constant("PT0S")) }),
    fc.record(
      {
        type: fc.constant("wait_until"),
        at: fc.constantFrom("00:00", "02:30", "09:00", "18:00"),
        weekdays: fc.constantFrom(["mon"], ["sat", "sun"], ["mon", "wed", "fri"]),
        timezone: fc.constantFrom<unknown>("Europe/Berlin", "America/New_York", { $state: "/profile/timezone" }),
      },
      { requiredKeys: ["type", "at"] },
    ),
    fc.record(
      {
        type: fc.constant("wait_for_event"),
        event: eventName,
        filter: laterFilter,
        timeout: duration,
        // A way back is a loop that waits.
        onTimeout: any,
      },
      { requiredKeys: ["type", "event", "timeout"] },
    ),
    fc
      .tuple(stepCondition, later, fc.boolean())
      .map(([condition, other, turned]) =>
        turned
          ? { type: "branch", if: condition, then: other, else: below }
          : { type: "branch", if: condition, then: below, else: other },
      ),
    fc.array(fc.record({ weight: fc.constantFrom(0.5, 1, 3), next: later }), { maxLength: 2 }).map((others) => {
      return { type: "split", branches: [{ weight: 1, next: below }, ...others] };
    }),
    fc.record({
      type: fc.constant("update_profile"),
      set: fc.constantFrom<unknown>(
        { plan: "Pro" },
        { visits: { $state: "/event/total" } },
        { timezone: "Asia/Tokyo" },
      ),
      unset: fc.constantFrom(["coupon"], []),
    }),
  );
}

function stepsOf(count: number): fc.Arbitrary<Raw[]> {
  const ids = Array.from({ length: count + 1 }, (_, i) => `s${i}`);
  const middle = ids.slice(0, -1).map((id, i) => {
    const later = fc.constantFrom(...ids.slice(i + 1));
    return middleStep(ids[i + 1] as string, later, fc.constantFrom(...ids)).map((step) => ({ id, ...step }));
  });
  const last = fc.constantFrom<Raw>(
    { id: ids.at(-1), type: "exit", reason: "done" },
    { id: ids.at(-1), type: "exit" },
    { id: ids.at(-1), type: "email", template: "bye" },
  );
  return fc.tuple(...middle, last);
}

/** Journey documents that pass the check. */
export const journeyDocuments: fc.Arbitrary<Raw> = fc
  .record(
    {
      key: fc.constant("random-journey"),
      name: fc.constant("Random journey"),
      entry: fc.constantFrom<unknown>(
        { event: "order.created" },
        { event: "order.created", filter: { $state: "/event/total", gte: 30 } },
      ),
      steps: fc.integer({ min: 1, max: MAX_MIDDLE_STEPS }).chain(stepsOf),
      eligibility: fc.constantFrom<unknown>(
        { reentry: "once" },
        { reentry: "always", maxActive: 3 },
        { reentry: "always", key: "/event/orderId" },
        { reentry: { after: "P1D" }, cap: { enrollments: 2, per: "P7D" } },
      ),
      exitOn: fc.array(fc.record({ event: eventName, filter: laterFilter }, { requiredKeys: ["event"] }), {
        minLength: 1,
        maxLength: 2,
      }),
      goal: fc.record(
        { event: eventName, filter: laterFilter, exit: fc.boolean() },
        { requiredKeys: ["event", "filter"] },
      ),
    },
    { requiredKeys: ["key", "name", "entry", "steps"] },
  )
  .map(({ steps, ...document }) => ({ ...document, steps }));

/** Event data, in which some filters hold and some paths are missing. */
export const eventData: fc.Arbitrary<JsonObject> = fc.record(
  {
    total: fc.constantFrom(0, 10, 30, 50, 200),
    orderId: fc.constantFrom("o1", "o2", "o3"),
    email: fc.constantFrom("bob@example.com", "not an address"),
  },
  { requiredKeys: ["total"] },
) as fc.Arbitrary<JsonObject>;

export const profileProperties: fc.Arbitrary<JsonObject> = fc.record(
  {
    plan: fc.constantFrom("Pro", "Free"),
    timezone: fc.constantFrom("America/New_York", "Nowhere/Land"),
    coupon: fc.constant("X"),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

export interface RandomScript {
  start: number;
  events: { at: number; event: string; data: JsonObject }[];
  until: number;
  seed: string;
  properties: JsonObject;
}

/** Scripts whose instants lie on whole hours, so that events and timers meet; the first event starts the journey. */
export const scripts: fc.Arbitrary<RandomScript> = fc
  .record({
    start: fc.integer({ min: 0, max: 8_000 }).map((hours) => Date.parse("2026-01-01T00:00:00.000Z") + hours * HOUR_MS),
    first: eventData,
    later: fc.array(fc.record({ hours: fc.integer({ min: 0, max: 96 }), event: eventName, data: eventData }), {
      maxLength: 16,
    }),
    days: fc.integer({ min: 1, max: 30 }),
    seed: fc.constantFrom("", "a", "b"),
    properties: profileProperties,
  })
  .map(({ start, first, later, days, seed, properties }) => ({
    start,
    events: [
      { at: start, event: "order.created", data: first },
      ...later
        .map(({ hours, event, data }) => ({ at: start + hours * HOUR_MS, event, data }))
        .toSorted((a, b) => a.at - b.at),
    ],
    until: start + days * 24 * HOUR_MS,
    seed,
    properties,
  }));
