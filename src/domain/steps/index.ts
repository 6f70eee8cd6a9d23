// The registry of step types: a new one is one file beside this one, its import and its line in the list.
import * as v from "valibot";
import { branchStep } from "./branch.ts";
import { delayStep } from "./delay.ts";
import { emailStep } from "./email.ts";
import { exitStep } from "./exit.ts";
import { splitStep } from "./split.ts";
import type { CompiledStep } from "./step-runtime.ts";
import { updateProfileStep } from "./update-profile.ts";
import { waitForEventStep } from "./wait-for-event.ts";
import { waitUntilStep } from "./wait-until.ts";
import { webhookStep } from "./webhook.ts";

const STEP_KINDS = [
  emailStep,
  webhookStep,
  delayStep,
  waitUntilStep,
  waitForEventStep,
  branchStep,
  splitStep,
  updateProfileStep,
  exitStep,
] as const;

export type StepKind = (typeof STEP_KINDS)[number];
export type Step = v.InferOutput<StepKind["schema"]>;
export type StepType = StepKind["type"];

/** All step types, in the order the documentation has them. */
export const STEP_TYPES: readonly StepType[] = STEP_KINDS.map((kind) => kind.type);

const KINDS_BY_TYPE = new Map<unknown, StepKind>(STEP_KINDS.map((kind) => [kind.type, kind]));

/** Finds a step type by the value of a step's `type`; `undefined` for an unknown one. */
export function stepKindOf(type: unknown): StepKind | undefined {
  return KINDS_BY_TYPE.get(type);
}

/** Prepares a step of a checked document for runs; any other throws. */
export function compileStep(step: Step): CompiledStep {
  const kind = KINDS_BY_TYPE.get(step.type);
  if (kind === undefined) throw new Error("a journey holds a step type that was not checked");
  // Each kind compiles steps of its own type, and this is the kind of that type.
  return (kind.compile as (step: Step) => CompiledStep)(step);
}

/** Any step, for documentation; {@link checkSteps} gives better answers to a wrong one. */
export const stepSchema = v.variant(
  "type",
  STEP_KINDS.map((kind) => kind.schema),
);
