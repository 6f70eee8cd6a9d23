// Runs and time: timers fire when they are due and in order, are held while a journey is paused, and cost requests
// nothing while they wait.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { WorkspaceCell } from "../../src/cell/workspace-cell.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney, changeJourney, readJourney } from "../support/journeys.ts";
import {
  anEntry,
  anEvent,
  aRun,
  aRunningJourney,
  deliveriesOf,
  endsOf,
  linesOf,
  pass,
  readRun,
  timersOf,
} from "../support/running.ts";
import { countInCell, queryCell, rowsInD1 } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";
const HOUR_MS = 3_600_000;
const REST = { id: "rest", type: "delay", for: "PT1H" };
const WAIT = { id: "pay", type: "wait_for_event", event: "paid", timeout: "PT2H" };
const KEY = "order-follow-up";

/** Starts runs of so many people in one call. */
async function startMany(workspace: TestWorkspace, people: number): Promise<void> {
  for (let i = 0; i < people; i++) await accepted(workspace, { identities: { email: `p${i}@example.com` } });
}

describe("a timer", () => {
  it("lets its run go on when it is due, and not before", async () => {
    const { workspace, id } = await aRun([REST, { id: "bye", type: "exit" }]);
    await pass(workspace, HOUR_MS - 1);
    expect(await linesOf(workspace, id)).toEqual(["entered rest", "waiting rest"]);
    await pass(workspace, 1);
    expect(await linesOf(workspace, id)).toEqual([
      "entered rest",
      "waiting rest",
      "resumed rest",
      "entered bye",
      "ended bye",
    ]);
    expect(await timersOf(workspace)).toEqual({ running: [], held: [] });
  });

  it("brings what it changed to D1, though no event comes after it", async () => {
    const { workspace } = await aRun([REST]);
    await pass(workspace, 1_000);
    await pass(workspace, HOUR_MS);
    await pass(workspace, 1_000);
    expect(await rowsInD1(workspace, "enrollments")).toMatchObject([{ status: "completed" }]);
  });

  it("sets the alarm for its instant, also after the object was evicted", async () => {
    const { workspace } = await aRun([REST]);
    await pass(workspace, 1_000);
    const due = Date.now() - 1_000 + HOUR_MS;
    const armed = async () =>
      await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.getAlarm());
    expect(await armed()).toBe(due);
    await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.deleteAlarm());
    await evictDurableObject(workspace.cell);
    expect(await armed()).toBe(due);
  });

  it("fires with hundreds of others, each once, in slices between which others come in", async () => {
    const workspace = await aRunningJourney([REST, { id: "mail", type: "email", template: "hello" }]);
    await startMany(workspace, 300);
    vi.setSystemTime(Date.now() + HOUR_MS);
    const seen = await runInDurableObject<WorkspaceCell, number[]>(workspace.cell, async (cell) => {
      const drained = cell.alarm().then(() => true);
      const completed: number[] = [];
      while ((await Promise.race([drained, scheduler.wait(0)])) !== true) {
        const journey = await cell.readJourney(OPERATOR, KEY);
        if (journey.ok) completed.push(journey.value.counts.completed);
      }
      await drained;
      return completed;
    });
    expect(new Set(seen.filter((completed) => completed > 0 && completed < 300)).size).toBeGreaterThan(5);
    expect(new Set(await endsOf(workspace))).toEqual(new Set(["completed"]));
    expect((await deliveriesOf(workspace)).length).toBe(300);
  });

  it("that is overdue fires before the person's next event, and before what that changes", async () => {
    const steps = [
      REST,
      { id: "fork", type: "branch", if: { $state: "/profile/plan", eq: "Pro" }, then: "pro", else: "free" },
    ];
    const ends = [
      { id: "pro", type: "exit", reason: "pro" },
      { id: "free", type: "exit", reason: "free" },
    ];
    const { workspace } = await aRun([...steps, ...ends]);
    vi.setSystemTime(Date.now() + HOUR_MS);
    await anEvent(workspace, "order.created", {}, { propertiesJson: '{"plan":"Pro"}' });
    expect(await endsOf(workspace)).toEqual(["completed free"]);
  });

  it("of another person waits for the alarm", async () => {
    const { workspace } = await aRun([REST]);
    vi.setSystemTime(Date.now() + HOUR_MS);
    await anEvent(workspace, "other", {}, { identities: { email: "other@example.com" } });
    expect(await endsOf(workspace)).toEqual(["active"]);
  });

  it("whose run cannot be stored is put aside, and holds up no other", async () => {
    const { workspace, id } = await aRun([REST]);
    await anEntry(workspace, { identities: { email: "b@example.com" } });
    await queryCell(
      workspace,
      `CREATE TRIGGER refuse BEFORE UPDATE ON enrollments WHEN old.id = '${id}' BEGIN SELECT raise(ABORT, 'no'); END`,
    );
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    await pass(workspace, HOUR_MS);
    expect(error).toHaveBeenCalledWith(expect.stringContaining(id));
    expect(await endsOf(workspace)).toEqual(["active", "completed"]);
    await queryCell(workspace, `DROP TRIGGER refuse`);
    await evictDurableObject(workspace.cell);
    await pass(workspace, 0);
    expect(await endsOf(workspace)).toEqual(["completed", "completed"]);
  });
});

