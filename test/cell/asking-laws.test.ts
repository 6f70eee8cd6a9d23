// What is asked before an event is what accepting it then decides: random journeys, histories, people and events.
// `VITE_ASK_RUNS=500 VITE_ASK_SEED=7 npm test` plays more histories, or others; each has about 15 events.
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import type { Explanation, ExplainQuestion } from "../../src/cell/asking.ts";
import type { WorkspaceCalls } from "../../src/cell/cell-client.ts";
import type { AcceptCommand } from "../../src/cell/command.ts";
import { SUPPRESSION_REASONS, type SuppressionReason } from "../../src/domain/consent.ts";
import { SKIP_REASONS, type ReceiptEntry } from "../../src/domain/event.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import type { SentIdentities } from "../../src/domain/profile.ts";
import { redact } from "../../src/domain/redaction.ts";
import { NOW_MS } from "../support/clock.ts";
import { aCommand, accepted, OPERATOR } from "../support/commands.ts";
import { anEmailStep } from "../support/consent.ts";
import { decisionsOf } from "../support/decisions.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { endRun, runsOf } from "../support/runs.ts";
import { dumpCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

// Only variables with this prefix reach a test inside workerd.
const RUNS = Number(process.env.VITE_ASK_RUNS ?? 40);
const SEED = Number(process.env.VITE_ASK_SEED ?? 20_260_601);
const MINUTE_MS = 60_000;

interface AskedEvent {
  identities: SentIdentities;
  properties: JsonObject;
  data: JsonObject;
  redacted: string[];
  /** An event that no journey listens to comes first, and tells the person of all that this one tells. */
  introduced: boolean;
  afterMinutes: number;
  /** Which run ends before it, if there is one. */
  ending: number | null;
  /** What is said against writing to an introduced person before it. */
  against: SuppressionReason | undefined;
}

const few = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });

const clause = fc.oneof(
  few(20, 40).map((gte) => ({ $state: "/event/total", gte })),
  few("Pro", "Free").map((eq) => ({ $state: "/profile/plan", eq })),
  fc.constant({ $state: "/event/plan", eq: { $state: "/profile/plan" } }),
  fc.boolean().map((exists) => ({ $state: "/profile/email", exists })),
  fc.constant({ $state: "/event/tags", contains: "new" }),
);
const filter = fc.oneof(
  clause,
  fc.array(clause, { minLength: 1, maxLength: 3 }),
  fc.record({ $or: fc.array(clause, { minLength: 1, maxLength: 3 }), not: fc.boolean() }, { noNullPrototype: true }),
);

const eligibility = fc.record(
  {
    reentry: few<unknown>("once", "always", "always", { after: "PT1H" }, { after: "P1D" }),
    key: few("/event/orderId", "/profile/city"),
    maxActive: fc.integer({ min: 1, max: 3 }),
    cap: fc.record({ enrollments: fc.integer({ min: 1, max: 3 }), per: few("PT1H", "P1D") }, { noNullPrototype: true }),
    requires: few(["email"], ["externalId"], ["email", "externalId"]),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const aRunaway = fc.record({ enrollments: fc.integer({ min: 1, max: 4 }), per: few("PT1H", "P1D") });

/** Steps of a journey that has nothing but e-mail for people: it asks what stands against writing to them. */
const mails = maybe(few([anEmailStep()], [anEmailStep(), anEmailStep({ id: "receipt", transactional: true })]));

const journeys = fc.array(fc.record({ filter: maybe(filter), eligibility, runaway: maybe(aRunaway), mails }), {
  minLength: 2,
  maxLength: 5,
});

const externalId = few("cus_1", "cus_2", "cus_3");
const email = few("a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com");
const anonymousId = few("device-1", "device-2", "device-3");
/** Mostly one of them alone, so that there is somebody to merge when two come together. */
const someone: fc.Arbitrary<SentIdentities> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ email }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ externalId }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ anonymousId }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ anonymousId, email }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ externalId, email }, { noNullPrototype: true }) },
);

const event: fc.Arbitrary<AskedEvent> = fc.record({
  identities: someone,
  properties: fc.dictionary(few("plan", "city"), few("Pro", "Free", null), { maxKeys: 2, noNullPrototype: true }),
  data: fc.record(
    { total: few(10, 30, 50), plan: few("Pro", "Free"), orderId: few("1", "2"), tags: few(["new"], []) },
    { requiredKeys: [], noNullPrototype: true },
  ),
  redacted: few([], [], ["/event/total"], ["/event/orderId", "/event/plan"]),
  introduced: fc.boolean(),
  afterMinutes: few(0, 0, 5, 70, 1_500),
  ending: fc.option(fc.nat(20), { nil: null, freq: 2 }),
  against: fc.option(few(...SUPPRESSION_REASONS), { nil: undefined, freq: 6 }),
});

