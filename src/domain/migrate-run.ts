// Moves a run to another version of its journey, on purpose. A preview is the same call with its result thrown away,
// so that what was shown is what is done.
import { jsonEquals, type Json } from "./json.ts";
import type { JourneyDefinition } from "./journey.ts";
import { quote } from "./quote.ts";
import { err, ok, type Result } from "./result.ts";
import type { PlannedStep, RunPlan } from "./run-plan.ts";
import { RunWalk } from "./run-walk.ts";
import { timerOf, type Advanced, type Run, type RunSituation } from "./run.ts";

export interface RunPlace {
  version: number;
  stepId: string | null;
}

export interface Migration {
  from: RunPlace;
  to: RunPlace;
  /** What becomes different for this run, in plain words. */
  changes: string[];
  /** To be stored and done like any other advance, on the new version; thrown away after a preview. */
  advanced: Advanced;
}

/** Why a run cannot be moved: it has ended, or the new version has no such step. */
export type NotMigratable = { code: "not_eligible"; reason: "not_active" | "no_such_step" };

/**
 * Moves an active run.
 *
 * @param stepId  the step to begin anew; `null` = the run stays at the step it is at, and keeps on waiting: until the
 *                same instant if the step is as it was, else as the new one has it (a duration counts from when the
 *                wait began, a time of day from now). A step that has become another type is begun anew.
 */
export function migrateRun(
  { from, to, stepId }: { from: RunPlan; to: RunPlan; stepId: string | null },
  run: Run,
  situation: RunSituation,
): Result<Migration, NotMigratable> {
  if (run.status !== "active") return err({ code: "not_eligible", reason: "not_active" });
  const target = to.steps.get(stepId ?? run.stepId ?? "");
  if (target === undefined) return err({ code: "not_eligible", reason: "no_such_step" });
  const place = (plan: RunPlan, at: string | null): RunPlace => ({ version: plan.version, stepId: at });
  const moved = { from: place(from, run.stepId), to: place(to, target.id) };
  if (stepId === null && from.version === to.version) {
    return ok({ ...moved, changes: [], advanced: { run, timeline: [], effects: [] } });
  }

  const walk = new RunWalk(to, run, situation, from);
  const begins = stepId !== null || from.steps.get(target.id)?.type !== target.type;
  walk.note("migrated", { fromVersion: from.version, toVersion: to.version, toStepId: target.id });
  if (begins) walk.goTo(target.id);
  else if (!isSameStep(from, to, target.id)) recount(walk, target, run);
  const advanced = walk.result();
  return ok({ ...moved, changes: changesOf({ from, to, target, begins }, run, advanced.run), advanced });
}

/** Lets a wait that goes on last as long as the new version's step would have it. */
function recount(walk: RunWalk, step: PlannedStep, { wait }: Run): void {
  if (wait?.kind !== "time" && wait?.kind !== "event") return;
  const until = walk.waitFrom(step.type === "wait_until" ? walk.now : wait.since);
  if (until !== null) walk.rewait(until);
}

interface Move {
  from: RunPlan;
  to: RunPlan;
  target: PlannedStep;
  begins: boolean;
}

function changesOf({ from, to, target, begins }: Move, before: Run, after: Run): string[] {
  const changes: string[] = [];
  if (from.version !== to.version) changes.push(`The run moves from version ${from.version} to ${to.version}.`);
  changes.push(
    begins
      ? `It leaves the step ${quote(before.stepId ?? "")} and begins the step ${quote(target.id)}.`
      : `It stays at the step ${quote(target.id)}.`,
  );
  const [due, dueBefore] = [timerOf(after)?.at, timerOf(before)?.at];
  if (after.status !== "active") changes.push(`It ends at once: ${after.status}.`);
  else if (due !== dueBefore)
    changes.push(`${dueText(due)} ${dueBefore === undefined ? "" : `Before: ${iso(dueBefore)}.`}`.trim());
  changes.push(...stepChanges(from, to));
  if (!isSame(from.definition.exitOn, to.definition.exitOn)) changes.push("Other events end it (exitOn).");
  if (!isSame(from.definition.goal, to.definition.goal)) changes.push("Its goal is another.");
  return changes;
}

function dueText(due: number | undefined): string {
  return due === undefined ? "It is due at no set time." : `It is due at ${iso(due)}.`;
}

function stepChanges(from: RunPlan, to: RunPlan): string[] {
  const here = [...to.steps.keys()];
  return [
    naming(
      "Steps added",
      here.filter((id) => !from.steps.has(id)),
    ),
    naming(
      "Steps removed",
      [...from.steps.keys()].filter((id) => !to.steps.has(id)),
    ),
    naming(
      "Steps changed",
      here.filter((id) => from.steps.has(id) && !isSameStep(from, to, id)),
    ),
  ].flat();
}

function naming(what: string, ids: readonly string[]): string[] {
  return ids.length === 0 ? [] : [`${what}: ${ids.map(quote).join(", ")}.`];
}

/** Whether a step is as it was, and leads to where it led. */
function isSameStep(from: RunPlan, to: RunPlan, id: string): boolean {
  return from.steps.get(id)?.next === to.steps.get(id)?.next && isSame(stepIn(from, id), stepIn(to, id));
}

function stepIn({ definition }: RunPlan, id: string): JourneyDefinition["steps"][number] | undefined {
  return definition.steps.find((step) => step.id === id);
}

/** By content: definitions are JSON. */
function isSame(a: unknown, b: unknown): boolean {
  return jsonEquals(a as Json | undefined, b as Json | undefined);
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
