// Enrollments as they are answered: from D1's rows in lists, from the cell with the timeline.
import * as v from "valibot";
import type { Enrollment } from "../../cell/enrollment-store.ts";
import type { EnrollmentRow, EnrollmentStatus, TimelineKind } from "../../domain/enrollment.ts";
import { isStepId } from "../../domain/definition-fields.ts";
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

/** A step of a journey, as a request names one. */
export const stepName = v.pipe(
  v.string("Must be a string."),
  v.check((text) => isStepId(text), "Must be the id of a step: a-z, 0-9, _ and -, at most 64 characters."),
);

/** The number of a journey's version. */
export const versionNumber = v.pipe(
  v.number("Must be a number."),
  v.integer("Must be a whole number."),
  v.minValue(1, "Must be at least 1."),
  v.maxValue(9_999_999_999, "Must be the number of a version."),
);

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
  const { rev: _rev, keyDigest: _key, run: _run, journeyStatus: _status, ...shown } = enrollment;
  const { startedAt, endedAt, convertedAt, timeline, ...same } = shown;
  return {
    ...same,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
    convertedAt: convertedAt === null ? null : new Date(convertedAt).toISOString(),
    timeline,
  };
}
