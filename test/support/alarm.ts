// Lets a cell's background work happen now: its alarm runs, a second later by the clock.
import { runDurableObjectAlarm } from "cloudflare:test";
import { vi } from "vitest";
import type { TestWorkspace } from "./workspace.ts";

/** Lets `afterMs` pass by the stopped clock, and then runs a cell's alarm. @returns whether one was set */
export async function runAlarm(cell: TestWorkspace["cell"], afterMs = 1_000): Promise<boolean> {
  vi.setSystemTime(Date.now() + afterMs);
  return await runDurableObjectAlarm(cell);
}
