// A clock that stands still, years ahead: a test says when time passes, and no alarm of a cell goes off by itself.
import { afterEach, beforeAll, beforeEach, vi } from "vitest";

export const NOW_MS = Date.parse("2036-06-01T12:00:00.000Z");

/** Stops the clock before each test, and before what comes ahead of them; `vi.setSystemTime` moves it. */
export function stopClock(): void {
  beforeAll(standStill);
  beforeEach(standStill);
  afterEach(() => void vi.restoreAllMocks());
}

function standStill(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW_MS });
}
