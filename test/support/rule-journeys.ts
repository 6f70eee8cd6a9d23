// Journeys with rules of entry, and people who come to them: two who may turn out to be one.
import { anActiveJourney, changeJourney, editJourney } from "./journeys.ts";
import { endRun, runsOf } from "./runs.ts";
import { aWorkspace, type TestWorkspace } from "./workspace.ts";

const KEY = "order-follow-up";

export const LEAD = { email: "a@example.com" };
export const CUSTOMER = { externalId: "1" };
export const BOTH = { ...LEAD, ...CUSTOMER };

/** A workspace with one active journey that has these rules. */
export async function withRules(eligibility: Record<string, unknown>): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, { eligibility });
  return workspace;
}

/** Publishes a version with other rules. */
export async function publish(workspace: TestWorkspace, eligibility: Record<string, unknown>): Promise<void> {
  await editJourney(workspace.cell, KEY, { eligibility });
  await changeJourney(workspace.cell, KEY, "activate");
}

/** Ends every run that is active. */
export async function endAll(workspace: TestWorkspace): Promise<void> {
  for (const run of await runsOf(workspace)) if (run.status === "active") await endRun(workspace, run.id);
}

/** An order with this id. */
export function order(orderId: string | number, over: object = {}): object {
  return { dataJson: JSON.stringify({ orderId }), ...over };
}
