// A run as it is kept between two inputs, what can happen to it, and what it asks for. Plain JSON all of it: a run
// that was stored and read again is the same run.
import type { EnrollmentStatus, TimelineEntry } from "./enrollment.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ReadableIdentities } from "./profile-scope.ts";
import type { DeliveryRequest } from "./steps/step-runtime.ts";

/** Steps without a wait between them; a checked journey has at most as many as it has steps. */
export const MAX_STEPS_AT_ONCE = 1_000;
/** Steps of one run in all: its timeline, a few lines a step, has to fit into one row of 2 MB. */
export const MAX_RUN_STEPS = 2_000;

/** What a run waits for; instants are Unix milliseconds. */
export type Wait =
  /** `time` and `event`: until the step's time is over. `ready`: held before it does its step. */
  | { kind: "time" | "event" | "ready"; since: number; until: number }
  /** Until a delivery is settled, however long that takes. */
  | { kind: "delivery"; since: number; deliveryKey: string };

export interface Run {
  status: EnrollmentStatus;
  /** Why it ended; `null` while it is active, and when it reached the end of its steps. */
  reason: string | null;
  /** The step it is at, or was at last; `null` before it is started. */
  stepId: string | null;
  /** Unix milliseconds. */
  endedAt: number | null;
  convertedAt: number | null;
  /** `null` when it has ended; an active run always waits for something. */
  wait: Wait | null;
  /** Counts the waits: a timer of an earlier one is stale. */
  generation: number;
  /** Counts the steps it came to. */
  steps: number;
  /** When it last changed, Unix milliseconds; it never goes back, whatever the clock does. */
  at: number;
}

export type DeliveryOutcome =
  /** @param reason  such as `redirected`: to somebody else, or to nobody at all */
  | { status: "sent"; reason?: string }
  /** @param reason  such as `suppressed`: nothing was sent, and nothing went wrong */
  | { status: "skipped"; reason: string }
  | { status: "failed"; code: string };

/** What can happen to a run. One that comes too late (to an ended run, of an earlier wait) changes nothing. */
export type RunInput =
  | { kind: "start" }
  | { kind: "timer"; generation: number }
  /** A later event of this person. @param data  as it was sent, before redaction: only filters read it */
  | { kind: "event"; name: string; data: () => Json | undefined }
  | { kind: "delivery_settled"; deliveryKey: string; outcome: DeliveryOutcome }
  /** The run goes on after it had ended, and the delivery that it waits for was settled meanwhile. */
  | { kind: "caught_up"; status: DeliveryOutcome["status"] }
  /** From outside: `archived`, `merged_duplicate`, `profile_erased`, … */
  | { kind: "end"; status: "exited" | "cancelled" | "failed"; reason: string };

/** All that a run may look at. What is a function is asked only when a step or a filter needs it. */
export interface RunSituation {
  /** Unix milliseconds. */
  now: number;
  /** The live profile. */
  profileId: string;
  identities: ReadableIdentities;
  properties: () => JsonObject;
  /** Data of the event that started the run, redacted. */
  entryData: () => Json | undefined;
  /** IANA name; `null` = the workspace has none. */
  timezone: string | null;
  /** Empty in real runs. */
  seed: string;
  /** Whether the journey is paused: nothing is done for its runs, but what ends them ends them. */
  held: boolean;
}

export interface RunTimer {
  /** Unix milliseconds. */
  at: number;
  generation: number;
}

/** What is to be done for a run, in the transaction that stores it. */
export type RunEffect =
  /** Once per delivery key, which is unique within the run. */
  | { kind: "deliver"; stepId: string; deliveryKey: string; request: DeliveryRequest }
  /** All changes together; `null` removes a property. */
  | { kind: "patch_profile"; patch: JsonObject }
  | { kind: "converted"; at: number }
  /** The run's one timer is now this one; `null` = it has none. */
  | { kind: "timer"; timer: RunTimer | null }
  /** The run now listens to these event names and to no others. */
  | { kind: "listen"; events: string[] }
  | { kind: "ended"; status: Exclude<EnrollmentStatus, "active">; reason: string | null };

export interface Advanced {
  /** The same object when the input changed nothing. */
  run: Run;
  /** To be added to the timeline. */
  timeline: TimelineEntry[];
  effects: RunEffect[];
}

/** A run that is to be started. @param at  Unix milliseconds */
export function newRun(at: number): Run {
  return {
    status: "active",
    reason: null,
    stepId: null,
    endedAt: null,
    convertedAt: null,
    wait: null,
    generation: 0,
    steps: 0,
    at,
  };
}

/**
 * A run that came to a step without doing it, due at once: what was enrolled before runs moved.
 *
 * @param at  when it came there, Unix milliseconds
 */
export function runReadyAt(stepId: string, at: number): Run {
  return { ...newRun(at), stepId, steps: 1, generation: 1, wait: { kind: "ready", since: at, until: at } };
}

/** The timer that a run needs; `null` = none. */
export function timerOf({ wait, generation }: Run): RunTimer | null {
  return wait === null || wait.kind === "delivery" ? null : { at: wait.until, generation };
}

type Fields = "status" | "reason" | "stepId" | "endedAt" | "convertedAt";
type PackedWait = [Exclude<Wait["kind"], "delivery">, number, number] | ["delivery", number, string] | null;
type PackedRun = [at: number, steps: number, generation: number, wait: PackedWait];

/** Writes what an enrollment's own columns do not hold of a run, as compact JSON text. */
export function packRun({ at, steps, generation, wait }: Run): string {
  const packed: PackedRun = [at, steps, generation, wait === null ? null : packWait(wait)];
  return JSON.stringify(packed);
}

/** Reads what {@link packRun} wrote; the other fields are the enrollment's. */
export function unpackRun(text: string, columns: Pick<Run, Fields>): Run {
  const [at, steps, generation, wait] = JSON.parse(text) as PackedRun;
  const { status, reason, stepId, endedAt, convertedAt } = columns;
  return { status, reason, stepId, endedAt, convertedAt, wait: wait && unpackWait(wait), generation, steps, at };
}

function packWait(wait: Wait): PackedWait {
  return wait.kind === "delivery" ? [wait.kind, wait.since, wait.deliveryKey] : [wait.kind, wait.since, wait.until];
}

function unpackWait([kind, since, rest]: NonNullable<PackedWait>): Wait {
  return kind === "delivery" ? { kind, since, deliveryKey: rest } : { kind, since, until: rest };
}
