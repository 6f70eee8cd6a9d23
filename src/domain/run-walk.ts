// One run on its way through one input: goes from step to step until it waits or ends, and collects what happened
// and what is to be done. Used by advance.ts and migrate-run.ts only; the run it was given is never changed.
import type { ConditionScope } from "./condition.ts";
import type { EnrollmentStatus, TimelineEntry, TimelineKind } from "./enrollment.ts";
import type { Json, JsonObject } from "./json.ts";
import { profileScope } from "./profile-scope.ts";
import { MAX_PROPERTIES_BYTES, patchProperties } from "./properties.ts";
import { listensTo, stepOf, type PlannedStep, type RunPlan } from "./run-plan.ts";
import {
  MAX_RUN_STEPS,
  MAX_STEPS_AT_ONCE,
  timerOf,
  type Advanced,
  type Run,
  type RunEffect,
  type RunSituation,
  type RunTimer,
} from "./run.ts";
import { jsonFits } from "./state-values.ts";
import type { StepScope } from "./steps/step-runtime.ts";

/** Where a run goes: on to a step, to its end (`null`), or nowhere for now. */
type Onward = { to: string | null } | "stays";
type WaitReason = { kind: "time" | "event" | "ready"; until: number } | { kind: "delivery"; deliveryKey: string };

export class RunWalk {
  readonly #plan: RunPlan;
  readonly #before: Run;
  readonly #situation: RunSituation;
  readonly #heardBefore: string[];
  readonly #timeline: TimelineEntry[] = [];
  readonly #effects: RunEffect[] = [];
  #patch: JsonObject | null = null;
  #properties: JsonObject | undefined;
  #profile: JsonObject | undefined;
  readonly run: Run;
  /** Unix milliseconds; never before the run's last change. */
  readonly now: number;

  /** @param from  the plan the run was on until now, if it is another */
  constructor(plan: RunPlan, run: Run, situation: RunSituation, from: RunPlan = plan) {
    this.#plan = plan;
    this.#before = run;
    this.#situation = situation;
    // A run that has not begun is known to nobody who could hear for it.
    this.#heardBefore = run.stepId === null ? [] : listensTo(from, run);
    this.now = Math.max(situation.now, run.at);
    this.run = { ...run, at: this.now };
  }

  get isActive(): boolean {
    return this.run.status === "active";
  }

