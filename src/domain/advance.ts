// The rules of a run: what happened to it, and what it therefore does. Pure and deterministic: the cell, the
// simulator and the tests run the same lines. At one instant timers come before events: an event that comes at the
// very end of a wait is too late for it, whichever of the two is handled first.
import type { ConditionScope } from "./condition.ts";
import type { TimelineEntry } from "./enrollment.ts";
import type { Json } from "./json.ts";
import type { ListenedEvent, RunPlan } from "./run-plan.ts";
import { RunWalk } from "./run-walk.ts";
import { timerOf, type Advanced, type DeliveryOutcome, type Run, type RunInput, type RunSituation } from "./run.ts";

type EndInput = Extract<RunInput, { kind: "end" }>;

/**
 * Takes a run through one input.
 *
 * @param plan  of the version the run is on
 * @returns the run as it is then, what to add to its timeline, what to do for it; the run itself and nothing to do
 *          when the input came too late or is none of its business
 * @see docs/decisions/0010-running-journeys.md
 */
export function advance(plan: RunPlan, run: Run, input: RunInput, situation: RunSituation): Advanced {
  const unchanged: Advanced = { run, timeline: [], effects: [] };
  const isActive = run.status === "active";
  const walk = new RunWalk(plan, run, situation);
  switch (input.kind) {
    case "start":
      if (!isActive || run.stepId !== null) return unchanged;
      walk.goTo(plan.firstStepId);
      break;
    case "timer":
      if (!isActive || input.generation !== run.generation || timerOf(run) === null) return unchanged;
      // The one who asks has taken the timer away.
      if (situation.held || !isDue(walk)) return { ...unchanged, effects: [{ kind: "timer", timer: timerOf(run) }] };
      fireTimer(walk);
      break;
    case "event":
      if (!isActive || run.stepId === null || !hear(walk, plan, input, situation.held)) return unchanged;
      break;
    case "delivery_settled":
      settle(walk, input.deliveryKey, input.outcome);
      break;
    case "caught_up":
      if (!isActive || run.wait?.kind !== "delivery") return unchanged;
      goOnAfter(walk, input.status);
      break;
    case "end":
      return endRun(run, input, situation.now);
  }
  return walk.result();
}

/**
 * Ends an active run from outside: archiving, a merge, an erasure, a cancellation, a version that cannot be prepared
 * any more, which is why it needs no plan.
 *
 * @param now  Unix milliseconds
 */
export function endRun(run: Run, { status, reason }: Omit<EndInput, "kind">, now: number): Advanced {
  if (run.status !== "active") return { run, timeline: [], effects: [] };
  const endedAt = Math.max(now, run.at);
  const at = new Date(endedAt).toISOString();
  const failed: TimelineEntry[] =
    status === "failed" ? [{ at, stepId: run.stepId, kind: "failed", detail: { code: reason } }] : [];
  return {
    run: { ...run, status, reason, endedAt, wait: null, at: endedAt },
    timeline: [...failed, { at, stepId: run.stepId, kind: "ended", detail: { status, reason } }],
    effects: [
      { kind: "timer", timer: null },
      { kind: "listen", events: [] },
      { kind: "ended", status, reason },
    ],
  };
}

function isDue({ run, now }: RunWalk): boolean {
  const timer = timerOf(run);
  return timer !== null && timer.at <= now;
}

function fireTimer(walk: RunWalk): void {
  const { step } = walk;
  const kind = walk.run.wait?.kind;
  if (step === undefined) return walk.fail("step_missing");
  if (kind === "ready") {
    walk.note("resumed", { by: "timer" });
    return walk.doStep();
  }
  walk.note("resumed", { by: kind === "event" ? "timeout" : "timer" });
  walk.goTo((kind === "event" ? step.hears?.onTimeout : null) ?? step.next);
}

/** @returns whether the event changed anything */
function hear(
  walk: RunWalk,
  { goal, exitOn }: RunPlan,
  { name, data }: { name: string; data: () => Json | undefined },
  held: boolean,
): boolean {
  const wasDue = !held && isDue(walk);
  if (wasDue) fireTimer(walk);
  if (!walk.isActive) return true;

  const scope = walk.scopeOf(data);
  const converts = goal !== null && walk.run.convertedAt === null && isHeard(goal, name, scope);
  if (converts) walk.convert(name);
  if (converts && goal.exit) walk.end("exited", "goal", { event: name });
  else if (exitOn.some((rule) => isHeard(rule, name, scope))) walk.end("exited", "exit_on", { event: name });
  else if (walk.run.wait?.kind === "event" && !isDue(walk)) {
    const { step } = walk;
    if (step?.hears !== undefined && isHeard(step.hears, name, scope)) {
      walk.note("resumed", { by: "event" });
      walk.goTo(step.next);
      return true;
    }
  }
  return wasDue || converts || !walk.isActive;
}

function isHeard({ event, filter }: ListenedEvent, name: string, scope: ConditionScope): boolean {
  return event === name && (filter === null || filter(scope) === null);
}

/** Puts into the timeline how a delivery went, and lets a run that waited for it go on. */
function settle(walk: RunWalk, deliveryKey: string, outcome: DeliveryOutcome): void {
  // By this key's own step: the run may be elsewhere by now.
  const [stepId = null] = deliveryKey.split(":");
  const { status, ...why } = outcome;
  walk.note(status, { deliveryKey, ...why }, stepId);
  const { wait } = walk.run;
  if (walk.isActive && wait?.kind === "delivery" && wait.deliveryKey === deliveryKey) goOnAfter(walk, status);
}

function goOnAfter(walk: RunWalk, status: DeliveryOutcome["status"]): void {
  const { step } = walk;
  if (step === undefined) walk.fail("step_missing");
  else if (status === "failed") walk.goFromFailure(step, "delivery_failed");
  else walk.goTo(step.next);
}
