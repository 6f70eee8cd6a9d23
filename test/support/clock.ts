// A clock that stands still, years ahead: a test says when time passes, and no alarm of a cell goes off by itself.
import { afterEach, beforeEach, vi } from "vitest";

export const NOW_MS = Date.parse("2036-06-01T12:00:00.000Z");

/** Stops the clock for each test of a file; `vi.setSystemTime` moves it. */
export function stopClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW_MS });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
}
