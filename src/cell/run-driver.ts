// Moves runs: hands each input to the rules of domain/advance.ts, and does in the same transaction what they ask for.
// Never throws for a run's own sake: what cannot be prepared or goes wrong in a step ends that run, with a code, and
// no other one. Every call runs inside a transaction.
import { advance, endRun } from "../domain/advance.ts";
import type { Json } from "../domain/json.ts";
import {
  timerOf,
  newRun,
  type Advanced,
  type DeliveryOutcome,
  type Run,
  type RunInput,
  type RunSituation,
} from "../domain/run.ts";
import type { RunPlan } from "../domain/run-plan.ts";
import type { AskingRun, SettlementFacts } from "./delivery-store.ts";
import type { Enrollment, EnrollmentStore, EndStatus, NewEnrollment } from "./enrollment-store.ts";
import type { ProfileStore } from "./profile-store.ts";
import { RunPerson } from "./run-person.ts";
import type { RunPlans } from "./run-plans.ts";
import type { DueTimer } from "./run-timers.ts";

/** Why a run fails that its version's rules cannot be asked about. */
const VERSION_UNUSABLE = "version_unusable";
/** Why a run fails whose step threw: a fault of this program. */
const STEP_FAULT = "step_fault";

export interface RunDriverParts {
  enrollments: EnrollmentStore;
  profiles: ProfileStore;
  plans: RunPlans;
  /** The workspace's, an IANA name; `null` = it has none. */
  timezone: () => string | null;
  /** What a template says now, pinned for a message; `null` = there is no such template. */
  snapshotIdOf: (templateKey: string) => string | null;
  newId: () => string;
}

/** What an input meets besides the run. */
interface Circumstances {
  person: RunPerson;
  entryData: () => Json | undefined;
  now: number;
  held: boolean;
}

export class RunDriver {
  readonly #parts: RunDriverParts;

  constructor(parts: RunDriverParts) {
    this.#parts = parts;
  }

  /** A person for {@link begin} and {@link hear}, who shows what runs have changed of them. */
  personOf(profile: NonNullable<RunPerson["profile"]>): RunPerson {
    return new RunPerson(this.#parts.profiles, profile.id, profile);
  }

  /**
   * Inserts an enrollment and lets its run take its first steps.
   *
   * @param entryData  of the event that starts it, redacted
   * @returns whether it holds its entry event from now on
   */
  begin(enrollment: NewEnrollment, person: RunPerson, entryData: () => Json | undefined): boolean {
    const now = enrollment.startedAt;
    const advanced = this.#advance(enrollment, newRun(now), { kind: "start" }, { person, entryData, now, held: false });
    this.#act(enrollment, person, advanced, now);
    return this.#parts.enrollments.insert(enrollment, advanced);
  }

  /**
   * Lets timers of some people pass that are overdue: what was due comes before the event that is at hand.
   *
   * @param profileIds  asked for only when some timer of the workspace is overdue
   */
  fireOverdue(profileIds: () => readonly string[], now: number): void {
    const { enrollments } = this.#parts;
    const next = enrollments.timers.nextAt();
    if (next === null || next > now) return;
    const overdue = profileIds()
      .filter((id) => hasActive(enrollments, id))
      .flatMap((id) => enrollments.activeOf(id))
      .map((enrollment) => ({ enrollment, dueAt: timerOf(enrollment.run)?.at ?? Number.POSITIVE_INFINITY }))
      .filter(({ dueAt }) => dueAt <= now)
      .toSorted((a, b) => a.dueAt - b.dueAt || (a.enrollment.id < b.enrollment.id ? -1 : 1));
    for (const { enrollment } of overdue) this.#fire(enrollment, now);
  }

  /** Lets a due timer fire; one that its run has no more goes. */
  fire(timer: DueTimer, now: number): void {
    const { enrollments } = this.#parts;
    const enrollment = enrollments.find(timer.enrollmentId);
    if (enrollment === null || timerOf(enrollment.run)?.at !== timer.dueAt) {
      enrollments.timers.remove(timer);
    } else if (enrollment.journeyStatus === "paused") {
      enrollments.timers.hold(timer, enrollment.journeyId);
    } else {
      this.#fire(enrollment, now);
    }
  }

  /**
   * Offers an event to the person's runs that listen to its name.
   *
   * @param data  as it was sent, before redaction: filters alone read it
   */
  hear(person: RunPerson, name: string, data: () => Json | undefined, now: number): void {
    const { enrollments } = this.#parts;
    for (const id of enrollments.waits.listening(person.id, name)) {
      const enrollment = enrollments.find(id);
      if (enrollment !== null) this.#feed(enrollment, { kind: "event", name, data }, now, person);
    }
  }

  /**
   * Tells a run how a message of it went. A message that is settled already stays as it is.
   *
   * @param facts  what is written down of the message besides
   * @returns whether there is such a message
   */
  settle(deliveryId: string, outcome: DeliveryOutcome, now: number, facts: SettlementFacts = {}): boolean {
    const { enrollments } = this.#parts;
    const delivery = enrollments.deliveries.find(deliveryId);
    if (delivery === null) return false;
    const enrollment = enrollments.find(delivery.enrollmentId);
    if (delivery.status !== "pending" || enrollment === null) return true;
    enrollments.deliveries.settle(deliveryId, outcome, facts, now);
    const { deliveryKey } = delivery;
    this.#feed(enrollment, { kind: "delivery_settled", deliveryKey, outcome }, now);
    // A run that ended before waited for this to let its entry event go; one that ends by it has let it go itself.
    if (enrollment.status !== "active" && !delivery.isMadeOfKept) enrollments.releaseEntryEvent(enrollment);
    return true;
  }

  /** Lets a run that had ended and goes on take up what has happened meanwhile that others would have told it. */
  catchUp(id: string, now: number): void {
    const { enrollments } = this.#parts;
    const enrollment = enrollments.find(id);
    if (enrollment === null) return;
    // The sweep of its journey's runs may have been past it.
    if (enrollment.journeyStatus === "archived") return this.end(enrollment, "exited", "archived", now);
    const { wait } = enrollment.run;
    const status = wait?.kind === "delivery" ? enrollments.deliveries.statusOf(id, wait.deliveryKey) : null;
    if (status !== null && status !== "pending") this.#feed(enrollment, { kind: "caught_up", status }, now);
  }

  /** Ends a run from outside; one that has ended stays as it is. */
  end(enrollment: Enrollment, status: EndStatus, reason: string, now: number): void {
    this.#parts.enrollments.end(enrollment, status, reason, now);
  }

  /** Stores what migrating made of a run, and does what that asks for. */
  migrated(enrollment: Enrollment, advanced: Advanced, version: number, now: number): void {
    this.#act({ ...enrollment, version }, this.#personOf(enrollment), advanced, now);
    this.#parts.enrollments.store(enrollment, advanced, version);
  }

  /** All that a run may look at. */
  situationOf(enrollment: Enrollment, now: number): RunSituation {
    return this.#situation(this.#circumstances(enrollment, now, this.#personOf(enrollment)));
  }

  #fire(enrollment: Enrollment, now: number): void {
    this.#feed(enrollment, { kind: "timer", generation: enrollment.run.generation }, now);
  }

