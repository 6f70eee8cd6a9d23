// Lets runs go on whose time has come, in slices: thousands may be due at one second, and between two slices requests
// are answered. Also brings to an end what stopping a journey has begun: timers that were put aside go on when it is
// resumed, and the runs of one that was archived exit.
import type { Lane } from "./alarm.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { JourneyStore } from "./journey-store.ts";
import type { RunDriver } from "./run-driver.ts";
import type { DueTimer } from "./run-timers.ts";

/** Runs in one transaction: a few milliseconds, which a request may have to wait. */
const RUNS_PER_SLICE = 10;
/** Timers that only go from one table to another. */
const RESUMED_PER_SLICE = 500;

export interface TimersParts {
  enrollments: EnrollmentStore;
  journeys: JourneyStore;
  driver: RunDriver;
  transaction: (run: () => void) => void;
  /** What D1 does not know yet is due. */
  requestFlush: () => void;
}

interface Sweep {
  journeyId: string;
  /** The last enrollment that was looked at. */
  after: string;
}

export class TimersLane implements Lane {
  readonly #parts: TimersParts;
  #resumes: string[] = [];
  #sweeps: Sweep[] = [];

  constructor(parts: TimersParts) {
    this.#parts = parts;
    this.lookAtJourneys();
  }

  /** Sees what is left to do for journeys that were resumed or archived: on start, and when one was. */
  lookAtJourneys(): void {
    const { enrollments, journeys } = this.#parts;
    this.#resumes = enrollments.timers.journeysToResume();
    this.#sweeps = journeys.archivedWithRuns().map((journeyId) => ({ journeyId, after: "" }));
  }

  dueAt(now: number): number | null {
    if (this.#resumes.length > 0 || this.#sweeps.length > 0) return now;
    return this.#parts.enrollments.timers.nextAt();
  }

  async run(deadline: number): Promise<void> {
    let more = true;
    while (more && Date.now() < deadline) {
      // Each in every round: a long sweep is no reason for a timer to be late.
      more = [this.#resume(), this.#fire(), this.#sweep()].some((left) => left);
      if (more) this.#parts.requestFlush();
      // Lets requests in.
      if (more) await scheduler.wait(0);
    }
  }

  /** @returns whether there may be more to do; so do the others */
  #resume(): boolean {
    const [journeyId] = this.#resumes;
    if (journeyId === undefined) return false;
    let more = false;
    this.#parts.transaction(() => {
      more = this.#parts.enrollments.timers.resume(journeyId, RESUMED_PER_SLICE);
    });
    if (!more) this.#resumes = this.#resumes.filter((id) => id !== journeyId);
    return true;
  }

  #fire(): boolean {
    const { enrollments, driver, transaction } = this.#parts;
    const now = Date.now();
    if ((enrollments.timers.nextAt() ?? Number.POSITIVE_INFINITY) > now) return false;
    const due = enrollments.timers.due(now, RUNS_PER_SLICE);
    try {
      transaction(() => {
        for (const timer of due) driver.fire(timer, now);
      });
    } catch {
      for (const timer of due) this.#fireAlone(timer, now);
    }
    return true;
  }

  /** After a slice that failed: the one at fault is put aside until the object starts anew, and holds up no other. */
  #fireAlone(timer: DueTimer, now: number): void {
    const { enrollments, driver, transaction } = this.#parts;
    try {
      transaction(() => driver.fire(timer, now));
    } catch {
      const { enrollmentId } = timer;
      const journeyId = enrollments.find(enrollmentId)?.journeyId;
      transaction(() => {
        if (journeyId === undefined) enrollments.timers.remove(timer);
        else enrollments.timers.hold(timer, journeyId);
      });
      console.error(JSON.stringify({ level: "error", at: "timers", enrollmentId, journeyId }));
    }
  }

  #sweep(): boolean {
    const { enrollments, driver, transaction } = this.#parts;
    const [sweep] = this.#sweeps;
    if (sweep === undefined) return false;
    const { journeyId, after } = sweep;
    const { ids, next } = enrollments.scan({ journeyId }, after, RUNS_PER_SLICE);
    transaction(() => {
      for (const id of ids) {
        const enrollment = enrollments.find(id);
        if (enrollment !== null) driver.end(enrollment, "exited", "archived", Date.now());
      }
    });
    this.#sweeps = next === null ? this.#sweeps.slice(1) : this.#sweeps.with(0, { journeyId, after: next });
    return true;
  }
}
