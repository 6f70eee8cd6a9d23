// Templates in a cell, made the way an operator's calls make them.
import type { TemplateView } from "../../src/cell/template-commands.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";
import { OPERATOR } from "./commands.ts";
import { aDefinition } from "./template-definitions.ts";
import type { TestWorkspace } from "./workspace.ts";

type Cell = TestWorkspace["cell"];

/** The recursive type of a definition is too deep for a stub's types to unfold. */
type TemplateCalls = Record<"createTemplate" | "readTemplate", (...args: unknown[]) => Promise<Answer>>;
type Answer = { ok: boolean; value?: unknown; error?: { code: string } };

/** Files a template. */
export async function aTemplate(
  cell: Cell,
  key: string,
  definition: TemplateDefinition = aDefinition(),
): Promise<TemplateView> {
  const answer = await callsOf(cell).createTemplate(OPERATOR, { key, name: key, definition });
  if (!answer.ok) throw new Error(`expected a template: ${JSON.stringify(answer.error)}`);
  return answer.value as TemplateView;
}

/** Sees that there is a template for each e-mail of some steps, as a journey needs it. */
export async function templatesFor(cell: Cell, steps: readonly unknown[]): Promise<void> {
  for (const step of steps as readonly { type: string; template?: string }[]) {
    if (step.type !== "email" || step.template === undefined) continue;
    const known = await callsOf(cell).readTemplate(OPERATOR, step.template);
    if (!known.ok) await aTemplate(cell, step.template);
  }
}

function callsOf(cell: Cell): TemplateCalls {
  return cell as unknown as TemplateCalls;
}
