// A journey with every type of step, run end to end, and its timeline as docs/running-journeys.md shows it.
import { expect, it, vi } from "vitest";
import documentation from "../../docs/running-journeys.md?raw";
import { STEP_TYPES } from "../../src/domain/steps/index.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { anEntry, anEvent, pass, readRun } from "../support/running.ts";
import { aWorkspace } from "../support/workspace.ts";
const HOUR_MS = 3_600_000;
/** A Monday. */
const START = Date.parse("2036-06-02T12:00:00.000Z");

const [, shownJourney = "", shownTimeline = ""] = /```json\n([^]*?)```[^]*?```\n([^]*?)```/.exec(documentation) ?? [];

it("has the timeline that its documentation shows, for every type of step", async () => {
  const document = JSON.parse(shownJourney) as { key: string; steps: { type: string }[] };
  expect(new Set(document.steps.map(({ type }) => type))).toEqual(new Set(STEP_TYPES));
  vi.setSystemTime(START);
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, document);
  const id = await anEntry(workspace, { dataJson: '{"total":80}', propertiesJson: '{"plan":"Free"}' });
  await pass(workspace, 2 * HOUR_MS);
  await pass(workspace, 19 * HOUR_MS);
  await pass(workspace, 3 * HOUR_MS);
  await anEvent(workspace, "payment.succeeded");
  const { timeline, status } = await readRun(workspace, id);
  expect(status).toBe("completed");
  const lines = timeline.map(({ at, stepId, kind, detail }) => {
    return `${at}  ${kind.padEnd(9)}  ${(stepId ?? "").padEnd(9)}  ${detail === null ? "" : JSON.stringify(detail)}`.trimEnd();
  });
  console.log(lines.join("\n"));
  expect(shownTimeline.trimEnd().split("\n")).toEqual(lines);
});
