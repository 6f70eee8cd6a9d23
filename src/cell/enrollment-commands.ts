// What an operator does to runs: cancel one, cancel many, move one to another version of its journey.
import type { WaypostError } from "../domain/errors.ts";
import { migrateRun, type RunPlace } from "../domain/migrate-run.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Enrollment, EnrollmentStore, RunFilter } from "./enrollment-store.ts";
import type { JourneyStore } from "./journey-store.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { RunDriver } from "./run-driver.ts";
import type { RunPlans } from "./run-plans.ts";

/** Runs that are ended in one transaction: a few milliseconds, which a request may have to wait. */
const RUNS_PER_SLICE = 50;

/** Why a run was ended by somebody. */
const CANCELLED = "cancelled";

const NOT_FOUND: WaypostError = { code: "not_found" };

/** Which runs of a journey to cancel; all that is present must hold. Only active ones can be. */
export interface CancelFilter extends Omit<RunFilter, "journeyId"> {
  /** Ids of people, merged away or not. */
  profileIds?: string[];
}

/** How far cancelling has come; `next` = where to go on, `null` = it is done. */
interface CancelSlice {
  cancelled: number;
  next: string | null;
}

export interface MigrateRequest {
  version: number;
  /** The step to begin; `null` = the run stays where it is. */
  stepId: string | null;
  dryRun: boolean;
}

export interface MigrationView {
  from: RunPlace;
  to: RunPlace;
  changes: string[];
  applied: boolean;
}

export class EnrollmentCommands {
  readonly #enrollments: EnrollmentStore;
  readonly #profiles: ProfileStore;
  readonly #journeys: JourneyStore;
  readonly #plans: RunPlans;
  readonly #driver: RunDriver;

  constructor(parts: {
    enrollments: EnrollmentStore;
    profiles: ProfileStore;
    journeys: JourneyStore;
    plans: RunPlans;
    driver: RunDriver;
  }) {
    this.#enrollments = parts.enrollments;
    this.#profiles = parts.profiles;
    this.#journeys = parts.journeys;
    this.#plans = parts.plans;
    this.#driver = parts.driver;
  }

  /** Cancels a run; one that has ended is answered as it is. */
  cancel(id: string, now: number): Result<Enrollment, WaypostError> {
    const enrollment = this.#enrollments.find(id);
    if (enrollment === null) return err(NOT_FOUND);
    this.#driver.end(enrollment, "cancelled", CANCELLED, now);
    return ok(this.#enrollments.find(id) ?? enrollment);
  }

  /** Cancels some of the runs that a filter means. @param after  where the slice before ended, `""` at first */
  #cancelSlice(key: string, filter: CancelFilter, after: string, now: number): Result<CancelSlice, WaypostError> {
    const journey = this.#journeys.find(key);
    if (journey === null) return err(NOT_FOUND);
    const { profileIds, ...others } = filter;
    const runs = { ...others, journeyId: journey.id };
    const { ids, next } =
      profileIds === undefined ? this.#enrollments.scan(runs, after, RUNS_PER_SLICE) : this.#runsOf(profileIds, runs);
    for (const id of ids) this.cancel(id, now);
    return ok({ cancelled: ids.length, next });
  }

  /**
   * Cancels all runs that a filter means, slice by slice.
   *
   * @param inTransaction  runs one slice
   * @returns how many there were
   */
  async cancelMany(
    key: string,
    filter: CancelFilter,
    inTransaction: (slice: () => Result<CancelSlice, WaypostError>) => Result<CancelSlice, WaypostError>,
  ): Promise<Result<number, WaypostError>> {
    let cancelled = 0;
    for (let after: string | null = ""; after !== null; await scheduler.wait(0)) {
      const from: string = after;
      const slice = inTransaction(() => this.#cancelSlice(key, filter, from, Date.now()));
      if (!slice.ok) return slice;
      cancelled += slice.value.cancelled;
      after = slice.value.next;
    }
    return ok(cancelled);
  }

  /** Moves a run to another version, or tells what that would change. */
  migrate(id: string, request: MigrateRequest, now: number): Result<MigrationView, WaypostError> {
    const enrollment = this.#enrollments.find(id);
    if (enrollment === null) return err(NOT_FOUND);
    // Its journey has ended, and the sweep of its runs has not come to it yet: nothing is begun for it any more.
    if (enrollment.journeyStatus === "archived") return err({ code: "not_eligible", reason: "not_active" });
    const { version, stepId, dryRun } = request;
    const from = this.#plans.of(enrollment);
    const to = this.#plans.of({ journeyId: enrollment.journeyId, version });
    if (to === null) return err({ code: "not_eligible", reason: "no_such_version" });
    // A run whose own version cannot be prepared any more can still be saved by beginning a step of another.
    const migrated = migrateRun(
      { from: from ?? to, to, stepId },
      enrollment.run,
      this.#driver.situationOf(enrollment, now),
    );
    if (!migrated.ok) return migrated;
    const { advanced, ...view } = migrated.value;
    if (!dryRun) this.#driver.migrated(enrollment, advanced, version, now);
    return ok({ ...view, applied: !dryRun });
  }

  /** A slice of the active runs of these people: those that were cancelled are found no more. */
  #runsOf(profileIds: readonly string[], filter: RunFilter): { ids: string[]; next: string | null } {
    const people = new Set(profileIds.map((id) => this.#profiles.findLive(id)?.id ?? id));
    const ids: string[] = [];
    for (const profileId of people) {
      ids.push(
        ...this.#enrollments
          .activeOf(profileId)
          .filter((run) => isMeant(run, filter))
          .map(({ id }) => id),
      );
      if (ids.length > RUNS_PER_SLICE) return { ids: ids.slice(0, RUNS_PER_SLICE), next: "" };
    }
    return { ids, next: null };
  }
}

function isMeant(run: Enrollment, { journeyId, version, stepId, startedBefore }: RunFilter): boolean {
  return (
    run.journeyId === journeyId &&
    (version === undefined || run.version === version) &&
    (stepId === undefined || run.stepId === stepId) &&
    (startedBefore === undefined || run.startedAt < startedBefore)
  );
}
