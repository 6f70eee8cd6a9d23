// Checks the steps of a journey: each by its own type, then all of them together. Everything that is wrong is told
// at once, each time with the step it is about.
import * as v from "valibot";
import { isStepId } from "../definition-fields.ts";
import { issuesOf, type DefinitionIssue } from "../definition-issue.ts";
import { isJsonObject } from "../json.ts";
import { quote } from "../quote.ts";
import { STEP_TYPES, stepKindOf, type Step } from "./index.ts";
import { untypedStep } from "./step-kind.ts";

export const MAX_STEPS = 200;

/**
 * Checks the value of a journey's `steps`.
 *
 * @returns the steps, with their known fields only, and every issue found; the steps count only if there is none
 */
export function checkSteps(input: unknown): { steps: Step[]; issues: DefinitionIssue[] } {
  if (!Array.isArray(input) || input.length === 0 || input.length > MAX_STEPS) {
    const message = `A journey needs a list of 1 to ${MAX_STEPS} steps.`;
    return { steps: [], issues: [{ path: "steps", stepId: null, message }] };
  }
  const raw: readonly unknown[] = input;
  const ids = raw.map(idOf);
  const known = new Set(ids);
  const steps: Step[] = [];
  const issues: DefinitionIssue[] = [];
  raw.forEach((step, index) => {
    const result = checkStep(step, `steps.${index}`, known);
    if (result.step !== null) steps.push(result.step);
    for (const issue of result.issues) issues.push(issue);
    const id = ids[index];
    if (id != null && ids.indexOf(id) < index) {
      const message = `The id ${quote(id)} stands for more than one step; each step needs an id of its own.`;
      issues.push({ path: `steps.${index}.id`, stepId: id, message });
    }
  });
  return { steps, issues };
}

function checkStep(
  input: unknown,
  path: string,
  known: ReadonlySet<string | null>,
): { step: Step | null; issues: DefinitionIssue[] } {
  if (!isJsonObject(input)) {
    return { step: null, issues: [{ path, stepId: null, message: "A step is an object." }] };
  }
  const id = idOf(input);
  const issues: DefinitionIssue[] = [];
  const kind = stepKindOf(input.type);
  if (kind === undefined) {
    const named = typeof input.type === "string" ? `${quote(input.type)} is not a step type.` : "A step needs a type.";
    issues.push({ path: `${path}.type`, stepId: id, message: `${named} The types are ${STEP_TYPES.join(", ")}.` });
  }
  const { schema, targets } = kind ?? untypedStep;
  const result = v.safeParse(schema as v.GenericSchema<unknown, Step>, input);
  if (!result.success) for (const issue of issuesOf(result.issues, path, id)) issues.push(issue);
  for (const target of targets(input)) {
    // What is no step id at all has been told as such.
    if (!isStepId(target.stepId) || known.has(target.stepId)) continue;
    const message = `There is no step with the id ${quote(target.stepId)}.`;
    issues.push({ path: `${path}.${target.field}`, stepId: id, message });
  }
  return { step: result.success ? result.output : null, issues };
}

/** The id by which an issue can name the step; `null` when the step has none that could be one. */
function idOf(step: unknown): string | null {
  return isJsonObject(step) && isStepId(step.id) ? step.id : null;
}
