// Journeys in a cell, made the way an operator's calls make them.
import type { JourneyView } from "../../src/cell/journey-commands.ts";
import { aJourneyDocument, definitionOf } from "../domain/journey-document.ts";
import { OPERATOR } from "./commands.ts";
import { templatesFor } from "./templates.ts";
import type { TestWorkspace } from "./workspace.ts";

/** The recursive type of a definition is too deep for a stub's types to unfold. */
type JourneyCalls = Record<
  "createJourney" | "editJourney" | "changeJourney" | "readJourney",
  (...args: unknown[]) => Promise<Answer>
>;
type Answer = { ok: boolean; value?: unknown; error?: unknown };
type Cell = TestWorkspace["cell"];

/** Files a journey as a draft. */
export async function aJourney(cell: Cell, over: Record<string, unknown> = {}): Promise<JourneyView> {
  return viewOf(await callsOf(cell).createJourney(OPERATOR, definitionOf(aJourneyDocument(over))));
}

/** Files a journey and activates it. */
export async function anActiveJourney(cell: Cell, over: Record<string, unknown> = {}): Promise<JourneyView> {
  const { key } = await aJourney(cell, over);
  return await changeJourney(cell, key, "activate");
}

/** Changes a journey; what it sends is there when it is activated. */
export async function changeJourney(
  cell: Cell,
  key: string,
  change: "activate" | "pause" | "archive" | "release",
): Promise<JourneyView> {
  if (change === "activate") {
    const known = await callsOf(cell).readJourney(OPERATOR, key);
    if (known.ok) await templatesFor(cell, viewOf(known).definition.steps);
  }
  return viewOf(await callsOf(cell).changeJourney(OPERATOR, key, change, "http://waypost.test"));
}

export async function editJourney(cell: Cell, key: string, over: Record<string, unknown>): Promise<JourneyView> {
  return viewOf(await callsOf(cell).editJourney(OPERATOR, key, definitionOf(aJourneyDocument({ key, ...over }))));
}

export async function readJourney(cell: Cell, key: string): Promise<JourneyView> {
  return viewOf(await callsOf(cell).readJourney(OPERATOR, key));
}

function callsOf(cell: Cell): JourneyCalls {
  return cell as unknown as JourneyCalls;
}

function viewOf(result: Answer): JourneyView {
  if (!result.ok) throw new Error(`expected a journey: ${JSON.stringify(result.error)}`);
  return result.value as JourneyView;
}