  #feed(enrollment: Enrollment, input: RunInput, now: number, person = this.#personOf(enrollment)): void {
    const { enrollments } = this.#parts;
    const isActive = enrollment.status === "active";
    // Until the sweep of an archived journey's runs has come to it: nothing is done for it any more.
    if (isActive && enrollment.journeyStatus === "archived") {
      this.end(enrollment, "exited", "archived", now);
      // Only how a message went is told of it still.
      const ended = input.kind === "delivery_settled" ? enrollments.find(enrollment.id) : null;
      return ended === null ? undefined : this.#feed(ended, input, now, person);
    }
    const advanced = this.#advance(enrollment, enrollment.run, input, this.#circumstances(enrollment, now, person));
    this.#act(enrollment, person, advanced, now);
    enrollments.store(enrollment, advanced);
  }

  #advance(of: AskingRun, run: Run, input: RunInput, circumstances: Circumstances): Advanced {
    const plan: RunPlan | null = this.#parts.plans.of(of);
    if (plan === null) return unusable(run, VERSION_UNUSABLE, circumstances.now);
    try {
      return advance(plan, run, input, this.#situation(circumstances));
    } catch {
      return unusable(run, STEP_FAULT, circumstances.now);
    }
  }

  /** Does what concerns others than the run: messages and the person's profile. */
  #act(run: NewEnrollment, person: RunPerson, { effects }: Advanced, now: number): void {
    const { enrollments, snapshotIdOf, newId } = this.#parts;
    for (const effect of effects) {
      if (effect.kind === "deliver") {
        const { request } = effect;
        const snapshotId = request.channel === "email" ? snapshotIdOf(request.template) : null;
        enrollments.deliveries.put(newId(), run, effect, snapshotId, now);
      }
      if (effect.kind === "patch_profile") person.patch(effect.patch, now);
    }
  }

  #personOf({ profileId }: Enrollment): RunPerson {
    return new RunPerson(this.#parts.profiles, profileId);
  }

  #circumstances(enrollment: Enrollment, now: number, person: RunPerson): Circumstances {
    const { eventId, journeyStatus } = enrollment;
    let data: Json | undefined;
    const entryData = (): Json | undefined => (data ??= this.#parts.enrollments.entryEvents.find(eventId)?.data);
    return { person, entryData, now, held: journeyStatus === "paused" };
  }

  #situation({ person, entryData, now, held }: Circumstances): RunSituation {
    return {
      now,
      profileId: person.id,
      get identities() {
        return person.identities;
      },
      properties: () => person.properties(),
      entryData,
      timezone: this.#parts.timezone(),
      seed: "",
      held,
    };
  }
}

function hasActive(enrollments: EnrollmentStore, profileId: string): boolean {
  return [...enrollments.histories.ofPerson([profileId]).values()].some(({ active }) => active > 0);
}

/** Ends a run that cannot be asked for its next step; one that has ended already stays as it is. */
function unusable(run: Run, code: string, now: number): Advanced {
  return endRun(run, { status: "failed", reason: code }, now);
}
