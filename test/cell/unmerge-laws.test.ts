// Random histories in which merges are undone, at once or later: what a merge took goes back exactly, and whatever
// happened in between, each identity leads to one live profile and every count agrees with its rows.
// `VITE_UNMERGE_RUNS=500 VITE_UNMERGE_SEED=7 npm test` runs more, or others.
import fc from "fast-check";
import { expect, it } from "vitest";
import type { MovedByMerge } from "../../src/cell/merge-log.ts";
import { listIdentities } from "../../src/domain/identity.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { IDENTITY_KINDS, type ProfileIdentities, type SentIdentities } from "../../src/domain/profile.ts";
import { patchProperties } from "../../src/domain/properties.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { checkLaws, checkReadModel, textOf } from "../support/people-laws.ts";
import { dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

// Only variables with this prefix reach a test inside workerd.
const RUNS = Number(process.env.VITE_UNMERGE_RUNS ?? 40);
const SEED = Number(process.env.VITE_UNMERGE_SEED ?? 20_261_121);
interface Step {
  event: string;
  identities: SentIdentities;
  properties: JsonObject;
  /** How often something happens to others before the merges that this makes are undone; `null` = they stand. */
  undoAfter: number | null;
  /** Whether the last of several merges is undone first. */
  lastFirst: boolean;
  /** Afterwards the merge of this number, of those that stand, is to be undone; `null` = none. */
  undoOlder: number | null;
}

const few = (prefix: string, count: number) =>
  fc.constantFrom(...Array.from({ length: count }, (_, i) => `${prefix}${i}`));

const POOLS = {
  externalId: few("cus_", 2),
  email: few("p@e", 12),
  phone: few("+1415555010", 5),
  anonymousId: few("device-", 8),
} satisfies Record<keyof SentIdentities, fc.Arbitrary<string>>;

/** Somebody little is known of, or what shows that two of them are one. */
const someIdentities: fc.Arbitrary<SentIdentities> = fc.oneof(
  ...IDENTITY_KINDS.map((kind) => fc.record({ [kind]: POOLS[kind] }, { noNullPrototype: true })),
  {
    weight: 4,
    arbitrary: fc
      .record(POOLS, { requiredKeys: [], noNullPrototype: true })
      .filter((sent) => Object.keys(sent).length > 1),
  },
);

const aStep: fc.Arbitrary<Step> = fc.record({
  event: fc.constantFrom("a", "b", "c"),
  identities: someIdentities,
  properties: fc.dictionary(fc.constantFrom("plan", "city", "tier"), fc.constantFrom<string | null>("x", "y", null), {
    maxKeys: 2,
    noNullPrototype: true,
  }),
  undoAfter: fc.option(fc.nat(2), { freq: 2 }),
  lastFirst: fc.boolean(),
  undoOlder: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, fc.nat(9)),
});

/** Step by step from a device to a customer, so that who was merged into is merged on. */
const aChain: fc.Arbitrary<Step[]> = fc
  .tuple(fc.array(aStep, { minLength: 5, maxLength: 5 }), POOLS.externalId, POOLS.email, POOLS.anonymousId)
  .map(([steps, externalId, email, anonymousId]) => {
    const said = [{ email }, { anonymousId }, { email, anonymousId }, { externalId }, { externalId, email }];
    return steps.map((step, i) => ({ ...step, identities: said[i] as SentIdentities }));
  });

const aHistory: fc.Arbitrary<Step[]> = fc
  .array(fc.oneof({ weight: 9, arbitrary: aStep.map((step) => [step]) }, aChain), { minLength: 10, maxLength: 30 })
  .map((parts) => parts.flat());

type Dump = Awaited<ReturnType<typeof dumpCell>>;
interface StandingMerge extends Record<string, string> {
  survivor_id: string;
  merged_id: string;
}

/** What was seen over all histories: a law that was never tried holds for nothing. */
const seen = { undone: 0, several: 0, letGo: 0, revived: 0, moved: 0, refused: new Map<string, number>() };
let others = 0;

