// What is kept in memory of the work on messages is what the table says, whatever happens to the messages, in whatever
// order it is asked for, and after a transaction that was rolled back.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeliveryWork, EMAIL_HOST, LEASE_MS, type DeliveryTask } from "../../src/cell/delivery-work.ts";
import { NOW_MS } from "../support/clock.ts";
import { anId } from "../support/workspace.ts";
const HOST = "one.example.com";
const HOSTS = [HOST, EMAIL_HOST];
const MESSAGES = 10;

type Act =
  | { do: "put" | "claim" | "park" | "postpone" | "remove"; which: number; host: number; ms: number }
  /** `meanwhile`: of this message, while the queue takes it. */
  | { do: "queue"; limit: number; ms: number; meanwhile: "claim" | "remove" | null; which: number; host: number }
  | { do: "roll back"; which: number; host: number; ms: number };

const which = fc.nat(MESSAGES - 1);
const host = fc.constantFrom(0, 0, 0, 1);
const ms = fc.integer({ min: -2, max: 3 });
const meanwhile = fc.constantFrom("claim" as const, "remove" as const, null);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("put" as const), which, host, ms }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("queue" as const),
      limit: fc.integer({ min: 1, max: 5 }),
      ms,
      meanwhile,
      which,
      host,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("claim" as const), which, host, ms }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("park" as const), which, host, ms }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("postpone" as const), which, host, ms }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("remove" as const), which, host, ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("roll back" as const), which, host, ms }) },
);
/** What is asked for after an act: what has been asked for is remembered. */
const asking = fc.constantFrom<("nextAt" | "room" | "queue")[]>(
  [],
  ["nextAt"],
  ["room"],
  ["room"],
  ["nextAt", "room", "queue"],
);

function idOf(number: number): string {
  return `message-${String(number).padStart(2, "0")}`;
}

function taskIn(work: DeliveryWork, id: string): DeliveryTask {
  const task = work.find(id);
  if (task === null) throw new Error("expected something to do");
  return task;
}

function perform(work: DeliveryWork, one: Act, storage: DurableObjectStorage): void {
  const at = NOW_MS + one.ms;
  if (one.do === "queue") {
    const tasks = work.toQueue(NOW_MS, one.limit);
    if (one.meanwhile !== null) perform(work, { ...one, do: one.meanwhile }, storage);
    return work.queued(tasks, at + LEASE_MS);
  }
  const task = work.find(idOf(one.which));
  const where = HOSTS[one.host] as string;
  if (one.do === "put") return task === null ? work.put(idOf(one.which), at) : undefined;
  if (task === null) return;
  switch (one.do) {
    case "claim":
      return work.claim(task, where, at + LEASE_MS);
    case "park":
      return work.park(task, where);
    case "postpone":
      return work.postpone(task, at, task.failures + 1, NOW_MS);
    case "remove":
      return work.remove([task.deliveryId], NOW_MS);
    case "roll back":
      try {
        storage.transactionSync(() => {
          work.claim(task, where, at);
          work.remove([task.deliveryId], NOW_MS);
          throw new Error("rolled back");
        });
      } catch {
        work.reload();
      }
  }
}