describe("a paused journey", () => {
  it("holds its runs, and they go on at once when it goes on", async () => {
    const { workspace, id } = await aRun([REST, { id: "bye", type: "exit" }]);
    await changeJourney(workspace.cell, KEY, "pause");
    await pass(workspace, 5 * HOUR_MS);
    expect(await linesOf(workspace, id)).toEqual(["entered rest", "waiting rest"]);
    expect(await timersOf(workspace)).toMatchObject({ running: [], held: [expect.any(Number)] });
    await changeJourney(workspace.cell, KEY, "activate");
    await pass(workspace, 0);
    expect(await readRun(workspace, id)).toMatchObject({ status: "completed", endedAt: Date.now() });
    expect(await timersOf(workspace)).toEqual({ running: [], held: [] });
  });

  it("is looked at no more while it is paused: its alarm does not go round", async () => {
    const { workspace } = await aRun([REST]);
    await changeJourney(workspace.cell, KEY, "pause");
    await pass(workspace, HOUR_MS);
    const next = await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.getAlarm());
    expect(next ?? Number.POSITIVE_INFINITY).toBeGreaterThan(Date.now() + 1_000);
  });

  it("lets timers that are not due yet be due at their own instants later", async () => {
    const { workspace, id } = await aRun([REST]);
    await changeJourney(workspace.cell, KEY, "pause");
    await changeJourney(workspace.cell, KEY, "activate");
    await pass(workspace, HOUR_MS - 1);
    expect(await readRun(workspace, id)).toMatchObject({ status: "active" });
    await pass(workspace, 1);
    expect(await readRun(workspace, id)).toMatchObject({ status: "completed" });
  });

  it("loses no awaited event: the run stands ready before its next step, and does it when the journey goes on", async () => {
    const { workspace, id } = await aRun([WAIT, { id: "mail", type: "email", template: "hello" }]);
    await changeJourney(workspace.cell, KEY, "pause");
    await anEvent(workspace, "paid");
    await pass(workspace, HOUR_MS);
    expect(await linesOf(workspace, id)).toEqual(["entered pay", "waiting pay", "resumed pay", "entered mail"]);
    expect(await deliveriesOf(workspace)).toEqual([]);
    await changeJourney(workspace.cell, KEY, "activate");
    await pass(workspace, 0);
    expect((await deliveriesOf(workspace)).length).toBe(1);
    expect(await endsOf(workspace)).toEqual(["completed"]);
  });

  it("still lets its runs be ended", async () => {
    const { workspace } = await aRun([REST], { exitOn: [{ event: "refunded" }] });
    await changeJourney(workspace.cell, KEY, "pause");
    await pass(workspace, HOUR_MS);
    await anEvent(workspace, "refunded");
    expect(await endsOf(workspace)).toEqual(["exited exit_on"]);
    expect(await timersOf(workspace)).toEqual({ running: [], held: [] });
  });

  it("goes on after an eviction that came between resuming it and its timers", async () => {
    const { workspace } = await aRun([REST]);
    await changeJourney(workspace.cell, KEY, "pause");
    await pass(workspace, HOUR_MS);
    await changeJourney(workspace.cell, KEY, "activate");
    await evictDurableObject(workspace.cell);
    await pass(workspace, 0);
    expect(await endsOf(workspace)).toEqual(["completed"]);
  });
});

