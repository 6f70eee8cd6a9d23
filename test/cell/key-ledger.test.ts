// The ledger on real tables: what a key stands for, for how long, and in how many tables.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  BYTES_PER_KEY,
  BYTES_PER_RUN_ID,
  KeyLedger,
  MAX_LEDGER_BYTES,
  MIN_RETENTION_MS,
  type StoredOutcome,
} from "../../src/cell/key-ledger.ts";
import { runAlarm } from "../support/alarm.ts";
import { accepted, claimsOf, claimsUnder, LEDGER_SECRETS } from "../support/commands.ts";
import { queryCell } from "../support/tables.ts";
import { aWorkspace, anId } from "../support/workspace.ts";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.parse("2026-06-01T00:00:00.000Z");
const KEYS_PER_GB = Math.ceil(1_000_000_000 / BYTES_PER_KEY);

function anOutcome(over: Partial<StoredOutcome> = {}): StoredOutcome {
  return { eventId: anId(), profileId: anId(), matched: 3, enrolled: 1, runId: null, ...over };
}

/** Hands out a ledger on the tables of an object that holds nothing else. */
async function withLedger(run: (ledger: KeyLedger, sql: SqlStorage) => void): Promise<void> {
  await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
    const ledger = new KeyLedger(storage.sql);
    ledger.open(NOW);
    run(ledger, storage.sql);
  });
}

const claims = (key: string, request = {}) => claimsOf("w", key, request);

function recordKey(ledger: KeyLedger, key: string): StoredOutcome {
  const outcome = anOutcome();
  ledger.record(claims(key)[0] as never, outcome);
  return outcome;
}

function knows(ledger: KeyLedger, key: string): boolean {
  return ledger.find(claims(key)).kind === "replay";
}

