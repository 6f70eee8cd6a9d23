// An Enrollment: one profile's run of one journey version.

export type EnrollmentStatus = "active" | "completed" | "exited" | "failed" | "cancelled";

export type TimelineKind =
  | "entered"
  | "waiting"
  | "resumed"
  | "branched"
  | "sent"
  | "skipped"
  | "failed"
  | "updated"
  | "migrated"
  | "merged"
  | "converted"
  | "ended";

export interface TimelineEntry {
  /** ISO 8601. */
  at: string;
  stepId: string | null;
  kind: TimelineKind;
  detail: Record<string, string | number | null> | null;
}

/** One enrollment as D1's `enrollments` holds it; the field names are the columns. No timeline: that is the cell's. */
export interface EnrollmentRow {
  enrollment_id: string;
  journey_id: string;
  journey_key: string;
  version: number;
  profile_id: string;
  event_id: string;
  status: EnrollmentStatus;
  reason: string | null;
  step_id: string | null;
  /** ISO 8601. */
  started_at: string;
  ended_at: string | null;
  converted_at: string | null;
  rev: number;
}
