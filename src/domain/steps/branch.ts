// `branch`: goes one of two ways, by a condition.
import { compileCondition } from "../condition.ts";
import { condition, stepId } from "../definition-fields.ts";
import type { FailedClause } from "../event.ts";
import { namedIn, stepKind } from "./step-kind.ts";

/**
 * As much of a path as a timeline keeps: a path may be as long as its journey's document. A character takes six bytes
 * of JSON text at worst, and the lines of all steps that a run may come to have to fit into one row of 2 MB.
 */
const MAX_KEPT_PATH_CHARACTERS = 96;

export const branchStep = stepKind(
  "branch",
  // oxlint-disable-next-line unicorn/no-thenable -- "then" is the document's word; nothing awaits this object
  { if: condition, then: stepId, else: stepId },
  (step) => {
    const fails = compileCondition(step.if);
    return {
      perform: (scope) => {
        const failed = fails(scope);
        const to = failed === null ? step.then : step.else;
        const why = failed === null ? {} : whyOf(failed);
        return { way: { kind: "go", stepId: to }, note: { kind: "branched", detail: { to, ...why } } };
      },
    };
  },
  (step) => namedIn(step, "then", "else"),
);

/** The clause that led to the other way, never with a value. */
function whyOf({ path, operator }: FailedClause): { path: string | null; operator: string } {
  return { path: path === null ? null : path.slice(0, MAX_KEPT_PATH_CHARACTERS), operator };
}
