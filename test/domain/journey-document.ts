// Builders of journey documents for tests: valid as they come, with what a test is about laid over.
import { checkDefinition, type DefinitionIssue, type JourneyDefinition } from "../../src/domain/journey.ts";

export function aJourneyDocument(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    key: "order-follow-up",
    name: "Order follow-up",
    entry: { event: "order.created" },
    steps: [{ id: "rest", type: "delay", for: "P1D" }],
    ...over,
  };
}

/** A document whose first step is the given one, and whose second is a target for it: `done`. */
export function aJourneyWithStep(step: Record<string, unknown>): Record<string, unknown> {
  return aJourneyDocument({
    steps: [
      { id: "first", ...step },
      { id: "done", type: "exit" },
    ],
  });
}

/** Checks a document that must be in order. */
export function definitionOf(document: unknown): JourneyDefinition {
  const check = checkDefinition(document);
  if (!check.ok) throw new Error(`expected a valid document: ${JSON.stringify(check.error)}`);
  return check.value;
}

/** Gives what is wrong with a document that can be filed; nothing = it is in order. */
export function issuesWith(document: unknown): DefinitionIssue[] {
  const check = checkDefinition(document);
  if (check.ok) return [];
  if (check.error.kind === "request")
    throw new Error(`expected a document that can be filed: ${JSON.stringify(check.error)}`);
  return check.error.issues;
}

/** The paths of what is wrong with one step, less `steps.0.`. */
export function stepIssuePaths(step: Record<string, unknown>): string[] {
  return issuesWith(aJourneyWithStep(step)).map(({ path }) => path.replace(/^steps\.0\.?/, ""));
}

/** The step as the checked definition has it. */
export function checkedStep(step: Record<string, unknown>): unknown {
  return definitionOf(aJourneyWithStep(step)).steps[0];
}
