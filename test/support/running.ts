// Runs that run, in a cell: starting them, letting time pass from one alarm to the next, and what came of them.
import { runDurableObjectAlarm } from "cloudflare:test";
import { vi } from "vitest";
import type { AcceptCommand } from "../../src/cell/command.ts";
import type { Enrollment } from "../../src/cell/enrollment-store.ts";
import type { DeliveryRequest } from "../../src/domain/steps/step-runtime.ts";
import { accepted, OPERATOR } from "./commands.ts";
import { anActiveJourney } from "./journeys.ts";
import { runsOf } from "./runs.ts";
import { queryCell } from "./tables.ts";
import { aWorkspace, type TestWorkspace } from "./workspace.ts";

/** A workspace with one active journey of these steps, started by `order.created`. */
export async function aRunningJourney(steps: unknown[], over: Record<string, unknown> = {}): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, { steps, ...over });
  return workspace;
}

/** As {@link aRunningJourney}, with one run begun. @returns the workspace and the run's id */
export async function aRun(
  steps: unknown[],
  over: Record<string, unknown> = {},
  event: Partial<AcceptCommand> = {},
): Promise<{ workspace: TestWorkspace; id: string }> {
  const workspace = await aRunningJourney(steps, over);
  return { workspace, id: await anEntry(workspace, event) };
}

/** Starts a run by an event. @returns its id */
export async function anEntry(workspace: TestWorkspace, event: Partial<AcceptCommand> = {}): Promise<string> {
  const { receiptJson } = await accepted(workspace, event);
  const { journeys } = JSON.parse(receiptJson ?? "") as { journeys: { enrollmentId: string | null }[] };
  const id = journeys.find(({ enrollmentId }) => enrollmentId !== null)?.enrollmentId;
  if (id === undefined || id === null) throw new Error("expected an enrollment");
  return id;
}

/** Sends a later event. */
export async function anEvent(
  workspace: TestWorkspace,
  event: string,
  data: object = {},
  over: Partial<AcceptCommand> = {},
): Promise<void> {
  await accepted(workspace, { event, dataJson: JSON.stringify(data), ...over });
}

/** Lets time pass by the stopped clock, and then lets the cell's alarm run. */
export async function pass(workspace: TestWorkspace, ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await runDurableObjectAlarm(workspace.cell);
}

export async function readRun(workspace: TestWorkspace, id: string): Promise<Enrollment> {
  const found = await workspace.cell.readEnrollment(OPERATOR, id);
  if (!found.ok) throw new Error("expected an enrollment");
  return found.value;
}

/** A run's timeline, a line each: `entered rest`, `waiting rest`, … */
export async function linesOf(workspace: TestWorkspace, id: string): Promise<string[]> {
  return (await readRun(workspace, id)).timeline.map(({ kind, stepId }) => `${kind} ${stepId}`);
}

/** Every run's status and reason. */
export async function endsOf(workspace: TestWorkspace): Promise<string[]> {
  return (await runsOf(workspace)).map(({ status, reason }) => (reason === null ? status : `${status} ${reason}`));
}

export interface DeliveryRow {
  id: string;
  enrollment_id: string;
  delivery_key: string;
  step_id: string;
  channel: string;
  status: string;
  reason: string | null;
  request: DeliveryRequest;
}

/** All messages that runs asked for, oldest first. */
export async function deliveriesOf(workspace: TestWorkspace): Promise<DeliveryRow[]> {
  const rows = await queryCell<Omit<DeliveryRow, "request"> & { request: string }>(
    workspace,
    `SELECT id, enrollment_id, delivery_key, step_id, channel, status, reason, request FROM deliveries ORDER BY id`,
  );
  return rows.map((row) => ({ ...row, request: JSON.parse(row.request) as DeliveryRequest }));
}

/** The instants of all timers, held or not. */
export async function timersOf(workspace: TestWorkspace): Promise<{ running: number[]; held: number[] }> {
  const [running, held] = [
    await queryCell<{ due_at: number }>(workspace, `SELECT due_at FROM run_timers ORDER BY 1`),
    await queryCell<{ due_at: number }>(workspace, `SELECT due_at FROM held_timers ORDER BY 1`),
  ];
  return { running: running.map(({ due_at }) => due_at), held: held.map(({ due_at }) => due_at) };
}
