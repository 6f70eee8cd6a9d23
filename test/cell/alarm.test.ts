// One alarm, five lanes: who runs when, and that no lane's trouble is another's. In the cell: that a lost alarm
// costs a visit of the watchdog and not an event.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { AlarmLanes, LANE_NAMES, type Lane, type LaneName } from "../../src/cell/alarm.ts";
import { pokeCells } from "../../src/cell/watchdog.ts";
import { runAlarm } from "../support/alarm.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted } from "../support/commands.ts";
import { d1GoesAway } from "../support/d1-faults.ts";
import { countInCell, rowsInD1 } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
/** A lane that is due at an instant until it has run. */
class FakeLane implements Lane {
  at: number | null;
  deadlines: number[] = [];
  failing = false;

  constructor(at: number | null = null) {
    this.at = at;
  }

  dueAt(): number | null {
    return this.at;
  }

  async run(deadline: number): Promise<void> {
    this.deadlines.push(deadline);
    if (this.failing) throw new Error("broken on purpose");
    this.at = null;
  }
}

/** A lane whose run hangs until it is let go. */
class HangingLane extends FakeLane {
  letGo: () => void = () => undefined;

  override async run(deadline: number): Promise<void> {
    this.deadlines.push(deadline);
    await new Promise<void>((done) => (this.letGo = done));
    this.at = null;
  }
}

function lanesOver(lanes: Partial<Record<LaneName, Lane>>) {
  const storage = { alarm: null as number | null, sets: 0 };
  const double = {
    getAlarm: async () => storage.alarm,
    setAlarm: async (at: number) => {
      storage.sets += 1;
      storage.alarm = at;
    },
  };
  const logged: string[] = [];
  const alarm = new AlarmLanes(double as unknown as DurableObjectStorage, lanes, (lane) => logged.push(lane));
  return { alarm, storage, logged };
}

describe("arming", () => {
  it("sets the alarm to the earliest lane", () => {
    const { alarm, storage } = lanesOver({
      flush: new FakeLane(NOW_MS + 250),
      retention: new FakeLane(NOW_MS + 9_000),
    });
    alarm.arm(NOW_MS);
    expect(storage.alarm).toBe(NOW_MS + 250);
  });

  it("costs nothing while the alarm is early enough", () => {
    const flush = new FakeLane(NOW_MS + 250);
    const { alarm, storage } = lanesOver({ flush });
    for (let i = 0; i < 100; i++) alarm.arm(NOW_MS + i);
    expect(storage.sets).toBe(1);
    flush.at = NOW_MS + 100;
    alarm.arm(NOW_MS + 50);
    expect([storage.sets, storage.alarm]).toEqual([2, NOW_MS + 100]);
  });

  it("sets none when no lane has work", () => {
    const { alarm, storage } = lanesOver({ flush: new FakeLane() });
    alarm.arm(NOW_MS);
    expect(storage.alarm).toBeNull();
  });

  it("means now for what is overdue since ever", () => {
    const { alarm, storage } = lanesOver({ flush: new FakeLane(0) });
    alarm.arm(NOW_MS);
    expect(storage.alarm).toBe(NOW_MS);
  });

  it("happens again after a rollback took the alarm back", () => {
    const { alarm, storage } = lanesOver({ flush: new FakeLane(NOW_MS + 250) });
    alarm.arm(NOW_MS);
    storage.alarm = null;
    alarm.reload();
    alarm.arm(NOW_MS);
    expect(storage.alarm).toBe(NOW_MS + 250);
  });
});

