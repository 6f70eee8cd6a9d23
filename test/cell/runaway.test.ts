// The runaway guard: a journey that takes people faster than its limit stops, says so, and stays stopped until it is
// released.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { WorkspaceCell } from "../../src/cell/workspace-cell.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted, aCommand, OPERATOR } from "../support/commands.ts";
import { decisionsOf, reasonOf } from "../support/decisions.ts";
import { anActiveJourney, aJourney, changeJourney, editJourney, readJourney } from "../support/journeys.ts";
import { runsOf } from "../support/runs.ts";
import { queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const KEY = "order-follow-up";
const MINUTE_MS = 60_000;
const LIMIT = { enrollments: 3, per: "PT1M" };

let people = 0;
/** An event of somebody who was never here. */
function newcomer() {
  people += 1;
  return { identities: { email: `p${people}@example.com` } };
}

async function guarded(over: Record<string, unknown> = { runaway: LIMIT }): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, over);
  return workspace;
}

async function newcomers(workspace: TestWorkspace, count: number): Promise<string[]> {
  const reasons = [];
  for (let i = 0; i < count; i++) reasons.push(await reasonOf(workspace, newcomer()));
  return reasons;
}

async function setLimit(workspace: TestWorkspace, runaway: { enrollments: number; per: string } | null): Promise<void> {
  await workspace.cell.changeWorkspace({ settings: { runaway } });
}

async function stoppedAt(workspace: TestWorkspace): Promise<string | null> {
  return (await readJourney(workspace.cell, KEY)).stoppedAt;
}

describe("a journey with a runaway limit", () => {
  it("takes as many as its limit and stops at the next, whoever it is", async () => {
    const workspace = await guarded();
    expect(await newcomers(workspace, 5)).toEqual([
      "enrolled",
      "enrolled",
      "enrolled",
      "runaway_stopped",
      "runaway_stopped",
    ]);
    expect(await stoppedAt(workspace)).toBe(new Date(NOW_MS).toISOString());
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ matched: 5, enrolled: 3, skipped: 2 });
  });

  it("is not stopped by the last one that fits", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 3);
    expect(await stoppedAt(workspace)).toBeNull();
  });

  it("goes on when its entries keep to the limit, to the millisecond", async () => {
    const workspace = await guarded();
    for (const atMs of [0, 20_000, 40_000, MINUTE_MS, 80_000]) {
      vi.setSystemTime(NOW_MS + atMs);
      expect([atMs, await newcomers(workspace, 1)]).toEqual([atMs, ["enrolled"]]);
    }
    vi.setSystemTime(NOW_MS + 2 * MINUTE_MS - 20_001);
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
  });

  it("stays stopped when the time of its limit has passed, and keeps its first instant", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 4);
    vi.setSystemTime(NOW_MS + 90 * MINUTE_MS);
    expect(await newcomers(workspace, 2)).toEqual(["runaway_stopped", "runaway_stopped"]);
    expect(await stoppedAt(workspace)).toBe(new Date(NOW_MS).toISOString());
  });

  it("tells those who would not have entered their own reason", async () => {
    const workspace = await guarded();
    const known = newcomer();
    await accepted(workspace, known);
    await newcomers(workspace, 3);
    expect(await reasonOf(workspace, known)).toBe("already_active");
  });

  it("leaves its runs and every other journey as they are", async () => {
    const workspace = await guarded();
    await anActiveJourney(workspace.cell, { key: "other" });
    await newcomers(workspace, 4);
    const entries = await decisionsOf(workspace, newcomer());
    expect(entries.map(({ key, reason }) => [key, reason])).toEqual([
      [KEY, "runaway_stopped"],
      ["other", "enrolled"],
    ]);
    const status = await queryCell(workspace, `SELECT DISTINCT status FROM enrollments`);
    expect(status).toEqual([{ status: "active" }]);
  });

  it("counts the events of one call as it counts those of many", async () => {
    const workspace = await guarded();
    const answer = await workspace.cell.acceptMany(
      OPERATOR,
      Array.from({ length: 5 }, () => aCommand(newcomer())),
    );
    const enrolled = answer.kind === "answered" ? answer.outcomes : [];
    expect(enrolled.map((outcome) => outcome.kind === "accepted" && outcome.enrolled)).toEqual([1, 1, 1, 0, 0]);
  });

  it("takes 200 events at once for what they are", async () => {
    const workspace = await guarded({ runaway: { enrollments: 50, per: "PT1M" } });
    const reasons = await Promise.all(Array.from({ length: 200 }, async () => await reasonOf(workspace, newcomer())));
    expect(reasons.filter((reason) => reason === "enrolled")).toHaveLength(50);
    expect(reasons.filter((reason) => reason === "runaway_stopped")).toHaveLength(150);
  });

  it("counts re-entries of one person too", async () => {
    const workspace = await guarded({ runaway: LIMIT, eligibility: { reentry: "always", maxActive: 99 } });
    const reasons = [];
    for (let i = 0; i < 4; i++) reasons.push(await reasonOf(workspace));
    expect(reasons.at(-1)).toBe("runaway_stopped");
  });
});

