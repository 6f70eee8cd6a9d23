// What an operator does to runs: cancelling one or many, moving one to another version.
import { describe, expect, it } from "vitest";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney, changeJourney, editJourney, readJourney } from "../support/journeys.ts";
import {
  anEvent,
  anEntry,
  aRun,
  aRunningJourney,
  deliveriesOf,
  endsOf,
  linesOf,
  pass,
  readRun,
  timersOf,
} from "../support/running.ts";
import { dumpCell, countInCell } from "../support/tables.ts";
const HOUR_MS = 3_600_000;
const KEY = "order-follow-up";
const REST = { id: "rest", type: "delay", for: "PT1H" };
const WAIT = { id: "pay", type: "wait_for_event", event: "paid", timeout: "PT2H" };

describe("cancelling a run", () => {
  it("ends it with its timer and its waits, and is the same twice", async () => {
    const { workspace, id } = await aRun([WAIT]);
    const cancelled = await workspace.cell.cancelEnrollment(OPERATOR, id);
    expect(cancelled).toMatchObject({
      ok: true,
      value: { status: "cancelled", reason: "cancelled", endedAt: Date.now() },
    });
    expect(await workspace.cell.cancelEnrollment(OPERATOR, id)).toEqual(cancelled);
    await anEvent(workspace, "paid");
    await pass(workspace, 2 * HOUR_MS);
    expect(await linesOf(workspace, id)).toEqual(["entered pay", "waiting pay", "ended pay"]);
    expect([await timersOf(workspace), await countInCell(workspace, "run_waits")]).toEqual([
      { running: [], held: [] },
      0,
    ]);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ active: 0, cancelled: 1 });
  });

  it("leaves a run that ended otherwise as it is", async () => {
    const { workspace, id } = await aRun([{ id: "bye", type: "exit" }]);
    expect(await workspace.cell.cancelEnrollment(OPERATOR, id)).toMatchObject({
      ok: true,
      value: { status: "completed" },
    });
  });

  it("knows nothing of an id that is not there", async () => {
    const workspace = await aRunningJourney([REST]);
    expect(await workspace.cell.cancelEnrollment(OPERATOR, "nobody")).toMatchObject({
      ok: false,
      error: { code: "not_found" },
    });
  });
});

describe("cancelling many runs", () => {
  it("ends those of its journey that the filter means, in slices, and says how many", async () => {
    const workspace = await aRunningJourney([REST, WAIT]);
    await anActiveJourney(workspace.cell, { key: "other", steps: [REST] });
    for (let i = 0; i < 120; i++) await accepted(workspace, { identities: { email: `p${i}@example.com` } });
    expect(await workspace.cell.cancelEnrollments(OPERATOR, KEY, { stepId: "pay" })).toEqual({ ok: true, value: 0 });
    expect(await workspace.cell.cancelEnrollments(OPERATOR, KEY, { startedBefore: Date.now() })).toEqual({
      ok: true,
      value: 0,
    });
    expect(
      await workspace.cell.cancelEnrollments(OPERATOR, KEY, { version: 1, startedBefore: Date.now() + 1 }),
    ).toEqual({ ok: true, value: 120 });
    expect((await readJourney(workspace.cell, "other")).counts).toMatchObject({ active: 120, cancelled: 0 });
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ active: 0, cancelled: 120 });
    expect(await workspace.cell.cancelEnrollments(OPERATOR, KEY, {})).toEqual({ ok: true, value: 0 });
    expect(await workspace.cell.cancelEnrollments(OPERATOR, "none", {})).toMatchObject({ ok: false });
  });

  it("of some people covers what was merged into them", async () => {
    const over = { eligibility: { reentry: "always", maxActive: 100 } };
    const workspace = await aRunningJourney([REST], over);
    const lead = await accepted(workspace, { identities: { email: "a@example.com" } });
    for (let i = 0; i < 59; i++) await accepted(workspace, { identities: { email: "a@example.com" } });
    await accepted(workspace, { identities: { email: "b@example.com" } });
    await anEvent(workspace, "other", {}, { identities: { externalId: "c1" } });
    await anEvent(workspace, "other", {}, { identities: { externalId: "c1", email: "a@example.com" } });
    const profileIds = [lead.profileId ?? "", "nobody"];
    expect(await workspace.cell.cancelEnrollments(OPERATOR, KEY, { profileIds })).toEqual({ ok: true, value: 60 });
    expect((await endsOf(workspace)).filter((end) => end === "active").length).toBe(1);
  });
});

