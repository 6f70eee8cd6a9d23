// What every step type has: its name, the schema of its fields, what it does, and the step ids it names.
import * as v from "valibot";
import { fields, stepId } from "../definition-fields.ts";
import type { CompiledStep } from "./step-runtime.ts";

/** A step id that a step names, and the field it stands in. */
export interface StepTarget {
  /** Keys and indices from the step downwards, joined by dots. */
  field: string;
  stepId: string;
}

/** A step as it was sent: its fields may be missing or wrong. */
export type RawStep = Readonly<Record<string, unknown>>;

/**
 * Describes one step type; `id` and the optional `next` (without it: the step below) are every type's own.
 *
 * @param type     the value of the step's `type`
 * @param entries  schemas of the fields this type adds
 * @param compile  prepares a checked step for runs; any other throws
 * @param targets  the fields besides `next` that hold a step id. They are read from the step as it was sent, so
 *                 that a dangling target is told together with everything else that is wrong.
 */
export function stepKind<const T extends string, const E extends v.ObjectEntries>(
  type: T,
  entries: E,
  compile: (step: StepOf<T, E>) => CompiledStep,
  targets: (step: RawStep) => StepTarget[] = () => [],
) {
  return {
    type,
    schema: schemaOf(type, entries),
    compile,
    /** Every step id that the step names, whether a run can get there or not. */
    targets: (step: RawStep): StepTarget[] => [...namedIn(step, "next"), ...targets(step)],
  };
}

type StepOf<T extends string, E extends v.ObjectEntries> = v.InferOutput<ReturnType<typeof schemaOf<T, E>>>;

function schemaOf<const T extends string, const E extends v.ObjectEntries>(type: T, entries: E) {
  return fields({ id: stepId, type: v.literal(type), next: v.exactOptional(stepId), ...entries });
}

/** What can be checked of a step whose type is unknown. */
export const untypedStep = {
  schema: fields({ id: stepId, next: v.exactOptional(stepId) }),
  targets: (step: RawStep): StepTarget[] => namedIn(step, "next"),
};

/** Gives the step ids in fields that hold one directly. */
export function namedIn(step: RawStep, ...names: readonly string[]): StepTarget[] {
  return names.flatMap((field) => {
    const value = Object.hasOwn(step, field) ? step[field] : undefined;
    return typeof value === "string" ? [{ field, stepId: value }] : [];
  });
}