/** Generations by their rows and by their tables, which must be the same. */
function generations(sql: SqlStorage): number[] {
  const rows = [...sql.exec<{ generation: number }>(`SELECT generation FROM ledger_generations ORDER BY 1`)].map(
    (row) => row.generation,
  );
  const tables = [
    ...sql.exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'ledger_[0-9]*'`),
  ];
  expect(tables.map(({ name }) => Number(name.slice("ledger_".length))).toSorted((a, b) => a - b)).toEqual(rows);
  return rows;
}

describe("a key", () => {
  it("is fresh, then a replay of what was answered, then a conflict for another request", async () => {
    await withLedger((ledger) => {
      expect(ledger.find(claims("k", { total: 1 }))).toEqual({ kind: "fresh" });
      const outcome = anOutcome();
      ledger.record(claims("k", { total: 1 })[0] as never, outcome);
      expect(ledger.find(claims("k", { total: 1 }))).toEqual({ kind: "replay", outcome });
      expect(ledger.find(claims("k", { total: 2 }))).toEqual({ kind: "conflict" });
      expect(ledger.find(claims("other", { total: 1 }))).toEqual({ kind: "fresh" });
    });
  });

  it.each([
    ["nobody", { profileId: null }],
    ["a run", { runId: anId() }],
    ["many journeys", { matched: 100_000, enrolled: 99_999 }],
  ])("keeps an outcome about %s", async (_, over) => {
    await withLedger((ledger) => {
      const outcome = anOutcome(over);
      ledger.record(claims("k")[0] as never, outcome);
      expect(ledger.find(claims("k"))).toEqual({ kind: "replay", outcome });
    });
  });

  it("is stored once, as nothing but keyed digests", async () => {
    await withLedger((ledger, sql) => {
      recordKey(ledger, "k-plain-text");
      expect(() => recordKey(ledger, "k-plain-text")).toThrow();
      const columns = [...sql.exec(`SELECT * FROM ledger_1`)].map((row) => Object.values(row));
      expect(columns[0]?.map((value) => (value instanceof ArrayBuffer ? value.byteLength : value))).toEqual([
        16,
        16,
        16,
        16,
        3,
        1,
        null,
        1,
      ]);
    });
  });

  it("replays and conflicts under the older of rotated secrets, and is fresh once that is gone", async () => {
    await withLedger((ledger) => {
      const outcome = anOutcome();
      ledger.record(claimsUnder(LEDGER_SECRETS.before, "w", "k", { total: 1 })[0] as never, outcome);
      const rotated = (request: { total: number }) => claimsUnder(LEDGER_SECRETS.after, "w", "k", request);
      expect(ledger.find(rotated({ total: 1 }))).toEqual({ kind: "replay", outcome });
      expect(ledger.find(rotated({ total: 2 }))).toEqual({ kind: "conflict" });
      expect(ledger.find(rotated({ total: 1 }).slice(0, 1))).toEqual({ kind: "fresh" });
    });
  });
});

describe("a key recorded while a rotation spreads", () => {
  const [newest, oldest] = LEDGER_SECRETS.after.split(",") as [string, string];

  it.each([
    ["<old>,<new>", `${oldest},${newest}`, "<new>,<old>", `${newest},${oldest}`],
    ["<new>,<old>", `${newest},${oldest}`, "<old>,<new>", `${oldest},${newest}`],
    ["<old>", oldest, "<old>,<new>", `${oldest},${newest}`],
    ["<old>,<new>", `${oldest},${newest}`, "<old>", oldest],
  ])("$0 is found under $2", async (_, recordedUnder, __, readUnder) => {
    await withLedger((ledger) => {
      const outcome = anOutcome();
      ledger.record(claimsUnder(recordedUnder, "w", "k", { total: 1 })[0] as never, outcome);
      expect(ledger.find(claimsUnder(readUnder, "w", "k", { total: 1 }))).toEqual({ kind: "replay", outcome });
      expect(ledger.find(claimsUnder(readUnder, "w", "k", { total: 2 }))).toEqual({ kind: "conflict" });
    });
  });
});

describe("retention", () => {
  it.each([
    ["the default, visited hourly", 30 * DAY_MS, [HOUR_MS]],
    ["the shortest", DAY_MS, [HOUR_MS]],
    ["less than the shortest", HOUR_MS, [HOUR_MS]],
    [
      "a clock that jumps ahead and back",
      30 * DAY_MS,
      [HOUR_MS, 9 * DAY_MS, HOUR_MS, -3 * DAY_MS, 40 * DAY_MS, -HOUR_MS, 2 * DAY_MS],
    ],
  ])("keeps every key that long, in at most five tables: %s", async (_, retentionMs, steps) => {
    const keptMs = Math.max(retentionMs, MIN_RETENTION_MS);
    await withLedger((ledger, sql) => {
      const recorded: { key: string; latest: number }[] = [];
      let now = NOW;
      let latest = NOW;
      for (let visit = 0; visit < 1_500; visit++) {
        if (visit % 20 === 0) {
          recordKey(ledger, `k${visit}`);
          recorded.push({ key: `k${visit}`, latest });
        }
        now += steps[visit % steps.length] as number;
        latest = Math.max(latest, now);
        ledger.rotate(now, retentionMs);
        if (visit % 50 !== 0) continue;
        expect(generations(sql).length).toBeLessThanOrEqual(5);
        for (const { key, latest: at } of recorded.slice(-60))
          if (latest - at < keptMs) expect([key, knows(ledger, key)]).toEqual([key, true]);
      }
      expect(generations(sql)[0]).toBeGreaterThan(1);
      expect(knows(ledger, "k0")).toBe(false);
    });
  });

  it("ends a quarter late at most, when whole tables are dropped", async () => {
    await withLedger((ledger, sql) => {
      recordKey(ledger, "k");
      const goneAt: number[] = [];
      for (let now = NOW; now < NOW + 40 * DAY_MS; now += HOUR_MS) {
        ledger.rotate(now, 30 * DAY_MS);
        if (!knows(ledger, "k")) goneAt.push(now);
      }
      expect((goneAt[0] ?? 0) - NOW).toBeLessThanOrEqual(37.5 * DAY_MS + 2 * HOUR_MS);
      expect(generations(sql)).not.toContain(1);
    });
  });

  it("finds keys of every table at once, and puts new ones into the newest", async () => {
    await withLedger((ledger, sql) => {
      for (let quarter = 0; quarter < 5; quarter++) {
        ledger.rotate(NOW + quarter * 7.5 * DAY_MS, 30 * DAY_MS);
        recordKey(ledger, `q${quarter}`);
      }
      expect(generations(sql)).toEqual([1, 2, 3, 4, 5]);
      expect([0, 1, 2, 3, 4].map((quarter) => knows(ledger, `q${quarter}`))).toEqual([true, true, true, true, true]);
      expect(sql.exec(`SELECT 1 FROM ledger_5`).toArray()).toHaveLength(1);
    });
  });

  it("is the cell's own work, done by its alarm", async () => {
    const workspace = await aWorkspace();
    const first = await accepted(workspace, { claims: claimsOf(workspace.id, "k") });
    await runAlarm(workspace.cell, 8 * DAY_MS);
    expect(await queryCell(workspace, `SELECT generation, keys FROM ledger_generations ORDER BY 1`)).toEqual([
      { generation: 1, keys: 1 },
      { generation: 2, keys: 0 },
    ]);
    expect(await accepted(workspace, { claims: claimsOf(workspace.id, "k") })).toMatchObject({
      replayed: true,
      eventId: first.eventId,
    });
  });
});

describe("above its room", () => {
  it("drops the oldest tables until it fits, and says for how long keys are kept", async () => {
    await withLedger((ledger, sql) => {
      for (let quarter = 1; quarter < 5; quarter++) ledger.rotate(NOW + quarter * 7.5 * DAY_MS, 30 * DAY_MS);
      const now = NOW + 30 * DAY_MS + 2 * DAY_MS;
      expect(ledger.usage(now, 30 * DAY_MS)).toEqual({ bytes: 0, retentionMs: 30 * DAY_MS });
      sql.exec(`UPDATE ledger_generations SET keys = ?`, 2 * KEYS_PER_GB);
      ledger.reload();
      expect(ledger.usage(now, 30 * DAY_MS).bytes).toBeGreaterThan(MAX_LEDGER_BYTES);
      ledger.rotate(now, 30 * DAY_MS);
      expect(generations(sql)).toEqual([4, 5, 6]);
      const usage = ledger.usage(now, 30 * DAY_MS);
      expect(usage.bytes).toBeLessThanOrEqual(MAX_LEDGER_BYTES);
      expect(usage.retentionMs).toBe(now - (NOW + 22.5 * DAY_MS));
    });
  });

  it("still keeps every key 24 hours, at any rate, in at most five tables", async () => {
    await withLedger((ledger, sql) => {
      for (let hour = 0; hour < 24 * 10; hour++) {
        recordKey(ledger, `h${hour}`);
        ledger.addToCount(3 * KEYS_PER_GB, 0);
        ledger.rotate(NOW + (hour + 1) * HOUR_MS, 30 * DAY_MS);
        expect(generations(sql).length).toBeLessThanOrEqual(5);
        for (let age = 0; age < 23 && age <= hour; age++)
          expect([hour - age, knows(ledger, `h${hour - age}`)]).toEqual([hour - age, true]);
      }
      // A quarter of a day more than the 24 hours, since whole tables are dropped.
      expect(knows(ledger, `h${24 * 10 - 32}`)).toBe(false);
    });
  });

  it("counts what memory and tables say alike", async () => {
    await withLedger((ledger, sql) => {
      ledger.addToCount(7, 2);
      expect(ledger.usage(NOW, DAY_MS).bytes).toBe(7 * BYTES_PER_KEY + 2 * BYTES_PER_RUN_ID);
      expect(new KeyLedger(sql).usage(NOW, DAY_MS)).toEqual(ledger.usage(NOW, DAY_MS));
    });
  });
});
