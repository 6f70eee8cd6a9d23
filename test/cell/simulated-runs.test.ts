// What the simulator says beforehand is what the cell does: random journeys and scripts, played by both. In the cell
// time passes from one timer to the next, and each of them goes off by the cell's own alarm.
// `VITE_SIMULATED_RUNS=1000 VITE_SIMULATED_SEED=7 npm test` plays more, or others.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import type { JsonObject } from "../../src/domain/json.ts";
import { simulate, type Simulation } from "../../src/domain/simulate.ts";
import { definitionOf } from "../domain/journey-document.ts";
import { journeyDocuments, scripts, type RandomScript } from "../domain/random-journey.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { deliveriesOf, readRun } from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const RUNS = Number(process.env.VITE_SIMULATED_RUNS ?? 60);
const SEED = Number(process.env.VITE_SIMULATED_SEED ?? 20_260_601);
/** Scripts are of 2026: ten years on no alarm goes off by itself. */
const LATER_MS = Date.parse("2036-01-01T00:00:00.000Z") - Date.parse("2026-01-01T00:00:00.000Z");
const EMAIL = "alex@example.com";
type Played = {
  runs: {
    status: string;
    reason: string | null;
    stepId: string | null;
    startedAt: string;
    convertedAt: string | null;
    timeline: unknown;
  }[];
  deliveries: { run: number; deliveryKey: string; request: unknown }[];
  properties: JsonObject;
};

it(`the cell does what the simulator says, in ${RUNS} random journeys`, { timeout: 3_000 * RUNS }, async () => {
  let lines = 0;
  await fc.assert(
    fc.asyncProperty(journeyDocuments, scripts, async (document, script) => {
      const { expected, played } = await playBoth(document, script);
      expect(played).toEqual(expected);
      lines += expected.runs.reduce((sum, { timeline }) => sum + (timeline as unknown[]).length, 0);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(`${RUNS} random journeys had ${lines} timeline lines, the same in the simulator and the cell`);
  expect(lines).toBeGreaterThan(RUNS * 5);
});

async function playBoth(document: Record<string, unknown>, random: RandomScript) {
  const start = random.start + LATER_MS;
  const until = random.until + LATER_MS;
  const events = random.events.map((event) => ({ ...event, at: event.at + LATER_MS })).filter(({ at }) => at <= until);
  vi.setSystemTime(start);
  const workspace = await aWorkspace();
  const { id, key, version } = await anActiveJourney(workspace.cell, document);
  const propertiesJson = JSON.stringify(random.properties);
  const { profileId } = await accepted(workspace, {
    event: "profile.made",
    identities: { email: EMAIL },
    propertiesJson,
  });
  const expected = simulate({
    journey: { id, key, version, definition: definitionOf(document) },
    profile: { id: profileId ?? "", identities: { email: EMAIL }, properties: random.properties },
    events,
    start,
    until,
    seed: "",
    timezone: "UTC",
    deliveries: "pending",
  });

  for (const [i, { at, event, data }] of events.entries()) {
    // Where a timer meets an event, every other time the alarm is late and the event comes first.
    await passUntil(workspace, i % 2 === 0 ? at : at - 1);
    vi.setSystemTime(at);
    await accepted(workspace, { event, identities: { email: EMAIL }, dataJson: JSON.stringify(data) });
  }
  await passUntil(workspace, until);
  return { expected: simulated(expected), played: await playedIn(workspace, profileId ?? "") };
}

/** Lets time pass up to an instant, inclusive, from one timer to the next. */
async function passUntil(workspace: TestWorkspace, until: number): Promise<void> {
  for (;;) {
    const { due, armed } = await runInDurableObject(workspace.cell, async (_, { storage }) => ({
      due: [...storage.sql.exec<{ due_at: number }>(`SELECT min(due_at) AS due_at FROM run_timers`)][0]?.due_at ?? null,
      armed: await storage.getAlarm(),
    }));
    if (due === null || due > until) return;
    expect(armed).toBeLessThanOrEqual(due);
    vi.setSystemTime(due);
    await runDurableObjectAlarm(workspace.cell);
  }
}

function simulated({ enrollments, deliveries, properties }: Simulation): Played {
  const ids = enrollments.map(({ id }) => id);
  return {
    runs: enrollments.map(({ status, reason, stepId, startedAt, convertedAt, timeline }) => {
      return { status, reason, stepId, startedAt, convertedAt, timeline };
    }),
    deliveries: deliveries
      .map(({ enrollmentId, deliveryKey, request }) => ({ run: ids.indexOf(enrollmentId), deliveryKey, request }))
      .toSorted(byRun),
    properties,
  };
}

async function playedIn(workspace: TestWorkspace, profileId: string): Promise<Played> {
  const ids = (await runsOf(workspace)).map(({ id }) => id);
  const profile = await workspace.cell.readProfile(OPERATOR, profileId);
  if (!profile.ok) throw new Error("expected a profile");
  return {
    runs: await Promise.all(
      ids.map(async (id) => {
        const { status, reason, stepId, startedAt, convertedAt, timeline } = await readRun(workspace, id);
        return { status, reason, stepId, startedAt: iso(startedAt), convertedAt: iso(convertedAt), timeline };
      }),
    ),
    deliveries: (await deliveriesOf(workspace))
      .map(({ enrollment_id, delivery_key, request }) => ({
        run: ids.indexOf(enrollment_id),
        deliveryKey: delivery_key,
        request,
      }))
      .toSorted(byRun),
    properties: JSON.parse(profile.value.propertiesJson) as JsonObject,
  };
}

function byRun(a: Played["deliveries"][number], b: Played["deliveries"][number]): number {
  return a.run - b.run || Number(a.deliveryKey.split(":")[1]) - Number(b.deliveryKey.split(":")[1]);
}

function iso(instant: number): string;
function iso(instant: number | null): string | null;
function iso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
