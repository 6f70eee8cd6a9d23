// Enrollments as they are answered: from D1's rows in lists, from the cell with the timeline.
import * as v from "valibot";
import type { Enrollment } from "../../cell/enrollment-store.ts";
import type { EnrollmentRow, EnrollmentStatus, TimelineKind } from "../../domain/enrollment.ts";
import { id, instant } from "../answer-fields.ts";

export const ENROLLMENT_STATUSES = [
  "active",
  "completed",
  "exited",
  "failed",
  "cancelled",
] as const satisfies EnrollmentStatus[];

const TIMELINE_KINDS = [
  "entered",
  "waiting",
  "resumed",
  "branched",
  "sent",
  "skipped",
  "failed",
  "updated",
  "migrated",
  "merged",
  "converted",
  "ended",
] as const satisfies TimelineKind[];

export const enrollmentItem = v.object({
  id,
  journeyId: id,
  journeyKey: v.string(),
  version: v.number(),
  profileId: id,
  eventId: id,
  status: v.picklist(ENROLLMENT_STATUSES),
  reason: v.nullable(v.string()),
  stepId: v.nullable(v.string()),
  startedAt: instant,
  endedAt: v.nullable(instant),
  convertedAt: v.nullable(instant),
});

export const enrollmentAnswer = v.object({
  ...enrollmentItem.entries,
  timeline: v.array(
    v.object({
      at: instant,
      stepId: v.nullable(v.string()),
      kind: v.picklist(TIMELINE_KINDS),
      detail: v.nullable(v.record(v.string(), v.nullable(v.union([v.string(), v.number()])))),
    }),
  ),
});

/** An enrollment in a list. */
export function enrollmentItemView(row: EnrollmentRow): v.InferOutput<typeof enrollmentItem> {
  return {
    id: row.enrollment_id,
    journeyId: row.journey_id,
    journeyKey: row.journey_key,
    version: row.version,
    profileId: row.profile_id,
    eventId: row.event_id,
    status: row.status,
    reason: row.reason,
    stepId: row.step_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    convertedAt: row.converted_at,
  };
}

/** One enrollment with its timeline. */
export function enrollmentView(enrollment: Enrollment): v.InferOutput<typeof enrollmentAnswer> {
  const { rev: _rev, keyDigest: _key, startedAt, endedAt, convertedAt, timeline, ...same } = enrollment;
  return {
    ...same,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
    convertedAt: convertedAt === null ? null : new Date(convertedAt).toISOString(),
    timeline,
  };
}