describe("a stop", () => {
  it("outlives the object, and what was counted does too", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 2);
    await evictDurableObject(workspace.cell);
    expect(await newcomers(workspace, 2)).toEqual(["enrolled", "runaway_stopped"]);
    await evictDurableObject(workspace.cell);
    vi.setSystemTime(NOW_MS + 90 * MINUTE_MS);
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
  });

  it("is taken back with the transaction that it was made in", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 3);
    await runInDurableObject<WorkspaceCell, void>(workspace.cell, async (cell, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      const fails = vi.spyOn(storage.sql, "exec").mockImplementation(((sql: string, ...values: unknown[]) => {
        if (sql.includes("INSERT INTO outbox_events")) throw new Error("no room");
        return exec(sql, ...(values as SqlStorageValue[]));
      }) as never);
      await expect(cell.accept(OPERATOR, aCommand(newcomer()))).rejects.toThrow("no room");
      fails.mockRestore();
    });
    expect(await stoppedAt(workspace)).toBeNull();
    vi.setSystemTime(NOW_MS + MINUTE_MS);
    expect(await newcomers(workspace, 1)).toEqual(["enrolled"]);
  });

  it.each(["pause", "edit"])("is not lifted by another change: %s", async (change) => {
    const workspace = await guarded();
    await newcomers(workspace, 4);
    if (change === "pause") await changeJourney(workspace.cell, KEY, "pause");
    else await editJourney(workspace.cell, KEY, {});
    await changeJourney(workspace.cell, KEY, "activate");
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
  });
});

describe("a release", () => {
  it("lets the journey go on, counting from then", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 4);
    vi.setSystemTime(NOW_MS + 10);
    expect((await changeJourney(workspace.cell, KEY, "release")).stoppedAt).toBeNull();
    expect(await newcomers(workspace, 4)).toEqual(["enrolled", "enrolled", "enrolled", "runaway_stopped"]);
  });

  it("holds over a restart: what came before it is not counted again", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 4);
    vi.setSystemTime(NOW_MS + 10);
    await changeJourney(workspace.cell, KEY, "release");
    vi.setSystemTime(NOW_MS + 20);
    await newcomers(workspace, 1);
    await evictDurableObject(workspace.cell);
    expect(await newcomers(workspace, 3)).toEqual(["enrolled", "enrolled", "runaway_stopped"]);
  });

  it("changes nothing of a journey that is not stopped, however often", async () => {
    const workspace = await guarded();
    await newcomers(workspace, 2);
    const before = await readJourney(workspace.cell, KEY);
    vi.setSystemTime(NOW_MS + 10);
    expect(await changeJourney(workspace.cell, KEY, "release")).toEqual(before);
    expect(await newcomers(workspace, 2)).toEqual(["enrolled", "runaway_stopped"]);
    const once = await changeJourney(workspace.cell, KEY, "release");
    vi.setSystemTime(NOW_MS + 20);
    expect(await changeJourney(workspace.cell, KEY, "release")).toEqual(once);
  });

  it("does not start a journey that takes no events", async () => {
    const workspace = await aWorkspace();
    await aJourney(workspace.cell);
    expect(await changeJourney(workspace.cell, KEY, "release")).toMatchObject({ status: "draft", stoppedAt: null });
  });
});

describe("the workspace's limit", () => {
  it("is off unless it is set", async () => {
    const workspace = await guarded({});
    expect(await newcomers(workspace, 60)).toEqual(Array.from({ length: 60 }, () => "enrolled"));
  });

  it("holds for the next event, and counts what came before it was set", async () => {
    const workspace = await guarded({});
    await newcomers(workspace, 3);
    await setLimit(workspace, LIMIT);
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
  });

  it("gives way to the journey's own", async () => {
    const workspace = await guarded({ runaway: { enrollments: 5, per: "PT1M" } });
    await setLimit(workspace, LIMIT);
    expect(await newcomers(workspace, 6)).toEqual([...Array.from({ length: 5 }, () => "enrolled"), "runaway_stopped"]);
  });

  it("counts for each journey apart", async () => {
    const workspace = await guarded({});
    await anActiveJourney(workspace.cell, { key: "other", entry: { event: "other" } });
    await setLimit(workspace, LIMIT);
    await newcomers(workspace, 3);
    expect(await reasonOf(workspace, { event: "other", ...newcomer() })).toBe("enrolled");
  });

  it("that is taken away stops nobody more, and lifts no stop", async () => {
    const workspace = await guarded({});
    await anActiveJourney(workspace.cell, { key: "other", entry: { event: "other" } });
    await setLimit(workspace, LIMIT);
    await newcomers(workspace, 4);
    for (let i = 0; i < 3; i++) await accepted(workspace, { event: "other", ...newcomer() });
    await setLimit(workspace, null);
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
    expect(await reasonOf(workspace, { event: "other", ...newcomer() })).toBe("enrolled");
  });

  it("counts what entered while it was away", async () => {
    const workspace = await guarded({});
    await setLimit(workspace, LIMIT);
    await newcomers(workspace, 1);
    await setLimit(workspace, null);
    await newcomers(workspace, 2);
    await setLimit(workspace, LIMIT);
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
  });

  it("with another length counts what is in that", async () => {
    const workspace = await guarded({});
    await setLimit(workspace, { enrollments: 9, per: "PT1M" });
    await newcomers(workspace, 2);
    vi.setSystemTime(NOW_MS + 2 * MINUTE_MS);
    await newcomers(workspace, 1);
    await setLimit(workspace, { enrollments: 3, per: "PT5M" });
    expect(await newcomers(workspace, 1)).toEqual(["runaway_stopped"]);
  });
});

it("writes no row for an entry, and one for a stop", async () => {
  const workspace = await guarded();
  const rows = async (): Promise<unknown[]> =>
    await queryCell(workspace, `SELECT id, stopped_at, released_at, updated_at FROM journeys`);
  const before = await rows();
  await newcomers(workspace, 3);
  expect(await rows()).toEqual(before);
  await newcomers(workspace, 2);
  expect(await rows()).toEqual(before.map((row) => ({ ...(row as object), stopped_at: NOW_MS })));
  expect(await runsOf(workspace)).toHaveLength(3);
});
