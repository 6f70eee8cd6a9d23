// Journey versions prepared for their runs, kept in memory. A version never changes, so what is prepared stays right.
import { compileRun, type RunPlan } from "../domain/run-plan.ts";
import type { JourneyStore } from "./journey-store.ts";

/** Each holds a definition of at most some 100 KB, and its compiled form. */
const MAX_KNOWN_PLANS = 200;

export class RunPlans {
  readonly #journeys: JourneyStore;
  readonly #known = new Map<string, RunPlan>();

  constructor(journeys: JourneyStore) {
    this.#journeys = journeys;
  }

  /** The plan of a version; `null` = there is none, or this deployment cannot prepare it (any more). */
  of({ journeyId, version }: { journeyId: string; version: number }): RunPlan | null {
    const key = `${journeyId} ${version}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const plan = this.#prepare(journeyId, version);
    // A version that is not there yet may come.
    if (plan === null) return null;
    if (this.#known.size >= MAX_KNOWN_PLANS) this.#known.clear();
    this.#known.set(key, plan);
    return plan;
  }

  /** Forgets what is kept: after a transaction that was rolled back, and may have made a version. */
  reload(): void {
    this.#known.clear();
  }

  #prepare(journeyId: string, version: number): RunPlan | null {
    try {
      return compileRun(this.#journeys.version(journeyId, version).definition, { journeyId, version });
    } catch {
      return null;
    }
  }
}
