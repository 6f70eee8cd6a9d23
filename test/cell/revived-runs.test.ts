// A run that a merge ended beside the survivor's own, and that goes on because the merge is undone: it takes up what
// has happened meanwhile that it would have been told.
import { describe, expect, it } from "vitest";
import type { DeliveryOutcome } from "../../src/domain/run.ts";
import { OPERATOR } from "../support/commands.ts";
import { settleDelivery } from "../support/deliveries.ts";
import { changeJourney } from "../support/journeys.ts";
import { BOTH, CUSTOMER, LEAD } from "../support/merges.ts";
import { aRunningJourney, anEntry, anEvent, deliveriesOf, linesOf, pass, readRun } from "../support/running.ts";
import { checkRuns } from "../support/run-laws.ts";
import type { TestWorkspace } from "../support/workspace.ts";

const KEY = "order-follow-up";
const STEPS = [
  { id: "hook", type: "webhook", url: "https://example.com/h", onFailure: "sorry", next: "well" },
  { id: "well", type: "delay", for: "PT1H", next: "bye" },
  { id: "sorry", type: "delay", for: "PT2H" },
  { id: "bye", type: "exit" },
];
interface Duplicate {
  workspace: TestWorkspace;
  /** The lead's run, which has ended beside the customer's. */
  runId: string;
  undo: () => Promise<void>;
}

async function aDuplicate(steps: unknown[] = STEPS): Promise<Duplicate> {
  const workspace = await aRunningJourney(steps);
  const runId = await anEntry(workspace, { identities: LEAD });
  const survivingId = await anEntry(workspace, { identities: CUSTOMER });
  const [lead, customer] = [await readRun(workspace, runId), await readRun(workspace, survivingId)];
  await anEvent(workspace, "signed.in", {}, { identities: BOTH });
  expect(await readRun(workspace, runId)).toMatchObject({ status: "exited", reason: "merged_duplicate" });
  const undo = async (): Promise<void> => {
    const { ok } = await workspace.cell.unmergeProfile(OPERATOR, customer.profileId, lead.profileId);
    expect(ok).toBe(true);
  };
  return { workspace, runId, undo };
}

async function settle({ workspace, runId }: Duplicate, outcome: DeliveryOutcome): Promise<void> {
  const of = (await deliveriesOf(workspace)).find(({ enrollment_id }) => enrollment_id === runId);
  await settleDelivery(workspace, of?.id ?? "", outcome);
}

describe("a revived run that waits for a message", () => {
  it.each<[string, DeliveryOutcome, string]>([
    ["sent", { status: "sent" }, "well"],
    ["skipped", { status: "skipped", reason: "endpoint_disabled" }, "well"],
    ["failed", { status: "failed", code: "exhausted" }, "sorry"],
  ])("that was %s while it had ended goes on by that", async (status, outcome, stepId) => {
    const duplicate = await aDuplicate();
    await settle(duplicate, outcome);
    await duplicate.undo();
    const { workspace, runId } = duplicate;
    expect(await readRun(workspace, runId)).toMatchObject({ status: "active", stepId });
    expect(await linesOf(workspace, runId)).toEqual([
      "entered hook",
      "waiting hook",
      "ended hook",
      `${status} hook`,
      "merged hook",
      `entered ${stepId}`,
      `waiting ${stepId}`,
    ]);
    await checkRuns(workspace);
  });

  it("that is pending still goes on when it is settled", async () => {
    const duplicate = await aDuplicate();
    await duplicate.undo();
    expect(await readRun(duplicate.workspace, duplicate.runId)).toMatchObject({ status: "active", stepId: "hook" });
    await settle(duplicate, { status: "sent" });
    expect(await readRun(duplicate.workspace, duplicate.runId)).toMatchObject({ status: "active", stepId: "well" });
  });

  it("stands ready before its next step while its journey is paused", async () => {
    const duplicate = await aDuplicate();
    const { workspace, runId } = duplicate;
    await changeJourney(workspace.cell, KEY, "pause");
    await settle(duplicate, { status: "sent" });
    await duplicate.undo();
    expect(await readRun(workspace, runId)).toMatchObject({ status: "active", stepId: "well" });
    await pass(workspace, 60_000);
    expect(await linesOf(workspace, runId)).not.toContain("resumed well");
    await changeJourney(workspace.cell, KEY, "activate");
    await pass(workspace, 0);
    expect((await linesOf(workspace, runId)).slice(-2)).toEqual(["resumed well", "waiting well"]);
    await checkRuns(workspace);
  });
});

describe("a revived run of a journey that was archived meanwhile", () => {
  it.each([
    ["for a message", STEPS],
    ["for its time", STEPS.slice(2)],
  ])("exits at once when it waits %s", async (_, steps) => {
    const duplicate = await aDuplicate(steps);
    const { workspace, runId } = duplicate;
    await changeJourney(workspace.cell, KEY, "archive");
    await pass(workspace, 0);
    await duplicate.undo();
    expect(await readRun(workspace, runId)).toMatchObject({ status: "exited", reason: "archived" });
    await checkRuns(workspace);
  });
});
