// Fields that many answers have, as /openapi.json describes them.
import * as v from "valibot";

/** How many events of a call that was answered with success were not taken, and are kept among the rejected ones. */
export const REJECTED_EVENTS_HEADER = "x-rejected-events";

/** An id of ours. */
export const id = v.pipe(v.string(), v.uuid());

/** ISO 8601 UTC with milliseconds. */
export const instant = v.pipe(v.string(), v.isoTimestamp());

/** Any JSON object; the value is passed through as it is kept. */
export const anyObject = v.record(v.string(), v.unknown());

/** A whole number from 0. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
