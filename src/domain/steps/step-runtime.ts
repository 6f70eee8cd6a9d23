// What a step of each type does when a run comes to it, as data: a step reads its scope and answers; what is to be
// done about the answer is the run's business (run-walk.ts).
import type { CompiledCondition, ConditionScope } from "../condition.ts";
import type { TimelineEntry, TimelineKind } from "../enrollment.ts";
import type { Json, JsonObject } from "../json.ts";

/** What a step may look at: `/event/*` is the event that started the run, redacted; `/profile/*` the person of now. */
export interface StepScope extends ConditionScope {
  /** Unix milliseconds. */
  now: number;
  stepId: string;
  journeyId: string;
  profileId: string;
  /** Chooses among equal chances; empty in real runs. */
  seed: string;
  /** IANA name of the workspace's time zone; `null` = none is known. */
  timezone: string | null;
}

/** What is to be sent. Nothing in it was readable only before redaction. */
export type DeliveryRequest =
  | {
      channel: "email";
      /** Key of the template. */
      template: string;
      /** `null` when there is no address to write to: the delivery is then skipped as `no_address`. */
      to: string | null;
      transactional: boolean;
    }
  | {
      channel: "webhook";
      url: string;
      method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
      headers: Record<string, string>;
      /** `standard`: the body every step without its own sends, see {@link standardBody}; `none`: a GET has none. */
      body: { kind: "standard" } | { kind: "none" } | { kind: "json"; value: Json };
    };

/** Where a run goes after a step. */
export type StepWay =
  /** To the step's `next`, else the one below. */
  | { kind: "next" }
  | { kind: "go"; stepId: string }
  /** Waits until an instant, Unix milliseconds, or for an event until then; an instant that is over is no wait. */
  | { kind: "wait"; for: "time" | "event"; until: number }
  /** Waits until what it asked to be sent is settled. */
  | { kind: "await_delivery" }
  | { kind: "complete"; reason: string | null }
  /** The step cannot be done. */
  | { kind: "fail"; code: string };

export interface StepResult {
  way: StepWay;
  request?: DeliveryRequest;
  /** Properties by name, `null` removes one. */
  patch?: JsonObject;
  note?: { kind: TimelineKind; detail: TimelineEntry["detail"] };
}

/** A step that is ready to run. */
export interface CompiledStep {
  perform(scope: StepScope): StepResult;
  /** Of a step that waits for an event. */
  hears?: { event: string; filter: CompiledCondition | null; onTimeout: string | null };
  /** Of a step whose failure does not have to fail the run. */
  onFailure?: string;
}