describe("migrating a run", () => {
  const SECOND = [
    { ...REST, for: "PT3H" },
    { id: "mail", type: "email", template: "hello" },
  ];

  async function twoVersions() {
    const { workspace, id } = await aRun([REST]);
    await editJourney(workspace.cell, KEY, { steps: SECOND });
    await changeJourney(workspace.cell, KEY, "activate");
    return { workspace, id };
  }

  it("tells beforehand what it would change, and changes nothing", async () => {
    const { workspace, id } = await twoVersions();
    const before = await dumpCell(workspace);
    const shown = await workspace.cell.migrateEnrollment(OPERATOR, id, { version: 2, stepId: null, dryRun: true });
    expect(shown).toMatchObject({
      ok: true,
      value: { from: { version: 1, stepId: "rest" }, to: { version: 2, stepId: "rest" }, applied: false },
    });
    expect(await dumpCell(workspace)).toEqual(before);
    const done = await workspace.cell.migrateEnrollment(OPERATOR, id, { version: 2, stepId: null, dryRun: false });
    expect(done).toEqual({ ok: true, value: { ...(shown.ok ? shown.value : {}), applied: true } });
  });

  it("moves its timer, and it goes on by the new version", async () => {
    const { workspace, id } = await twoVersions();
    const began = Date.now();
    await workspace.cell.migrateEnrollment(OPERATOR, id, { version: 2, stepId: null, dryRun: false });
    expect(await readRun(workspace, id)).toMatchObject({ version: 2, status: "active" });
    expect((await timersOf(workspace)).running).toEqual([began + 3 * HOUR_MS]);
    await pass(workspace, 3 * HOUR_MS);
    expect(await linesOf(workspace, id)).toEqual([
      "entered rest",
      "waiting rest",
      "migrated rest",
      "resumed rest",
      "entered mail",
      "ended mail",
    ]);
  });

  it("to a named step begins it, with what that asks for", async () => {
    const { workspace, id } = await twoVersions();
    await workspace.cell.migrateEnrollment(OPERATOR, id, { version: 2, stepId: "mail", dryRun: false });
    expect(await readRun(workspace, id)).toMatchObject({ version: 2, status: "completed" });
    expect(await deliveriesOf(workspace)).toMatchObject([{ enrollment_id: id, step_id: "mail" }]);
  });

  it("begins nothing for a run of an archived journey that has not been ended yet", async () => {
    const { workspace, id } = await twoVersions();
    await changeJourney(workspace.cell, KEY, "archive");
    for (const dryRun of [true, false]) {
      expect(await workspace.cell.migrateEnrollment(OPERATOR, id, { version: 2, stepId: "mail", dryRun })).toEqual({
        ok: false,
        error: { code: "not_eligible", reason: "not_active" },
      });
    }
    expect(await deliveriesOf(workspace)).toEqual([]);
    await pass(workspace, 0);
    expect(await endsOf(workspace)).toEqual(["exited archived"]);
  });

  it("is refused with a reason where it is not possible", async () => {
    const { workspace, id } = await twoVersions();
    const migrate = async (version: number, stepId: string | null) =>
      await workspace.cell.migrateEnrollment(OPERATOR, id, { version, stepId, dryRun: false });
    const refused = (reason: string) => ({ ok: false, error: { code: "not_eligible", reason } });
    expect(await migrate(3, null)).toEqual(refused("no_such_version"));
    expect(await migrate(2, "nowhere")).toEqual(refused("no_such_step"));
    await workspace.cell.cancelEnrollment(OPERATOR, id);
    expect(await migrate(2, null)).toEqual(refused("not_active"));
    const other = await anEntry(workspace, { identities: { email: "b@example.com" } });
    expect(await readRun(workspace, other)).toMatchObject({ version: 2 });
  });
});
