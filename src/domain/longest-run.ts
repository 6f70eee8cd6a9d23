// How long a run of a journey can go on: what its longest way can wait, when every wait takes all of its time.
// Deliveries are taken to need no time: how long one is tried is not the journey's to say.
import { durationMs } from "./duration.ts";
import { waysThrough } from "./journey-graph.ts";
import type { Step } from "./steps/index.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A clock that is put back makes a day an hour longer. */
const CLOCK_CHANGE_MS = HOUR_MS;

/**
 * Gives the longest time between a run's begin and its end.
 *
 * @param steps  of a checked document
 * @returns milliseconds; infinity where a run may go round
 */
export function longestRunMs(steps: readonly Step[]): number {
  const ways = waysThrough(steps);
  const from = new Map<number, number>();
  const passing = new Set<number>();
  const longestFrom = (at: number): number => {
    const known = from.get(at);
    if (known !== undefined) return known;
    if (passing.has(at)) return Number.POSITIVE_INFINITY;
    passing.add(at);
    const onward = (ways[at] ?? []).map(longestFrom);
    passing.delete(at);
    const longest = longestWaitMs(steps[at] as Step) + Math.max(0, ...onward);
    from.set(at, longest);
    return longest;
  };
  return steps.length === 0 ? 0 : longestFrom(0);
}

function longestWaitMs(step: Step): number {
  if (step.type === "delay") return durationMs(step.for);
  if (step.type === "wait_for_event") return durationMs(step.timeout);
  if (step.type !== "wait_until") return 0;
  return (step.weekdays === undefined ? 1 : 7) * DAY_MS + CLOCK_CHANGE_MS;
}
