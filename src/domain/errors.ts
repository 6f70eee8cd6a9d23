// Everything a caller can be told went wrong, as one tagged union. Each surface renders it in its own shape by
// an exhaustive switch; texts say what to do, and never repeat a value that was sent.

export interface RequestIssue {
  /** Where, e.g. `profile.email` or `headers.idempotency-key`. */
  path: string;
  message: string;
}

export interface DefinitionIssue extends RequestIssue {
  /** The step at fault, if it is one. */
  stepId: string | null;
}

export type WaypostError =
  | { code: "invalid_request"; issues: RequestIssue[] }
  | { code: "unauthorized" }
  | { code: "insufficient_scope"; required: string[] }
  /** With words of its own where a vendor's clients expect them. */
  | { code: "not_found"; message?: string }
  | { code: "method_not_allowed"; allow: string[] }
  | { code: "idempotency_key_reuse" }
  /** What was sent names two people; only doors that refuse that answer so. */
  | { code: "identity_conflict" }
  | { code: "already_exists"; what: string }
  /** Active journeys, by their keys, that need it as it is. */
  | { code: "in_use"; journeys: string[] }
  | { code: "journey_archived" }
  | { code: "payload_too_large"; maxBytes: number }
  | { code: "invalid_journey"; issues: DefinitionIssue[] }
  | { code: "journey_not_active" }
  /** What was asked for is not possible as things are; the message is for people, the reason for programs. */
  | { code: "not_eligible"; reason: string; message?: string }
  /** A message that cannot be sent once more: it did not fail, or what it was made of is not kept. */
  | { code: "not_redeliverable"; reason: "not_failed" | "not_kept" | "endpoint_disabled" }
  | { code: "rate_limited"; retryAfterSeconds: number }
  | { code: "unavailable"; reason: string; retryAfterSeconds: number }
  | { code: "internal" };