it(`gives back exactly what merges took, in ${RUNS} random histories`, { timeout: 20_000 + RUNS * 2_000 }, async () => {
  const outcome = await fc.check(
    fc.asyncProperty(aHistory, async (steps) => {
      const workspace = await aWorkspace();
      await anActiveJourney(workspace.cell, { key: "once", entry: { event: "a" } });
      await anActiveJourney(workspace.cell, {
        key: "often",
        entry: { event: "a" },
        eligibility: { reentry: "always", maxActive: 2 },
      });
      await anActiveJourney(workspace.cell, {
        key: "keyed",
        entry: { event: "b" },
        eligibility: { reentry: "always", key: "/profile/plan" },
      });
      for (const step of steps) await take(workspace, step);
      await checkLaws(workspace);
      await checkReadModel(workspace);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect(outcome.failed, fc.defaultReportMessage(outcome)).toBe(false);
  console.log("undone merges", JSON.stringify({ ...seen, refused: Object.fromEntries(seen.refused) }));
  expect(Math.min(seen.undone, seen.several, seen.letGo, seen.revived, seen.moved)).toBeGreaterThan(0);
  expect([...seen.refused.keys()].toSorted()).toEqual(["identity_moved", "survivor_merged"]);
});

async function take(workspace: TestWorkspace, step: Step): Promise<void> {
  const before = await dumpCell(workspace);
  const { eventId } = await accepted(workspace, {
    event: step.event,
    identities: step.identities,
    propertiesJson: JSON.stringify(step.properties),
  });
  const merges = await queryCell<StandingMerge & { moved: string }>(
    workspace,
    `SELECT survivor_id, merged_id, moved FROM profile_merges WHERE event_id = ? ORDER BY id`,
    eventId,
  );
  if (merges.length > 0 && step.undoAfter !== null) {
    const happened = new Set([eventId]);
    for (let i = 0; i < step.undoAfter; i++) {
      others += 1;
      const other = await accepted(workspace, { event: "a", identities: { externalId: `other_${others}` } });
      happened.add(other.eventId).add(other.profileId ?? "");
    }
    for (const merge of step.lastFirst ? merges.toReversed() : merges) {
      expect(await undo(workspace, merge)).toBe("undone");
      const { ended, enrollments, identities, survivor } = JSON.parse(merge.moved) as Required<MovedByMerge>;
      seen.revived += ended.length;
      seen.moved += enrollments.length;
      const kept = listIdentities(survivor.after).map(({ value }) => value);
      const had = [...identities, ...listIdentities(survivor.before)];
      if (!had.every(({ value }) => kept.includes(value))) seen.letGo += 1;
    }
    seen.undone += merges.length;
    if (merges.length > 1) seen.several += 1;
    compareDumps(before, await dumpCell(workspace), { survivorId: merges[0]?.survivor_id ?? "", step, happened });
  }
  if (step.undoOlder !== null) await undoOlder(workspace, step.undoOlder);
}

async function undo(workspace: TestWorkspace, { survivor_id, merged_id }: StandingMerge): Promise<string> {
  const result = await workspace.cell.unmergeProfile(OPERATOR, survivor_id, merged_id);
  if (result.ok) {
    expect([result.value.survivor.id, result.value.restored.id]).toEqual([survivor_id, merged_id]);
    return "undone";
  }
  return result.error.code === "not_eligible" ? result.error.reason : result.error.code;
}

/** Undoes a merge of any time, or is refused and changes nothing. */
async function undoOlder(workspace: TestWorkspace, which: number): Promise<void> {
  const standing = await queryCell<StandingMerge>(
    workspace,
    `SELECT survivor_id, merged_id FROM profile_merges WHERE undone_at IS NULL ORDER BY id`,
  );
  const merge = standing[which % standing.length];
  if (merge === undefined) return;
  const before = await dumpCell(workspace);
  const outcome = await undo(workspace, merge);
  await checkLaws(workspace);
  if (outcome === "undone") return;
  seen.refused.set(outcome, (seen.refused.get(outcome) ?? 0) + 1);
  expect(["survivor_merged", "identity_moved"]).toContain(outcome);
  expect(await dumpCell(workspace)).toEqual(before);
}

/** Everything is as it was before the merging event, but for what that event and others did by themselves. */
function compareDumps(
  before: Dump,
  after: Dump,
  { survivorId, step, happened }: { survivorId: string; step: Step; happened: ReadonlySet<unknown> },
): void {
  const owned = new Set(before["identities"]?.map(({ kind, value }) => [kind, value].map(textOf).join(" ")));
  const attached = Object.fromEntries(
    IDENTITY_KINDS.flatMap((kind) => {
      const value = step.identities[kind];
      return value === undefined || owned.has(`${kind} ${value}`) ? [] : [[kind, value]];
    }),
  ) as SentIdentities;
  const people = (dump: Dump) =>
    (dump["profiles"] ?? [])
      .filter(({ id }) => !happened.has(id))
      .map(({ rev: _rev, updated_at: _at, sources: _sources, identities, properties, ...row }) => ({
        ...row,
        identities: JSON.parse(textOf(identities)) as ProfileIdentities,
        properties: JSON.parse(textOf(properties)) as JsonObject,
      }));
  const expected = people(before).map((row) =>
    row["id" as never] !== survivorId
      ? row
      : {
          ...row,
          identities: withAttached(row.identities, attached),
          properties: patchProperties(row.properties, step.properties) ?? row.properties,
        },
  );
  expect(people(after)).toEqual(expected);

  const runs = (dump: Dump) =>
    (dump["enrollments"] ?? [])
      .filter(({ event_id }) => !happened.has(event_id))
      .map(({ rev: _rev, timeline, ...row }) => ({ ...row, entered: (JSON.parse(textOf(timeline)) as unknown[])[0] }));
  expect(runs(after)).toEqual(runs(before));
  const rest = (table: string, dump: Dump) =>
    (dump[table] ?? []).filter(({ event_id, profile_id }) => !happened.has(event_id) && !happened.has(profile_id));
  expect(rest("entry_events", after)).toEqual(rest("entry_events", before));
  if (
    (after["enrollments"] ?? []).some(({ event_id, profile_id }) => happened.has(event_id) && !happened.has(profile_id))
  )
    return;
  for (const table of ["enrollment_histories", "keyed_histories"]) {
    const counted = (dump: Dump) =>
      rest(table, dump).filter((row) => row["last_started_at"] !== 0 || row["active"] !== 0);
    expect([table, counted(after)]).toEqual([table, counted(before)]);
  }
}

function withAttached(own: ProfileIdentities, attached: SentIdentities): ProfileIdentities {
  const first = (value: string | undefined, list: string[]) => (value === undefined ? list : [value, ...list]);
  return {
    externalId: attached.externalId ?? own.externalId,
    emails: first(attached.email, own.emails).slice(0, 5),
    phone: attached.phone ?? own.phone,
    anonymousIds: first(attached.anonymousId, own.anonymousIds).slice(0, 50),
  };
}
