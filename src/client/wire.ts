// What crosses the wire, typed by the server's own schemas. Types only: nothing of the server is in the client.
// The published declarations are these types written out, so that they need no package of the server's.
import type { InferInput, InferOutput } from "valibot";
import type { acceptedAnswer, eventAnswer, listedEventAnswer, receiptAnswer } from "../http/native/event-view.ts";
import type { triggerAnswer, triggerRequest } from "../http/native/journey-trigger.ts";
import type { trackRequest } from "../http/native/track-request.ts";

export type { Json, JsonObject } from "../domain/json.ts";

/** One business event about a person. */
export type TrackParams = InferInput<typeof trackRequest>;

/** The decision in the acknowledgement. */
export type Accepted = Omit<InferOutput<typeof acceptedAnswer>, "receipt">;

/** Why each journey that listens took the event, or did not. */
export type Receipt = InferOutput<typeof receiptAnswer>;

/** An event as it is kept, redacted, with its receipt. */
export type StoredEvent = InferOutput<typeof eventAnswer>;

/** An event of a list: no receipt, and data over 16 KiB is left out. */
export type ListedEvent = InferOutput<typeof listedEventAnswer>;

/** Whom a run is to be started for, and what its steps read under `/event`. */
export type TriggerParams = InferInput<typeof triggerRequest>;

/** The run that was started, and how it stood when that was answered first. */
export type TriggeredRun = InferOutput<typeof triggerAnswer>;