const history = fc.array(event, { minLength: 10, maxLength: 20 });

function commandOf({ identities, properties, data, redacted }: AskedEvent): AcceptCommand {
  const kept = redact(data, redacted);
  return aCommand({
    identities,
    propertiesJson: JSON.stringify(properties),
    dataJson: JSON.stringify(kept),
    unredactedJson: kept === data ? null : JSON.stringify(data),
    redactedDataPaths: redacted,
  });
}

type Decision = Pick<ReceiptEntry, "key" | "version" | "outcome" | "reason" | "detail">;
const decisionOf = ({ key, version, outcome, reason, detail }: Decision): Decision => {
  return { key, version, outcome, reason, detail };
};

async function explained(
  workspace: TestWorkspace,
  keys: readonly string[],
  over: Pick<ExplainQuestion, "person" | "event">,
): Promise<Decision[]> {
  return await Promise.all(
    keys.map(async (key) => {
      const cell = workspace.cell as unknown as WorkspaceCalls;
      const answer = await cell.explain(OPERATOR, { key, version: null, ...over });
      if (!answer.ok) throw new Error(answer.error.code);
      return decisionOf({ ...(answer.value as Explanation & Decision), key });
    }),
  );
}
it("says before an event what accepting it then decides, and writes nothing", { timeout: 600_000 }, async () => {
  const seen: Record<string, number> = {};
  let [asked, merges] = [0, 0];
  const play = fc.asyncProperty(journeys, history, async (documents, events) => {
    vi.setSystemTime(NOW_MS);
    const workspace = await aWorkspace();
    const keys = documents.map((_, i) => `journey-${i}`);
    for (const [i, { filter: wanted, ...rules }] of documents.entries()) {
      const entry = wanted === undefined ? { event: "order.created" } : { event: "order.created", filter: wanted };
      const { runaway, mails: steps, ...others } = rules;
      await anActiveJourney(workspace.cell, {
        key: keys[i],
        entry,
        ...others,
        ...(runaway === undefined ? {} : { runaway }),
        ...(steps === undefined ? {} : { steps }),
      });
    }
    for (const one of events) {
      vi.setSystemTime(Date.now() + one.afterMinutes * MINUTE_MS);
      if (one.ending !== null) {
        const run = (await runsOf(workspace)).filter(({ status }) => status === "active")[one.ending];
        if (run !== undefined) await endRun(workspace, run.id);
      }
      const command = commandOf(one);
      const told = one.introduced
        ? await accepted(workspace, { ...command, event: "$identify", dataJson: null })
        : null;

      if (told?.profileId && one.against !== undefined) {
        // A bounce needs an address: of somebody without one nothing is said.
        await workspace.cell.suppressProfile(OPERATOR, told.profileId, { reason: one.against, diagnosticCode: null });
      }

      const before = await dumpCell(workspace);
      const dry = await (workspace.cell as unknown as WorkspaceCalls).dryRun(OPERATOR, command);
      if (dry.kind !== "rehearsed") throw new Error(dry.kind);
      // Filters see what is taken out of the data, and keys do not: a sample is either.
      const sample = { name: "order.created", dataJson: command.dataJson, redactedPaths: [] };
      const answers: Decision[][] = [dry.receipt.journeys.map(decisionOf)];
      if (one.redacted.length === 0 && told?.profileId) {
        answers.push(
          await explained(workspace, keys, { person: { kind: "profile", id: told.profileId }, event: sample }),
        );
      }
      // With a warning, not all that was sent becomes the new person's.
      if (one.redacted.length === 0 && dry.profileId === null && dry.receipt.warnings.length === 0) {
        const filled = Object.entries(one.properties).filter(([, value]) => value !== null);
        const propertiesJson = JSON.stringify(Object.fromEntries(filled));
        const person = { kind: "sample" as const, identities: one.identities, propertiesJson };
        answers.push(await explained(workspace, keys, { person, event: sample }));
      }
      expect(await dumpCell(workspace)).toEqual(before);

      const decisions = (await decisionsOf(workspace, command)).map(decisionOf);
      for (const answer of answers) expect(answer).toEqual(decisions);
      for (const { reason } of decisions) seen[reason] = (seen[reason] ?? 0) + 1;
      merges += dry.receipt.warnings.filter(({ code }) => code === "merged").length;
      asked += answers.length * decisions.length;
    }
  });
  await fc.assert(play, { numRuns: RUNS, seed: SEED, endOnFailure: true });

  // A law that is never put to the test holds of anything.
  const possible = ["enrolled", ...SKIP_REASONS];
  expect([Object.keys(seen).toSorted(), asked > RUNS * 40, merges > RUNS / 8]).toEqual([
    possible.toSorted(),
    true,
    true,
  ]);
});
