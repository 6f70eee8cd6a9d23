// What an event costs in written rows, and a key in bytes: the bill and the room of a workspace. The figures are
// printed, and docs/storage.md says where each row goes.
import { createHash } from "node:crypto";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { BYTES_PER_KEY, BYTES_PER_RUN_ID, KeyLedger, type StoredOutcome } from "../../src/cell/key-ledger.ts";
import { runAlarm } from "../support/alarm.ts";
import { accepted, claimsOf } from "../support/commands.ts";
import { attempted, messagesOf } from "../support/deliveries.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { KEY, triggered } from "../support/triggers.ts";
import { aWorkspace, anId, type TestWorkspace } from "../support/workspace.ts";
/** Counts the rows a cell writes from now on, indexes and alarms included. */
async function countCellRows(workspace: TestWorkspace): Promise<() => number> {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  let alarms = 0;
  await runInDurableObject(workspace.cell, (_, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql);
    storage.sql.exec = ((...args: Parameters<typeof exec>) => {
      const cursor = exec(...args);
      cursors.push(cursor);
      return cursor;
    }) as typeof exec;
    const setAlarm = storage.setAlarm.bind(storage);
    storage.setAlarm = async (...args) => {
      alarms += 1;
      await setAlarm(...args);
    };
  });
  return () => alarms + cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0);
}

/** Counts the rows D1 writes from now on, as its bill does. */
function countD1Rows(): () => number {
  let rows = 0;
  const prepare = env.DB.prepare.bind(env.DB);
  vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    const statement = prepare(sql);
    const bind = statement.bind.bind(statement);
    statement.bind = (...values) => {
      const bound = bind(...values);
      const run = bound.run.bind(bound);
      bound.run = (async () => {
        const result = await run();
        rows += result.meta.rows_written;
        return result;
      }) as typeof bound.run;
      return bound;
    };
    return statement;
  });
  return () => rows;
}

/** Rows written by a number of plain events and one flush: a known person, nothing new about them, one skip. */
async function rowsOf(events: number, over: { referenceId?: string } = {}): Promise<{ cell: number; d1: number }> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell);
  const event = { propertiesJson: '{"plan":"Pro"}', dataJson: '{"total":49}', ...over };
  await accepted(workspace, event);
  await runAlarm(workspace.cell);
  const cellRows = await countCellRows(workspace);
  const d1Rows = countD1Rows();
  for (let i = 0; i < events; i++) {
    const outcome = await accepted(workspace, { ...event, claims: claimsOf(workspace.id, `k${i}`) });
    expect([outcome.matched, outcome.enrolled]).toEqual([1, 0]);
  }
  await runAlarm(workspace.cell);
  expect((await workspace.cell.health()).outbox).toBe(0);
  vi.restoreAllMocks();
  return { cell: cellRows(), d1: d1Rows() };
}

describe("a plain event", () => {
  it("writes at most 3 rows in the cell and 3 in D1; a flush, whatever it takes, a few more", async () => {
    const [few, many] = [await rowsOf(100), await rowsOf(300)];
    const perEvent = { cell: (many.cell - few.cell) / 200, d1: (many.d1 - few.d1) / 200 };
    const perFlush = { cell: few.cell - 100 * perEvent.cell, d1: few.d1 - 100 * perEvent.d1 };
    console.log(
      `rows written per plain event: cell ${perEvent.cell}, D1 ${perEvent.d1}; ` +
        `per flush, alarms and counters: cell ${perFlush.cell}, D1 ${perFlush.d1}; ` +
        `together over 100 events: cell ${few.cell / 100}`,
    );
    expect(perEvent).toEqual({ cell: 3, d1: 3 });
    expect(perFlush.cell).toBeLessThanOrEqual(5);
    expect(perFlush.d1).toBe(0);
  });

  it("writes at most 4 rows in D1 with a referenceId", async () => {
    const rows = await rowsOf(100, { referenceId: "o-1" });
    console.log(`rows written per plain event with a referenceId: D1 ${rows.d1 / 100}`);
    expect(rows.d1 / 100).toBe(4);
  });
});

/** Rows a cell writes for one entry of a known person, less what the event itself costs. */
async function rowsOfEntry(over: Record<string, unknown>): Promise<number> {
  const workspace = await aWorkspace();
  await anActiveJourney(workspace.cell, { entry: { event: "entered" }, ...over });
  const event = { dataJson: '{"orderId":"o-1"}' };
  await accepted(workspace, { event: "other", ...event });
  // The first event after a start sets the alarm.
  await accepted(workspace, { event: "other", ...event });
  const rows = await countCellRows(workspace);
  await accepted(workspace, { event: "other", ...event });
  const plain = rows();
  const outcome = await accepted(workspace, { event: "entered", ...event });
  expect(outcome.enrolled).toBe(1);
  return rows() - 2 * plain;
}

describe("an entry", () => {
  it("costs more only where a journey counts by a key: a cap and the runaway guard count what is there", async () => {
    const rows = {
      plain: await rowsOfEntry({}),
      key: await rowsOfEntry({ eligibility: { key: "/event/orderId" } }),
      cap: await rowsOfEntry({ eligibility: { cap: { enrollments: 3, per: "PT1H" } } }),
      runaway: await rowsOfEntry({ runaway: { enrollments: 3, per: "PT1H" } }),
    };
    console.log(`rows written per entry: ${JSON.stringify(rows)}`);
    expect(rows).toEqual({ plain: 6, key: 7, cap: 6, runaway: 6 });
  });
});

