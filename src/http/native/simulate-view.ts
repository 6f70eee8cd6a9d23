// A simulation as it is asked for and answered.
import * as v from "valibot";
import type { AskedVersion } from "../../cell/asking.ts";
import { EMAIL_PATTERN } from "../../domain/identity-values.ts";
import { listOf, objectOf } from "../../domain/shapes.ts";
import { MAX_SIMULATED_EVENTS, type Script, type Simulation } from "../../domain/simulate.ts";
import { SKIP_REASONS } from "../../domain/event.ts";
import { id, instant } from "../answer-fields.ts";
import { jsonObject, shortText, profileId } from "../validation.ts";
import { enrollmentAnswer, versionNumber } from "./enrollment-view.ts";
import { dateTime } from "./track-request.ts";

/** The person of a simulation that names none: ways at splits go by the profile's id. */
const NOBODYS_ID = "00000000-0000-7000-8000-000000000000";

export const EXAMPLE_SIMULATION = {
  start: "2026-05-31T12:00:00.000Z",
  profile: { email: "alex@example.com", properties: { plan: "Pro" } },
  events: [{ at: "2026-05-31T12:00:00.000Z", event: "order.created", data: { orderId: "ord_1001", total: 49 } }],
  until: "2026-06-30T12:00:00.000Z",
};

const email = v.pipe(v.string("Must be a string."), v.regex(EMAIL_PATTERN, "Must be an e-mail address."));
/** Ids carry their instant, which cannot be before 1970. */
const instantFrom1970 = v.pipe(
  dateTime,
  v.check((text) => !(Date.parse(text) < 0), "Must not be before 1970."),
);

const event = objectOf(
  { at: instantFrom1970, event: shortText, data: v.optional(jsonObject) },
  "Must be an object with at, event and data.",
);

/** A number says what its text says. */
const seed = v.union(
  [v.pipe(v.string(), v.maxLength(255)), v.number()],
  "Must be a string of at most 255 characters, or a number.",
);

export const simulateRequest = v.pipe(
  v.object({
    version: v.optional(versionNumber),
    start: instantFrom1970,
    profile: objectOf(
      {
        id: v.optional(profileId),
        email: v.optional(email),
        externalId: v.optional(shortText),
        phone: v.optional(shortText),
        anonymousId: v.optional(shortText),
        properties: v.optional(jsonObject),
      },
      "Must be an object.",
    ),
    events: listOf(event, MAX_SIMULATED_EVENTS, `Must be an array of at most ${MAX_SIMULATED_EVENTS} events.`),
    until: v.optional(instantFrom1970),
    seed: v.optional(seed),
  }),
  v.forward(
    v.partialCheck(
      [["start"], ["events"]],
      ({ start, events }) => events.every(({ at }) => Date.parse(at) >= Date.parse(start)),
      "Must not hold an event before the start.",
    ),
    ["events"],
  ),
);

export type SimulateRequest = v.InferOutput<typeof simulateRequest>;

export const simulateAnswer = v.object({
  enrollments: v.array(enrollmentAnswer),
  decisions: v.array(
    v.object({
      at: instant,
      eventId: id,
      outcome: v.picklist(["enrolled", "skipped"]),
      reason: v.picklist(["enrolled", ...SKIP_REASONS]),
      detail: v.nullable(
        v.object({ path: v.nullable(v.string()), operator: v.string(), not: v.exactOptional(v.literal(true)) }),
      ),
      enrollmentId: v.nullable(id),
    }),
  ),
  /** What would have been sent. */
  deliveries: v.array(
    v.object({
      at: instant,
      enrollmentId: id,
      stepId: v.string(),
      deliveryKey: v.string(),
      request: v.record(v.string(), v.unknown()),
    }),
  ),
  properties: v.record(v.string(), v.unknown()),
  /** Why virtual time ended early; `null` = it did not. */
  stoppedBy: v.nullable(v.picklist(["step_limit", "run_limit", "size_limit"])),
});

/** Makes a script of a request. */
export function scriptOf(request: SimulateRequest, asked: AskedVersion): Script {
  const { journeyId, key, version, definition, timezone } = asked;
  const { start, until, seed: chances = "", profile, events } = request;
  const { id: personId = NOBODYS_ID, properties = {}, ...identities } = profile;
  const known = Object.fromEntries(Object.entries(identities).filter(([, value]) => value !== undefined));
  if (identities.email !== undefined) known["email"] = identities.email.toLowerCase();
  return {
    journey: { id: journeyId, key, version, definition },
    profile: { id: personId, identities: known, properties },
    events: events.map(({ at, event: name, data = {} }) => ({ at: Date.parse(at), event: name, data })),
    start: Date.parse(start),
    until: until === undefined ? null : Date.parse(until),
    seed: String(chances),
    timezone,
    deliveries: "sent",
  };
}

/** A simulation as it is answered. */
export function simulationView(simulation: Simulation): v.InferOutput<typeof simulateAnswer> {
  return simulation;
}