  get step(): PlannedStep | undefined {
    return stepOf(this.#plan, this.run);
  }

  /** What a later event's filters see. */
  scopeOf(data: () => Json | undefined): ConditionScope {
    return { event: data, profile: () => this.#profileScope(), entry: this.#situation.entryData };
  }

  note(kind: TimelineKind, detail: TimelineEntry["detail"], stepId: string | null = this.run.stepId): void {
    this.#timeline.push({ at: new Date(this.now).toISOString(), stepId, kind, detail });
  }

  convert(event: string): void {
    this.run.convertedAt = this.now;
    this.note("converted", { event });
    this.#effects.push({ kind: "converted", at: this.now });
  }

  /** Ends the run; what is in the reason is a word or stands in the journey, never a value. */
  end(status: Exclude<EnrollmentStatus, "active">, reason: string | null, more: TimelineEntry["detail"] = null): void {
    this.run.status = status;
    this.run.reason = reason;
    this.run.endedAt = this.now;
    this.run.wait = null;
    this.note("ended", { status, reason, ...more });
  }

  fail(code: string): void {
    this.note("failed", { code });
    this.end("failed", code);
  }

  /** Lets the run wait at its step. */
  wait(reason: WaitReason): void {
    this.run.wait = { ...reason, since: this.now };
    this.run.generation += 1;
  }

  /** Moves the end of the present wait. */
  rewait(until: number): void {
    const { wait } = this.run;
    if (wait === null || wait.kind === "delivery" || wait.until === until) return;
    this.run.wait = { ...wait, until };
    this.run.generation += 1;
  }

  /** Goes to a step and on from there; `null` = the run has reached its end. */
  goTo(stepId: string | null): void {
    let way: Onward = { to: stepId };
    for (let count = 0; way !== "stays"; count++) {
      if (way.to === null) return this.end("completed", null);
      if (count >= MAX_STEPS_AT_ONCE || this.run.steps >= MAX_RUN_STEPS) return this.fail("step_limit");
      way = this.#enter(way.to);
    }
  }

  /** Does the step that the run is at, and goes on. */
  doStep(): void {
    const { step } = this;
    if (step === undefined) return this.fail("step_missing");
    const way = this.#perform(step);
    if (way !== "stays") this.goTo(way.to);
  }

  /** What a failed delivery, or one that could not be made, leads to. */
  goFromFailure(step: PlannedStep, code: string): void {
    const way = this.#afterFailure(step, code);
    if (way !== "stays") this.goTo(way.to);
  }

  /** How long the run's step would make it wait if it came there at an instant; `null` = it is no such step. */
  waitFrom(now: number): number | null {
    const { step } = this;
    const way = step?.perform(this.#scope(step.id, now)).way;
    return way?.kind === "wait" ? way.until : null;
  }

  result(): Advanced {
    const { run } = this;
    const timer = timerOf(run);
    const heard = listensTo(this.#plan, run);
    if (this.#patch !== null) this.#effects.push({ kind: "patch_profile", patch: this.#patch });
    if (!isSameTimer(timerOf(this.#before), timer)) this.#effects.push({ kind: "timer", timer });
    if (!isSameList(this.#heardBefore, heard)) this.#effects.push({ kind: "listen", events: heard });
    if (run.status !== "active" && this.#before.status === "active") {
      this.#effects.push({ kind: "ended", status: run.status, reason: run.reason });
    }
    return { run, timeline: this.#timeline, effects: this.#effects };
  }

  #enter(stepId: string): Onward {
    const { run } = this;
    run.stepId = stepId;
    run.steps += 1;
    const { step } = this;
    if (step === undefined) return this.#stay(() => this.fail("step_missing"));
    this.note("entered", null);
    if (this.#situation.held) return this.#stay(() => this.wait({ kind: "ready", until: this.now }));
    return this.#perform(step);
  }

  #perform(step: PlannedStep): Onward {
    const { way, request, patch, note } = step.perform(this.#scope(step.id, this.now));
    if (patch !== undefined && !this.#patchProfile(patch)) return this.#stay(() => this.fail("profile_too_large"));
    if (note !== undefined) this.note(note.kind, note.detail);
    // Unique within the run, however often it comes to a step.
    const deliveryKey = `${step.id}:${this.run.steps}`;
    if (request !== undefined) this.#effects.push({ kind: "deliver", stepId: step.id, deliveryKey, request });
    switch (way.kind) {
      case "next":
        return { to: step.next };
      case "go":
        return { to: way.stepId };
      case "wait":
        return this.#waitUntil(step, way.for, way.until);
      case "await_delivery":
        this.note("waiting", { for: "delivery" });
        return this.#stay(() => this.wait({ kind: "delivery", deliveryKey }));
      case "complete":
        return this.#stay(() => this.end("completed", way.reason));
      case "fail":
        if (step.onFailure === undefined) return this.#stay(() => this.fail(way.code));
        this.note("failed", { code: way.code });
        return this.#afterFailure(step, way.code);
    }
  }

  #waitUntil(step: PlannedStep, kind: "time" | "event", until: number): Onward {
    if (until > this.now) {
      this.note("waiting", { for: kind, until: new Date(until).toISOString() });
      return this.#stay(() => this.wait({ kind, until }));
    }
    if (step.hears === undefined) return { to: step.next };
    this.note("resumed", { by: "timeout" });
    return { to: step.hears.onTimeout ?? step.next };
  }

  #afterFailure(step: PlannedStep, code: string): Onward {
    if (step.onFailure === "fail") return this.#stay(() => this.end("failed", code));
    return { to: step.onFailure === undefined || step.onFailure === "continue" ? step.next : step.onFailure };
  }

  #stay(act: () => void): "stays" {
    act();
    return "stays";
  }

  /** @returns whether there is room for it */
  #patchProfile(patch: JsonObject): boolean {
    const before = (this.#properties ??= this.#situation.properties());
    const after = patchProperties(before, patch);
    if (after === null) return true;
    const adds = Object.values(patch).some((value) => value !== null);
    if (adds && !jsonFits(after, MAX_PROPERTIES_BYTES)) return false;
    this.#properties = after;
    this.#profile = undefined;
    this.#patch = { ...this.#patch, ...patch };
    return true;
  }

  #profileScope(): JsonObject {
    this.#properties ??= this.#situation.properties();
    return (this.#profile ??= profileScope(this.#properties, this.#situation.identities));
  }

  #scope(stepId: string, now: number): StepScope {
    const { entryData, profileId, seed, timezone } = this.#situation;
    const profile = (): JsonObject => this.#profileScope();
    return { now, stepId, journeyId: this.#plan.journeyId, profileId, seed, timezone, event: entryData, profile };
  }
}

function isSameTimer(a: RunTimer | null, b: RunTimer | null): boolean {
  return a?.at === b?.at && a?.generation === b?.generation;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
