// `branch`: goes one of two ways, by a condition.
import { condition, stepId } from "../definition-fields.ts";
import { namedIn, stepKind } from "./step-kind.ts";

export const branchStep = stepKind(
  "branch",
  // oxlint-disable-next-line unicorn/no-thenable -- "then" is the document's word; nothing awaits this object
  { if: condition, then: stepId, else: stepId },
  (step) => namedIn(step, "then", "else"),
);
