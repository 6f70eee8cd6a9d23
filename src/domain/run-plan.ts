// A journey version, prepared for its runs: steps by id, what ends a run from outside, what a waiting run hears.
// Made once per version; runs share it.
import { compileCondition, type Condition, type CompiledCondition } from "./condition.ts";
import type { JourneyDefinition } from "./journey.ts";
import type { Run } from "./run.ts";
import { compileStep, type Step, type StepType } from "./steps/index.ts";
import type { CompiledStep } from "./steps/step-runtime.ts";

/** A step and its place. */
export interface PlannedStep extends CompiledStep {
  id: string;
  type: StepType;
  /** Where a run goes on: the step it names, else the one below; `null` = the run has reached its end. */
  next: string | null;
}

/** A later event that something happens at. */
export interface ListenedEvent {
  event: string;
  filter: CompiledCondition | null;
}

export interface RunPlan {
  journeyId: string;
  version: number;
  definition: JourneyDefinition;
  firstStepId: string;
  steps: ReadonlyMap<string, PlannedStep>;
  exitOn: readonly ListenedEvent[];
  goal: (ListenedEvent & { exit: boolean }) | null;
}

/**
 * Prepares a version for its runs.
 *
 * @param definition  as `checkDefinition` gave it; anything else throws
 */
export function compileRun(definition: JourneyDefinition, of: { journeyId: string; version: number }): RunPlan {
  const { steps, exitOn = [], goal } = definition;
  const [first] = steps;
  if (first === undefined) throw new Error("a journey holds no step");
  return {
    journeyId: of.journeyId,
    version: of.version,
    definition,
    firstStepId: first.id,
    steps: new Map(steps.map((step, index) => [step.id, planned(step, steps[index + 1])])),
    exitOn: exitOn.map(listened),
    goal: goal === undefined ? null : { ...listened(goal), exit: goal.exit ?? true },
  };
}

/** The names of later events that may change a run, each once. */
export function listensTo(plan: RunPlan, run: Run): string[] {
  if (run.status !== "active") return [];
  const names = plan.exitOn.map(({ event }) => event);
  if (plan.goal !== null && run.convertedAt === null) names.push(plan.goal.event);
  const heard = run.wait?.kind === "event" ? stepOf(plan, run)?.hears : undefined;
  if (heard !== undefined) names.push(heard.event);
  return [...new Set(names)];
}

/** The step a run is at; `undefined` = its version has no such step. */
export function stepOf(plan: RunPlan, run: Run): PlannedStep | undefined {
  return run.stepId === null ? undefined : plan.steps.get(run.stepId);
}

function planned(step: Step, below: Step | undefined): PlannedStep {
  return { ...compileStep(step), id: step.id, type: step.type, next: step.next ?? below?.id ?? null };
}

function listened({ event, filter }: { event: string; filter?: Condition }): ListenedEvent {
  return { event, filter: filter === undefined ? null : compileCondition(filter) };
}