describe("what is remembered of messages", () => {
  it("is what the table says", { timeout: 60_000 }, async () => {
    await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
      const life = fc.array(fc.tuple(act, asking), { minLength: 30, maxLength: 80, size: "max" });
      fc.assert(
        fc.property(life, (acts) => {
          storage.sql.exec(`DELETE FROM delivery_work`);
          const work = new DeliveryWork(storage.sql);
          for (const [one, asked] of acts) {
            perform(work, one, storage);
            const fresh = new DeliveryWork(storage.sql);
            const after = JSON.stringify(one);
            if (asked.includes("nextAt")) expect(work.nextAt(), after).toBe(fresh.nextAt());
            if (asked.includes("room")) {
              for (const at of HOSTS) expect(work.hasRoom(at), `${at} after ${after}`).toBe(fresh.hasRoom(at));
            }
            if (asked.includes("queue")) expect(work.toQueue(NOW_MS, 3), after).toEqual(fresh.toQueue(NOW_MS, 3));
          }
        }),
        { numRuns: 100, seed: 20_260_704 },
      );
    });
  });

  it("lets messages go on that were put aside when nobody was known to wait", async () => {
    await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
      const work = new DeliveryWork(storage.sql);
      for (const number of [0, 1, 2]) work.put(idOf(number), NOW_MS);
      work.claim(taskIn(work, idOf(0)), HOST, NOW_MS + LEASE_MS);
      work.remove([idOf(0)], NOW_MS);
      work.claim(taskIn(work, idOf(1)), HOST, NOW_MS + LEASE_MS);
      work.park(taskIn(work, idOf(2)), HOST);
      work.remove([idOf(1)], NOW_MS);
      expect(work.find(idOf(2))).toMatchObject({ state: "waiting", dueAt: NOW_MS });
    });
  });
});

describe("messages that the queue has taken", () => {
  it("stay as they are when they have been tried meanwhile", async () => {
    await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
      const work = new DeliveryWork(storage.sql);
      for (const number of [0, 1, 2]) work.put(idOf(number), NOW_MS);
      const tasks = work.toQueue(NOW_MS, 3);
      work.claim(taskIn(work, idOf(0)), HOST, NOW_MS + LEASE_MS);
      work.claim(taskIn(work, idOf(1)), HOST, NOW_MS + LEASE_MS);
      // Failed already, and due again at the instant it was due before.
      work.postpone(taskIn(work, idOf(1)), NOW_MS, 1, NOW_MS);
      work.queued(tasks, NOW_MS + 2 * LEASE_MS);
      expect(tasks.map(({ deliveryId }) => taskIn(work, deliveryId))).toMatchObject([
        { state: "claimed", dueAt: NOW_MS + LEASE_MS },
        { state: "waiting", dueAt: NOW_MS },
        { state: "queued", dueAt: NOW_MS + 2 * LEASE_MS },
      ]);
    });
  });
});

describe("a thousand messages in the queue", () => {
  it("are counted once, and never again for a claim, a report or an event", async () => {
    await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
         INSERT INTO delivery_work
         SELECT printf('message-%04d', i), iif(i < 1000, 'queued', 'waiting'), ?, NULL, 0, 0, 0 FROM n`,
        NOW_MS + LEASE_MS,
      );
      const rowsRead = countRowsRead(storage.sql);
      const work = new DeliveryWork(storage.sql);
      work.nextAt();
      work.hasRoom(HOST);
      expect(rowsRead()).toBeGreaterThan(1_000);
      for (let i = 0; i < 4; i++) {
        work.claim(taskIn(work, `message-000${i}`), HOST, NOW_MS + LEASE_MS + i);
        work.nextAt();
        expect(work.hasRoom(HOST)).toBe(i < 3);
        expect(rowsRead(), "a claim").toBeLessThanOrEqual(4);
      }
      for (let i = 0; i < 4; i++) {
        work.remove([`message-000${i}`], NOW_MS);
        work.nextAt();
        expect(work.hasRoom(HOST)).toBe(true);
        expect(rowsRead(), "a report").toBeLessThanOrEqual(10);
      }
      expect(work.nextAt()).toBe(NOW_MS + LEASE_MS);
      expect(rowsRead(), "an event").toBe(0);
    });
  });
});

/** Counts rows read; each call tells those since the one before. */
function countRowsRead(sql: SqlStorage): () => number {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  const exec = sql.exec.bind(sql);
  sql.exec = ((...args: Parameters<typeof exec>) => {
    const cursor = exec(...args);
    cursors.push(cursor);
    return cursor;
  }) as typeof exec;
  return () => cursors.splice(0).reduce((sum, cursor) => sum + cursor.rowsRead, 0);
}
