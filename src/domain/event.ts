// A UserEvent and its receipt, as they are kept. Texts that end in `Json` are JSON text: what a caller sent
// is carried as text, so that lone surrogates and NUL survive SQLite (docs/storage.md).

/** Through which door an event came. */
export const EVENT_SOURCES = [
  "api",
  "batch",
  "ingest",
  "klaviyo",
  "greenflash",
  "segmentstream",
  "segment",
  "trigger",
] as const;
export type EventSource = (typeof EVENT_SOURCES)[number];

/**
 * The first clause of a filter that did not hold; of other reasons the place where something has to be, with the
 * operator `exists`. Never a value: receipts outlive redaction.
 */
export interface FailedClause {
  /** JSON Pointer of the clause's left side, `null` for a literal `false`. */
  path: string | null;
  operator: string;
  /** Present and true when the clause failed because it is negated. */
  not?: true;
}

/** Why a journey did not take an event: the first that applies. @see docs/architecture.md#reasons */
export const SKIP_REASONS = [
  "filter_failed",
  "key_missing",
  "identity_required",
  "suppressed",
  "already_active",
  "already_enrolled",
  "cooldown",
  "capped",
  "runaway_stopped",
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export interface ReceiptEntry {
  journeyId: string;
  key: string;
  version: number;
  outcome: "enrolled" | "skipped";
  reason: "enrolled" | SkipReason;
  enrollmentId: string | null;
  /** With `filter_failed` and `key_missing`, and with `identity_required` when one of `requires` is lacking. */
  detail: FailedClause | null;
}

export const WARNING_CODES = ["identity_conflict", "identity_ignored", "merged"] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

export interface Warning {
  code: WarningCode;
  message: string;
  /** With `merged` only: the profile that was merged away. */
  mergedProfileId?: string;
}

export interface Receipt {
  journeys: ReceiptEntry[];
  warnings: Warning[];
}

/**
 * One event as the outbox and D1's `user_events` hold it; the field names are the columns.
 * The workspace is not part of it: a cell holds one workspace, D1 adds the column.
 */
export interface UserEventRow {
  event_id: string;
  event: string;
  profile_id: string | null;
  /** Redacted payload as JSON text; `null` when the request had none, or when it is kept in parts. */
  data: string | null;
  /** In how many rows of their own the payload is kept: it is too large for this one. Absent = in this row. */
  data_parts?: number;
  reference_id: string | null;
  /** ISO 8601 UTC with milliseconds. */
  occurred_at: string;
  /** ISO 8601 UTC with milliseconds; the instant inside `event_id`. */
  received_at: string;
  /** JSON text of a string array; `null` when nothing was to be redacted. */
  redacted_data_paths: string | null;
  source: EventSource;
  /** A {@link Receipt}, packed: see receipt.ts. */
  receipt: string;
}