describe("running", () => {
  it("goes through the lanes in order, each with five seconds of its own", async () => {
    const order: LaneName[] = [];
    const lanes = Object.fromEntries(
      LANE_NAMES.toReversed().map((name) => {
        const lane = new FakeLane(NOW_MS);
        vi.spyOn(lane, "run").mockImplementation(async (deadline) => {
          order.push(name);
          expect(deadline).toBe(Date.now() + 5_000);
          vi.setSystemTime(Date.now() + 1_000);
          lane.at = null;
        });
        return [name, lane];
      }),
    );
    await lanesOver(lanes).alarm.run();
    expect(order).toEqual(["timers", "deliveries", "flush", "erasure", "retention"]);
  });

  it("leaves lanes that are not due alone, and arms for them", async () => {
    const [flush, retention] = [new FakeLane(NOW_MS), new FakeLane(NOW_MS + 9_000)];
    const { alarm, storage } = lanesOver({ flush, retention });
    await alarm.run();
    expect([flush.deadlines.length, retention.deadlines.length, storage.alarm]).toEqual([1, 0, NOW_MS + 9_000]);
  });

  it.each(LANE_NAMES)("keeps no lane waiting for %s when that fails, and never throws", async (failing) => {
    const lanes = Object.fromEntries(LANE_NAMES.map((name) => [name, new FakeLane(NOW_MS)])) as Record<
      LaneName,
      FakeLane
    >;
    lanes[failing].failing = true;
    const { alarm, logged, storage } = lanesOver(lanes);
    await alarm.run();
    for (const name of LANE_NAMES) expect([name, lanes[name].deadlines.length]).toEqual([name, 1]);
    expect([logged, storage.alarm]).toEqual([[failing], NOW_MS + 1_000]);
  });

  it("backs off from a failing lane, up to half a minute, and runs the others meanwhile", async () => {
    const [flush, timers] = [new FakeLane(NOW_MS), new FakeLane()];
    flush.failing = true;
    const { alarm, storage } = lanesOver({ timers, flush });
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await alarm.run();
      waits.push((storage.alarm as number) - Date.now());
      vi.setSystemTime(Date.now() + 10);
      timers.at = Date.now();
      await alarm.run();
      vi.setSystemTime(storage.alarm as number);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect([flush.deadlines.length, timers.deadlines.length]).toEqual([8, 8]);
  });

  it("forgets the backoff once the lane is well", async () => {
    const flush = new FakeLane(NOW_MS);
    const { alarm, storage } = lanesOver({ flush });
    for (const failing of [true, true, false, true]) {
      flush.failing = failing;
      flush.at = Date.now();
      await alarm.run();
      vi.setSystemTime(storage.alarm ?? Date.now());
    }
    expect(flush.deadlines).toHaveLength(4);
    expect(Date.now()).toBe(NOW_MS + 1_000 + 2_000 + 1_000);
  });

  it("waits for no backoff of a clock that was ahead", async () => {
    const flush = new FakeLane(NOW_MS);
    flush.failing = true;
    const { alarm } = lanesOver({ flush });
    await alarm.run();
    vi.setSystemTime(NOW_MS - 3_600_000);
    flush.at = Date.now();
    await alarm.run();
    expect(flush.deadlines).toHaveLength(2);
  });

  it("outlives a lane that cannot even say when it is due", async () => {
    const [timers, flush] = [new FakeLane(), new FakeLane(NOW_MS)];
    vi.spyOn(timers, "dueAt").mockImplementation(() => {
      throw new Error("broken on purpose");
    });
    const { alarm, storage } = lanesOver({ timers, flush });
    await alarm.run();
    expect(flush.deadlines).toHaveLength(1);
    expect(storage.alarm).toBeGreaterThan(NOW_MS);
    expect(storage.alarm).toBeLessThanOrEqual(NOW_MS + 30_000);
  });

  it("stops waiting for a lane that hangs, runs the others, and starts it again only when it came back", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: NOW_MS });
    const [flush, retention] = [new HangingLane(NOW_MS), new FakeLane(NOW_MS)];
    const { alarm, storage, logged } = lanesOver({ flush, retention });
    const running = alarm.run();
    await vi.advanceTimersByTimeAsync(15_000);
    await running;
    expect([retention.deadlines.length, logged, storage.alarm]).toEqual([1, ["flush"], null]);
    vi.setSystemTime(NOW_MS + 3_600_000);
    await alarm.run();
    expect(flush.deadlines).toHaveLength(1);
    flush.letGo();
    await vi.advanceTimersByTimeAsync(0);
    flush.at = NOW_MS + 3_600_000;
    const again = alarm.run();
    flush.letGo();
    await again;
    expect(flush.deadlines).toHaveLength(2);
  });

  it("sets no alarm while it runs: it arms at its end", async () => {
    const flush = new FakeLane(NOW_MS);
    const { alarm, storage } = lanesOver({ flush });
    vi.spyOn(flush, "run").mockImplementation(async () => {
      flush.at = NOW_MS + 250;
      alarm.arm(NOW_MS);
      await alarm.recover(NOW_MS);
      expect(storage.sets).toBe(0);
    });
    await alarm.run();
    expect([storage.sets, storage.alarm]).toEqual([1, NOW_MS + 250]);
  });
});

