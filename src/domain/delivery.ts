// A message on its way: what travels between the cell that owns it, the queue, and who sends it. Plain data.
import type { Json } from "./json.ts";
import type { DeliveryOutcome } from "./run.ts";
import type { TemplateDefinition } from "./template.ts";

export type DeliveryChannel = "email" | "webhook";
export type DeliveryStatus = "pending" | DeliveryOutcome["status"];

/** Why a message was not sent, or, `redirected`, was sent to somebody else. `quiet_hours` waits. */
export type DeliveryReason =
  | "suppressed"
  | "unsubscribed"
  | "no_address"
  | "frequency_capped"
  | "quiet_hours"
  | "endpoint_disabled"
  | "render_failed"
  | "rejected"
  | "exhausted"
  | "redirected"
  | "profile_erased";

/** One attempt to send a message. */
export interface MessageAttempt {
  deliveryId: string;
  /** From 1. */
  attempt: number;
}

/** What the queue carries: ids only. Without its cell it tells nothing, and lost or repeated it does no harm. */
export interface DeliveryMessage extends MessageAttempt {
  workspaceId: string;
}

/** What the cell hands out for one attempt, once. */
export type DeliveryJob =
  | {
      channel: "email";
      deliveryId: string;
      attempt: number;
      template: TemplateDefinition;
      /** What the template reads: `event`, `profile`, `journey`. */
      state: { event: Json; profile: Json; journey: Json };
      to: string;
      /** Whether `to` is where the workspace sends its messages, and not whom this one is for. */
      redirected: boolean;
      /** The workspace's, for a template that names none; `null` = it has none either. */
      defaultFrom: string | null;
      /** Where a click ends such messages, an absolute URL; `null` for a transactional message. */
      unsubscribeUrl: string | null;
    }
  | {
      channel: "webhook";
      deliveryId: string;
      attempt: number;
      url: string;
      method: string;
      headers: Record<string, string>;
      /** JSON text; `null` = the request has none. */
      body: string | null;
      /** Under which it is signed, newest first. */
      secrets: string[];
    };

/** The cell's answer to who wants to send. */
export type Claim =
  | { kind: "granted"; job: DeliveryJob }
  /** Settled, another attempt's, put aside or not sent at all: drop the message. The cell knows what is left to do. */
  | { kind: "dropped" };

/** How an attempt went. */
export interface SendReport {
  outcome: "sent" | "retry" | "failed";
  /** Of `failed` only. */
  reason: Extract<DeliveryReason, "rejected" | "render_failed" | "endpoint_disabled"> | null;
  /** An HTTP status, or a word such as `timeout`; `null` = nothing to tell. */
  code: string | null;
  /** What went wrong in the words of who refused it, short. */
  message: string | null;
  /** The provider's own id for what it took. */
  providerId: string | null;
  /** How long to wait before the next attempt, as the receiver asks; `null` = it does not say. */
  retryAfterMs: number | null;
  durationMs: number;
  /** Whom the attempt was addressed to, where that may change from one to the next. */
  sentTo?: { target: string; redirected: boolean };
}

/** An attempt that has come to its end. */
export interface EndedAttempt extends MessageAttempt {
  report: SendReport;
}

/** One attempt as it is kept; `expired`: whoever had it was not heard of again. */
export interface DeliveryAttempt {
  /** Unix milliseconds. */
  at: number;
  outcome: SendReport["outcome"] | "expired";
  code: string | null;
  message: string | null;
  durationMs: number | null;
  /** Whom it was addressed to; `null` = it is not known any more. */
  target: string | null;
}

/** A message's row in the read model; instants as ISO 8601. */
export interface DeliveryRow {
  delivery_id: string;
  channel: DeliveryChannel;
  status: DeliveryStatus;
  reason: string | null;
  attempts: number;
  next_attempt_at: string | null;
  profile_id: string;
  enrollment_id: string;
  journey_id: string;
  journey_key: string;
  step_id: string;
  target: string | null;
  provider_id: string | null;
  created_at: string;
  settled_at: string | null;
  rev: number;
}