/** Rows that a number of messages cost from their entry on: one attempt each, a second one for some, and a flush. */
async function rowsOfMessages(messages: number, over: { fail?: boolean } = {}): Promise<{ cell: number; d1: number }> {
  const workspace = await aWorkspace();
  const hooks = Array.from({ length: messages }, (_, i) => ({
    id: `s${i}`,
    type: "webhook",
    url: `https://h${i}.example.com/`,
  }));
  await anActiveJourney(workspace.cell, { steps: hooks });
  await accepted(workspace, { event: "other" });
  await runAlarm(workspace.cell);
  const cellRows = await countCellRows(workspace);
  const d1Rows = countD1Rows();
  await accepted(workspace);
  await runAlarm(workspace.cell);
  for (const { id } of await messagesOf(workspace)) {
    await attempted(workspace, id, 1, over.fail === true ? { outcome: "retry" } : {});
  }
  if (over.fail === true) {
    await runAlarm(workspace.cell, 10_000);
    for (const { id } of await messagesOf(workspace)) await attempted(workspace, id, 2);
  }
  await runAlarm(workspace.cell);
  expect(await workspace.cell.health()).toMatchObject({
    outboxChanges: 0,
    deliveries: { sent: messages, holds: true },
  });
  vi.restoreAllMocks();
  return { cell: cellRows(), d1: d1Rows() };
}

describe("a message", () => {
  it("costs 19 rows in the cell until it is sent, and 10 more if its first attempt fails", async () => {
    const per = async (over: { fail?: boolean }) => {
      const [few, many] = [await rowsOfMessages(5, over), await rowsOfMessages(25, over)];
      return { cell: (many.cell - few.cell) / 20, d1: (many.d1 - few.d1) / 20 };
    };
    const rows = { sent: await per({}), sentAtSecondAttempt: await per({ fail: true }) };
    console.log(`rows written per message: ${JSON.stringify(rows)}`);
    expect(rows).toEqual({ sent: { cell: 19, d1: 6 }, sentAtSecondAttempt: { cell: 29, d1: 8 } });
  });
});

/** Bytes that a ledger row takes up, page fill included, at each of these numbers of keys with such an outcome. */
async function bytesOf(sizes: readonly number[], over: Partial<StoredOutcome>): Promise<number[]> {
  return await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
    const ledger = new KeyLedger(storage.sql);
    ledger.open(Date.now());
    const before = storage.sql.databaseSize;
    let stored = 0;
    return sizes.map((size) => {
      const keys = Array.from({ length: size - stored }, (_key, i) => {
        const claim = { keyDigest: digest(`key ${stored + i}`), fingerprint: digest(`request ${stored + i}`) };
        const outcome = { eventId: anId(), profileId: anId(), matched: 10, enrolled: 0, runId: null, ...over };
        return { claim, outcome };
      });
      storage.transactionSync(() => ledger.recordAll(keys));
      stored = size;
      return (storage.sql.databaseSize - before) / size;
    });
  });
}

describe("a key", () => {
  it.each([
    ["an event that ten journeys hear", { matched: 10 }, BYTES_PER_KEY, 0.93],
    ["an event that a thousand journeys hear", { matched: 1_000, enrolled: 900 }, BYTES_PER_KEY, 0.95],
    ["a trigger whose run goes on", { matched: 1, enrolled: 1, runId: anId() }, BYTES_PER_KEY + BYTES_PER_RUN_ID, 0.93],
    ["a trigger whose run ended", { matched: 2, enrolled: 1, runId: anId() }, BYTES_PER_KEY + BYTES_PER_RUN_ID, 0.93],
  ] as const)(
    "of %s takes up no more bytes than the ledger reckons with, and hardly less",
    async (what, outcome, room, atLeast) => {
      const bytes = await bytesOf([20_000, 27_000], outcome);
      const shown = bytes.map((figure) => figure.toFixed(1)).join(", ");
      console.log(`bytes per ledger row of ${what}: ${shown} (20,000 and 27,000 keys)`);
      for (const figure of bytes) {
        expect(figure).toBeLessThanOrEqual(room);
        expect(figure).toBeGreaterThan(room * atLeast);
      }
    },
    30_000,
  );

  it("of a trigger is counted with its run's id, whenever the count is made", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, {
      key: KEY,
      entry: { api: true },
      eligibility: { reentry: "always", maxActive: 9 },
    });
    const bytes = async () => (await workspace.cell.health()).ledger.bytes;
    await accepted(workspace);
    await triggered(workspace);
    await evictDurableObject(workspace.cell);
    await triggered(workspace);
    await runAlarm(workspace.cell);
    const counted = 3 * BYTES_PER_KEY + 2 * BYTES_PER_RUN_ID;
    expect(await bytes()).toBe(counted);
    await evictDurableObject(workspace.cell);
    expect(await bytes()).toBe(counted);
  });
});

/** Spread as keyed digests are, and the same in every run: how full pages are depends on the order of keys. */
function digest(text: string): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(text).digest().subarray(0, 16));
}
