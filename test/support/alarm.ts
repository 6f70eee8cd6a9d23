// Lets a cell's background work happen now: its alarm runs, a second later by the clock.
import { runDurableObjectAlarm } from "cloudflare:test";
import { vi } from "vitest";
import type { TestWorkspace } from "./workspace.ts";

/** Runs a cell's alarm as if `afterMs` had passed. @returns whether one was set */
export async function runAlarm(cell: TestWorkspace["cell"], afterMs = 1_000): Promise<boolean> {
  const faked = vi.isFakeTimers();
  if (faked) vi.setSystemTime(Date.now() + afterMs);
  else vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + afterMs });
  try {
    return await runDurableObjectAlarm(cell);
  } finally {
    if (!faked) vi.useRealTimers();
  }
}
