// An enrollment as the cell keeps it, and as D1 shows it: between the table's columns and what the code works with.
import type { EnrollmentRow, EnrollmentStatus, TimelineEntry } from "../domain/enrollment.ts";
import { newRun, runReadyAt, unpackRun, type Run } from "../domain/run.ts";
import type { JourneyStatus } from "./journey-store.ts";

export interface Enrollment {
  id: string;
  journeyId: string;
  journeyKey: string;
  journeyStatus: JourneyStatus;
  version: number;
  profileId: string;
  eventId: string;
  status: EnrollmentStatus;
  reason: string | null;
  stepId: string | null;
  startedAt: number;
  endedAt: number | null;
  convertedAt: number | null;
  timeline: TimelineEntry[];
  rev: number;
  /** A digest of what its journey counts it by; `null` = by the person alone. */
  keyDigest: Uint8Array | null;
  /** Where its run is; what the other fields say too, they say alike. */
  run: Run;
}

export type StoredEnrollment = {
  id: string;
  journey_id: string;
  journey_key: string;
  journey_status: JourneyStatus;
  version: number;
  profile_id: string;
  event_id: string;
  status: EnrollmentStatus;
  reason: string | null;
  step_id: string | null;
  started_at: number;
  ended_at: number | null;
  converted_at: number | null;
  timeline: string;
  rev: number;
  key_digest: ArrayBuffer | null;
  run: string | null;
};

export function enrollmentOf(row: StoredEnrollment): Enrollment {
  return {
    id: row.id,
    journeyId: row.journey_id,
    journeyKey: row.journey_key,
    journeyStatus: row.journey_status,
    version: row.version,
    profileId: row.profile_id,
    eventId: row.event_id,
    status: row.status,
    reason: row.reason,
    stepId: row.step_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    convertedAt: row.converted_at,
    timeline: JSON.parse(row.timeline) as TimelineEntry[],
    rev: row.rev,
    keyDigest: row.key_digest === null ? null : new Uint8Array(row.key_digest),
    run: runOf(row),
  };
}

/** The row of an enrollment in D1. */
export function readModelRowOf(stored: StoredEnrollment): EnrollmentRow {
  const instant = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    enrollment_id: stored.id,
    journey_id: stored.journey_id,
    journey_key: stored.journey_key,
    version: stored.version,
    profile_id: stored.profile_id,
    event_id: stored.event_id,
    status: stored.status,
    reason: stored.reason,
    step_id: stored.step_id,
    started_at: new Date(stored.started_at).toISOString(),
    ended_at: instant(stored.ended_at),
    converted_at: instant(stored.converted_at),
    rev: stored.rev,
  };
}

function runOf(row: StoredEnrollment): Run {
  const { status, reason, step_id: stepId, ended_at: endedAt, converted_at: convertedAt } = row;
  const columns = { status, reason, stepId, endedAt, convertedAt };
  if (row.run !== null) return unpackRun(row.run, columns);
  // Enrolled before runs moved: it stands at its first step, and has not done it.
  if (status === "active" && stepId !== null) return runReadyAt(stepId, row.started_at);
  return { ...newRun(endedAt ?? row.started_at), ...columns };
}