describe("an archived journey", () => {
  it("exits its runs, active and held, and no others", async () => {
    const workspace = await aRunningJourney([REST]);
    await anActiveJourney(workspace.cell, { key: "other", steps: [REST] });
    await startMany(workspace, 30);
    await changeJourney(workspace.cell, KEY, "archive");
    await pass(workspace, 0);
    const ends = await endsOf(workspace);
    expect([
      ends.filter((end) => end === "exited archived").length,
      ends.filter((end) => end === "active").length,
    ]).toEqual([30, 30]);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ active: 0, exited: 30 });
    expect((await timersOf(workspace)).running.length).toBe(30);
  });

  it("does nothing for a run any more, even before its turn to exit has come", async () => {
    const { workspace, id } = await aRun([WAIT, { id: "mail", type: "email", template: "hello" }]);
    await changeJourney(workspace.cell, KEY, "archive");
    await anEvent(workspace, "paid");
    expect(await readRun(workspace, id)).toMatchObject({ status: "exited", reason: "archived" });
    expect(await deliveriesOf(workspace)).toEqual([]);
  });

  it("goes on exiting them after an eviction", async () => {
    const { workspace } = await aRun([REST]);
    await changeJourney(workspace.cell, KEY, "pause");
    await pass(workspace, HOUR_MS);
    await changeJourney(workspace.cell, KEY, "archive");
    await evictDurableObject(workspace.cell);
    await pass(workspace, 0);
    expect(await endsOf(workspace)).toEqual(["exited archived"]);
    expect(await timersOf(workspace)).toEqual({ running: [], held: [] });
  });
});

describe("runs that wait", () => {
  /** Rows that one event of a known person reads and writes. */
  async function costOf(workspace: TestWorkspace, event: string): Promise<{ read: number; written: number }> {
    const over = { event, identities: { email: "known@example.com" } };
    for (let i = 0; i < 2; i++) await accepted(workspace, over);
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
    await runInDurableObject(workspace.cell, async (_, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      vi.spyOn(storage.sql, "exec").mockImplementation(((...args: Parameters<typeof exec>) => {
        const cursor = exec(...args);
        cursors.push(cursor);
        return cursor;
      }) as never);
    });
    await accepted(workspace, over);
    await runInDurableObject(workspace.cell, async () => {
      vi.restoreAllMocks();
    });
    const sum = (count: (cursor: (typeof cursors)[number]) => number) =>
      cursors.reduce((total, cursor) => total + count(cursor), 0);
    return { read: sum((cursor) => cursor.rowsRead), written: sum((cursor) => cursor.rowsWritten) };
  }

  it("cost other people's events nothing, 100,000 of them", async () => {
    const workspace = await aRunningJourney([WAIT], { entry: { event: "ordered" } });
    await anEntry(workspace, { event: "ordered" });
    const [run] = await queryCell<{ id: string; journey_id: string }>(
      workspace,
      `SELECT id, journey_id FROM enrollments`,
    );
    const before = { other: await costOf(workspace, "other"), paid: await costOf(workspace, "paid") };
    await queryCell(
      workspace,
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
       INSERT INTO enrollments SELECT id || '-' || i, journey_id, version, 'p' || i, event_id, status, reason, step_id,
         started_at, ended_at, converted_at, timeline, rev, key_digest, run FROM n, enrollments WHERE id = ?`,
      run?.id ?? "",
    );
    await queryCell(
      workspace,
      `INSERT INTO run_waits SELECT profile_id, 'paid', id FROM enrollments WHERE id <> ?`,
      run?.id ?? "",
    );
    await queryCell(
      workspace,
      `INSERT INTO run_timers SELECT ?, id FROM enrollments WHERE id <> ?`,
      Date.now() + 2 * HOUR_MS,
      run?.id ?? "",
    );
    await evictDurableObject(workspace.cell);
    const after = { other: await costOf(workspace, "other"), paid: await costOf(workspace, "paid") };
    console.log(`rows per event with 1 and with 100,000 waiting runs: ${JSON.stringify([before, after])}`);
    expect(await countInCell(workspace, "run_waits")).toBe(100_001);
    expect(after).toEqual(before);
  });
});

describe("an enrollment from before runs moved", () => {
  it("takes up its journey at the step it waits at", async () => {
    const { workspace, id } = await aRun([{ id: "mail", type: "email", template: "hello" }, REST]);
    const timeline = JSON.stringify([{ at: new Date().toISOString(), stepId: "mail", kind: "entered", detail: null }]);
    // As its file was left: at its first step, without a state of its own, and with the timer that migrating gave it.
    await queryCell(workspace, `DELETE FROM deliveries`);
    await queryCell(workspace, `DELETE FROM run_timers`);
    await queryCell(workspace, `UPDATE enrollments SET run = NULL, step_id = 'mail', timeline = ?`, timeline);
    await queryCell(workspace, `INSERT INTO run_timers SELECT started_at, id FROM enrollments WHERE status = 'active'`);
    await evictDurableObject(workspace.cell);
    await pass(workspace, 0);
    expect(await linesOf(workspace, id)).toEqual(["entered mail", "resumed mail", "entered rest", "waiting rest"]);
    expect((await deliveriesOf(workspace)).length).toBe(1);
    await pass(workspace, HOUR_MS);
    expect(await endsOf(workspace)).toEqual(["completed"]);
  });
});