describe("in a cell", () => {
  async function loseAlarm(workspace: TestWorkspace): Promise<void> {
    await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.deleteAlarm());
    expect(await runAlarm(workspace.cell)).toBe(false);
  }

  it("a lost alarm is set again by the watchdog, and the event arrives", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace);
    await loseAlarm(workspace);
    await pokeCells(env);
    expect(await runAlarm(workspace.cell)).toBe(true);
    expect(await rowsInD1(workspace, "user_events")).toMatchObject([{ event_id: eventId }]);
  });

  it("the watchdog visits a few workspaces a run, and each of them in turn", async () => {
    const workspaces = [];
    for (let i = 0; i < 5; i++) workspaces.push(await aWorkspace());
    const ids = workspaces.map(({ id }) => id).toReversed();
    const others = (await env.DIRECTORY_CELL.getByName("directory").list(1_000, null)).length - ids.length;
    const poked: string[] = [];
    const visitor = { WORKSPACE_CELL: { getByName: (id: string) => ({ poke: async () => void poked.push(id) }) } };
    const round = async (): Promise<void> =>
      await pokeCells({ ...visitor, DIRECTORY_CELL: env.DIRECTORY_CELL } as unknown as Env, 2);
    await round();
    expect(poked).toEqual(ids.slice(0, 2));
    await round();
    expect(poked).toEqual(ids.slice(0, 4));
    const rounds = Math.floor((others + ids.length) / 2) + 1;
    for (let i = 2; i < rounds; i++) await round();
    expect(new Set(poked).size).toBe(others + ids.length);
    expect(poked).toHaveLength(others + ids.length);
    await round();
    expect(poked.slice(-2)).toEqual(ids.slice(0, 2));
    // Other tests start with the newest.
    for (let i = 1; i < rounds; i++) await round();
  });

  it("a lost alarm is set again when the object starts, and the event arrives", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace);
    await loseAlarm(workspace);
    await evictDurableObject(workspace.cell);
    await workspace.cell.health();
    expect(await runAlarm(workspace.cell)).toBe(true);
    expect(await rowsInD1(workspace, "user_events")).toMatchObject([{ event_id: eventId }]);
  });

  it("an alarm that is overdue is set again by the watchdog", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace);
    await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.setAlarm(NOW_MS + 3_600_000));
    vi.setSystemTime(NOW_MS + 3_600_000 + 31_000);
    await workspace.cell.poke();
    const at = await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.getAlarm());
    expect(at).toBe(NOW_MS + 3_600_000 + 31_000);
  });

  it("the watchdog leaves an alarm alone that is in time", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace);
    const alarmOf = async () =>
      await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.getAlarm());
    const before = await alarmOf();
    await workspace.cell.poke();
    expect([before, await alarmOf()]).toEqual([NOW_MS + 250, NOW_MS + 250]);
  });

  it("a workspace at rest keeps an alarm for its retention, an hour on", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace);
    await runAlarm(workspace.cell);
    const at = await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.getAlarm());
    expect(at).toBe(NOW_MS + 3_600_000);
  });

  it("a cell whose D1 is away backs off, and costs no alarm per event", async () => {
    const workspace = await aWorkspace();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await accepted(workspace);
    await runAlarm(workspace.cell);
    d1GoesAway();
    await accepted(workspace);
    await runAlarm(workspace.cell);
    const at = await runInDurableObject(workspace.cell, async (_, { storage }) => await storage.getAlarm());
    expect(at).toBe(Date.now() + 1_000);
    let sets = 0;
    await runInDurableObject(workspace.cell, (_, { storage }) => {
      const setAlarm = storage.setAlarm.bind(storage);
      storage.setAlarm = async (...args) => {
        sets += 1;
        await setAlarm(...args);
      };
    });
    for (let i = 0; i < 20; i++) await accepted(workspace);
    expect([sets, await countInCell(workspace, "outbox_events")]).toEqual([0, 21]);
  });
});
