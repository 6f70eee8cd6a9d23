// Rows for the read model's tests: each builder gives a valid row, and takes what the test is about.
import { env } from "cloudflare:workers";
import type { DeliveryRow } from "../../src/domain/delivery.ts";
import type { EnrollmentRow } from "../../src/domain/enrollment.ts";
import type { UserEventRow } from "../../src/domain/event.ts";
import type { ProfileRow } from "../../src/domain/profile.ts";
import { project, type ProjectedRow, type ProjectedTable } from "../../src/d1/projector.ts";
import { uuidV7Floor } from "../../src/d1/uuid-v7-range.ts";

export const NOW_MS = Date.parse("2026-03-01T12:00:00.000Z");

let minted = 0;

/** A UUIDv7 of an instant; ids of one run ascend within a millisecond. */
export function anIdAt(ms = NOW_MS): string {
  minted += 1;
  return uuidV7Floor(ms).slice(0, -12) + minted.toString(16).padStart(12, "0");
}

/** Storage is shared by the tests of a file: each test works in a workspace of its own. */
export function aWorkspace(): string {
  return anIdAt();
}

export function aUserEventRow(over: Partial<UserEventRow> & { atMs?: number } = {}): UserEventRow {
  const { atMs = NOW_MS, ...fields } = over;
  return {
    event_id: anIdAt(atMs),
    event: "order.created",
    profile_id: "profile-1",
    data: '{"orderId":"o-1","total":42}',
    reference_id: null,
    occurred_at: new Date(atMs).toISOString(),
    received_at: new Date(atMs).toISOString(),
    redacted_data_paths: null,
    source: "api",
    receipt: "[[]]",
    ...fields,
  };
}

export function aProfileRow(over: Partial<ProfileRow> = {}): ProfileRow {
  return {
    profile_id: anIdAt(),
    email: "ada@example.com",
    phone: null,
    external_id: null,
    aliases: "[]",
    sources: '["api"]',
    properties: "{}",
    search_text: "ada@example.com",
    merged_into: null,
    merged_from: "[]",
    created_at: new Date(NOW_MS).toISOString(),
    updated_at: new Date(NOW_MS).toISOString(),
    rev: 1,
    ...over,
  };
}

export function anEnrollmentRow(over: Partial<EnrollmentRow> = {}): EnrollmentRow {
  return {
    enrollment_id: anIdAt(),
    journey_id: "journey-1",
    journey_key: "order-follow-up",
    version: 1,
    profile_id: "profile-1",
    event_id: anIdAt(),
    status: "active",
    reason: null,
    step_id: "thanks",
    started_at: new Date(NOW_MS).toISOString(),
    ended_at: null,
    converted_at: null,
    rev: 1,
    ...over,
  };
}

export function aDeliveryRow(over: Partial<DeliveryRow> & { atMs?: number } = {}): DeliveryRow {
  const { atMs = NOW_MS, ...fields } = over;
  return {
    delivery_id: anIdAt(atMs),
    rev: 1,
    channel: "email",
    status: "pending",
    reason: null,
    attempts: 0,
    next_attempt_at: null,
    profile_id: "profile-1",
    enrollment_id: "run-1",
    journey_id: "journey-1",
    journey_key: "order-follow-up",
    step_id: "thanks",
    created_at: new Date(atMs).toISOString(),
    settled_at: null,
    provider_id: null,
    target: null,
    ...fields,
  };
}

export function anEventToProject(over?: Parameters<typeof aUserEventRow>[0]): ProjectedRow {
  const row = aUserEventRow(over);
  return { id: row.event_id, json: JSON.stringify(row) };
}

export function aProfileToProject(over?: Partial<ProfileRow>): ProjectedRow {
  const row = aProfileRow(over);
  return { id: row.profile_id, json: JSON.stringify(row) };
}

export function anEnrollmentToProject(over?: Partial<EnrollmentRow>): ProjectedRow {
  const row = anEnrollmentRow(over);
  return { id: row.enrollment_id, json: JSON.stringify(row) };
}

export function aDeliveryToProject(over?: Parameters<typeof aDeliveryRow>[0]): ProjectedRow {
  const row = aDeliveryRow(over);
  return { id: row.delivery_id, json: JSON.stringify(row) };
}

function idOf(row: UserEventRow | ProfileRow | EnrollmentRow | DeliveryRow): string {
  if ("delivery_id" in row) return row.delivery_id;
  if ("enrollment_id" in row) return row.enrollment_id;
  return "receipt" in row ? row.event_id : row.profile_id;
}

/** Puts rows into D1 as the cell does, and insists that all of them got there. */
export async function given<Row extends UserEventRow | ProfileRow | EnrollmentRow | DeliveryRow>(
  workspaceId: string,
  table: ProjectedTable,
  rows: Row[],
): Promise<Row[]> {
  const sent = rows.map((row) => ({ id: idOf(row), json: JSON.stringify(row) }));
  const outcome = await project(env.DB, workspaceId, table, sent);
  if (outcome.written.length !== rows.length) throw new Error(JSON.stringify(outcome));
  return rows;
}

/** Counts what a workspace has in a table. */
export async function countOf(workspaceId: string, table: ProjectedTable): Promise<number> {
  const statements: Record<ProjectedTable, string> = {
    user_events: "SELECT count(*) AS n FROM user_events WHERE workspace_id = ?1",
    user_event_parts: "SELECT count(*) AS n FROM user_event_parts WHERE workspace_id = ?1",
    profiles: "SELECT count(*) AS n FROM profiles WHERE workspace_id = ?1",
    enrollments: "SELECT count(*) AS n FROM enrollments WHERE workspace_id = ?1",
    deliveries: "SELECT count(*) AS n FROM deliveries WHERE workspace_id = ?1",
  };
  return (await env.DB.prepare(statements[table]).bind(workspaceId).first<number>("n")) ?? Number.NaN;
}
