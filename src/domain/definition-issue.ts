// What is wrong with a journey document, said to the person who wrote it.
import * as v from "valibot";

export interface DefinitionIssue {
  /** Keys and indices from the document downwards, joined by dots: `steps.2.for`. */
  path: string;
  /** The step it is about; `null` when it is about none, or when the step has no usable id. */
  stepId: string | null;
  message: string;
}

type SchemaIssue = v.BaseIssue<unknown>;

/**
 * Turns a schema's issues into ours; a field that fails several rules with the same words is told once.
 *
 * @param path    where in the document the checked value stands
 * @param stepId  the step it is about
 */
export function issuesOf(issues: readonly SchemaIssue[], path: string, stepId: string | null): DefinitionIssue[] {
  const told = new Map<string, DefinitionIssue>();
  for (const issue of issues) {
    const below = v.getDotPath(issue);
    const full = [path, below ?? ""].filter((part) => part !== "").join(".");
    told.set(`${full}\n${issue.message}`, { path: full, stepId, message: issue.message });
  }
  return [...told.values()];
}
