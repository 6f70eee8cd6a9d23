import { afterEach, describe, expect, it, vi } from "vitest";
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as health from "../../src/d1/health.ts";
import type { ForgottenMessages } from "../../src/cell/forgotten-messages.ts";
import { type KeyLedger, MIN_RETENTION_MS } from "../../src/cell/key-ledger.ts";
import type { RejectedEvents } from "../../src/cell/rejected-events.ts";
import { RetentionLane } from "../../src/cell/retention-lane.ts";
import type { EventCut } from "../../src/cell/workspace-store.ts";
import { runAlarm } from "../support/alarm.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted } from "../support/commands.ts";
import { d1GoesAway } from "../support/d1-faults.ts";
import { queryCell, rowsInD1 } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const DAY_MS = 86_400_000;
afterEach(() => vi.restoreAllMocks());

/** Lets a cell's background work come by at an instant. */
async function runAt(workspace: TestWorkspace, ms: number): Promise<void> {
  vi.setSystemTime(ms);
  await workspace.cell.poke();
  await runAlarm(workspace.cell);
}

describe("retention", () => {
  it("deletes events in D1 that are past the workspace's retention, and no others", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { event: "old" });
    await runAt(workspace, NOW_MS + 60 * DAY_MS);
    await accepted(workspace, { event: "young" });
    await runAt(workspace, NOW_MS + 89 * DAY_MS);
    expect((await rowsInD1<{ event: string }>(workspace, "user_events")).map(({ event }) => event)).toEqual([
      "old",
      "young",
    ]);
    await runAt(workspace, NOW_MS + 90 * DAY_MS + 3_700_000);
    expect((await rowsInD1<{ event: string }>(workspace, "user_events")).map(({ event }) => event)).toEqual(["young"]);
  });

  it("keeps events for as long as the workspace says", async () => {
    const workspace = await aWorkspace();
    await workspace.cell.changeWorkspace({ settings: { eventRetention: "P2D" } });
    await accepted(workspace);
    await runAlarm(workspace.cell);
    await runAt(workspace, NOW_MS + 2 * DAY_MS + 3_700_000);
    expect(await rowsInD1(workspace, "user_events")).toEqual([]);
  });

  it("turns the ledger's generations over while D1 is away", async () => {
    const workspace = await aWorkspace();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const generations = async (): Promise<number> =>
      (await queryCell<{ newest: number }>(workspace, "SELECT max(generation) AS newest FROM ledger_generations"))[0]
        ?.newest ?? 0;
    const before = await generations();
    d1GoesAway();
    await runAt(workspace, NOW_MS + 8 * DAY_MS);
    expect(await generations()).toBe(before + 1);
  });
});

describe("a clock that was far ahead and is set back", () => {
  it("holds up neither the cleanup nor the ledger's generations", async () => {
    const workspace = await aWorkspace();
    await runAt(workspace, NOW_MS + 1_000 * DAY_MS);
    const state = async () =>
      (
        await queryCell<{ cleaned: number; started: number; newest: number }>(
          workspace,
          `SELECT last_cleanup_at AS cleaned, max(started_at) AS started, max(generation) AS newest
             FROM workspace, ledger_generations`,
        )
      )[0];
    await runAt(workspace, NOW_MS + 2 * DAY_MS);
    const back = await state();
    expect(back).toMatchObject({ cleaned: Date.now(), started: Date.now() });
    await runAt(workspace, NOW_MS + 10 * DAY_MS);
    expect((await state())?.newest).toBe((back?.newest ?? 0) + 1);
  });
});

describe("a database past its bound", () => {
  const SIZE = 8_000_000_000;
  const PARTS = {
    db: env.DB,
    ledger: { rotate: () => undefined } as unknown as KeyLedger,
    rejected: { forget: () => undefined } as unknown as RejectedEvents,
    messages: { forgetBefore: () => false } as unknown as ForgottenMessages,
    transaction: (run: () => void) => run(),
  };

  /** The instants before which each hourly run would delete, as ages in days, for the sizes it finds. */
  async function agesFor(sizes: number[]): Promise<number[]> {
    const workspace = await aWorkspace();
    const retention = {
      id: workspace.id,
      ledgerRetentionMs: MIN_RETENTION_MS,
      eventRetentionMs: 10 * DAY_MS,
      lastCleanupAt: 0,
      lastD1Bytes: null,
      eventCutMs: 0,
    };
    const bounds: string[] = [];
    const prepare = env.DB.prepare.bind(env.DB);
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      const statement = prepare(sql);
      const bind = statement.bind.bind(statement);
      if (sql.includes("DELETE FROM user_events ")) {
        statement.bind = (...values) => {
          bounds.push(String(values[1]));
          return bind(...values);
        };
      }
      return statement;
    });
    const sized = vi.spyOn(health, "readModelHealth");
    for (const bytes of sizes) {
      sized.mockResolvedValueOnce({ bytes, oldestEventId: null, schemaVersion: 1 });
      const cleanedUp = (_: number, cut: EventCut) => Object.assign(retention, cut);
      await new RetentionLane({ ...PARTS, cleanedUp, workspace: () => retention }).run(Date.now() + 5_000);
    }
    return bounds.map((id) => (Date.now() - Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)) / DAY_MS);
  }

  it("is remembered by a cell that stops in between", async () => {
    const workspace = await aWorkspace();
    const sized = vi.spyOn(health, "readModelHealth");
    for (const hour of [1, 2, 3]) {
      sized.mockResolvedValueOnce({ bytes: SIZE + hour, oldestEventId: null, schemaVersion: 1 });
      await runAt(workspace, NOW_MS + hour * 3_700_000);
      await evictDurableObject(workspace.cell);
    }
    expect(await queryCell(workspace, "SELECT last_d1_bytes, event_cut_ms FROM workspace")).toEqual([
      { last_d1_bytes: SIZE + 3, event_cut_ms: 2 * DAY_MS },
    ]);
  });

  it("keeps events a day less for each hour in which it still grows, and at least a day", async () => {
    const growing = Array.from({ length: 12 }, (_, hour) => SIZE + hour);
    expect(await agesFor(growing)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 1]);
  });

  it("cuts no further once it has stopped growing, and nothing while it is below", async () => {
    expect(await agesFor([SIZE - 2, SIZE - 1, SIZE, SIZE, SIZE + 1, SIZE + 1])).toEqual([10, 10, 9, 9, 8, 8]);
  });
});
