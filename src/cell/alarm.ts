// An object has one alarm; five lanes share it. Each lane has its own next instant, its own backoff and a share
// of time; a failing lane never delays another, and nothing ever throws out of here: an alarm that keeps
// throwing is dropped for good after seven runs.

/** How long one lane may work in one run. */
const LANE_BUDGET_MS = 5_000;
/** A lane that overruns its budget by this much hangs on somebody else, and is no longer waited for. */
const LANE_LIMIT_MS = 15_000;
const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

/** In the order in which they run: people wait for timers, nobody waits for retention. */
export const LANE_NAMES = ["timers", "deliveries", "flush", "erasure", "retention"] as const;
export type LaneName = (typeof LANE_NAMES)[number];

export interface Lane {
  /** When there is work to do, Unix milliseconds; `null` = never, until something is asked for. */
  dueAt(now: number): number | null;
  /**
   * Works until done or until the deadline.
   *
   * @param deadline  Unix milliseconds
   */
  run(deadline: number): Promise<void>;
}

interface LaneState {
  lane: Lane;
  failures: number;
  /** After a failure: not before this instant. */
  notBefore: number;
  /** A run that was no longer waited for has not come back yet. */
  hanging: boolean;
}

export class AlarmLanes {
  readonly #storage: DurableObjectStorage;
  readonly #lanes: ReadonlyMap<LaneName, LaneState>;
  readonly #log: (lane: LaneName, error: unknown) => void;
  /** The armed instant. In memory, because a rolled-back transaction takes its `setAlarm` back with it. */
  #armedAt: number | null = null;
  #running = false;

  constructor(
    storage: DurableObjectStorage,
    lanes: Partial<Record<LaneName, Lane>>,
    log: (lane: LaneName, error: unknown) => void,
  ) {
    this.#storage = storage;
    this.#lanes = new Map(
      LANE_NAMES.flatMap((name) => {
        const lane = lanes[name];
        return lane === undefined ? [] : [[name, { lane, failures: 0, notBefore: 0, hanging: false }] as const];
      }),
    );
    this.#log = log;
  }

  /** Reads what is armed, and arms when work is left and nothing is: on start, and when the watchdog comes by. */
  async recover(now: number): Promise<void> {
    if (this.#running) return;
    this.#armedAt = await this.#storage.getAlarm();
    const overdue = this.#armedAt !== null && this.#armedAt < now - MAX_BACKOFF_MS;
    if (overdue) this.#armedAt = null;
    this.arm(now);
  }

  /**
   * Sees that the alarm is early enough for what is due. Cheap when it is; costs one row when it is not.
   * While the alarm runs nothing needs to be armed: it arms itself at its end, and runs again if it is killed.
   */
  arm(now: number): void {
    if (this.#running) return;
    const next = this.#nextAt(now);
    if (next === null) return;
    // What is overdue runs now: an object refuses an alarm at or before the epoch.
    const at = Math.max(next, now);
    if (this.#armedAt !== null && this.#armedAt <= at) return;
    void this.#storage.setAlarm(at);
    this.#armedAt = at;
  }

  /** Forgets what is armed: after a transaction that was rolled back. */
  reload(): void {
    this.#armedAt = null;
  }

  /** Runs every lane that is due. Never throws. */
  async run(): Promise<void> {
    this.#running = true;
    try {
      for (const [name, state] of this.#lanes) await this.#runLane(name, state);
    } finally {
      this.#running = false;
      this.#armedAt = null;
      this.arm(Date.now());
    }
  }

  async #runLane(name: LaneName, state: LaneState): Promise<void> {
    const now = Date.now();
    try {
      const due = state.hanging ? null : state.lane.dueAt(now);
      if (due === null || due > now || notBefore(state, now) > now) return;
      await this.#finish(state, state.lane.run(now + LANE_BUDGET_MS));
      state.failures = 0;
      state.notBefore = 0;
    } catch (error) {
      state.failures += 1;
      state.notBefore = Date.now() + Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** (state.failures - 1));
      this.#log(name, error);
    }
  }

  /** Waits for a lane's run, within reason: D1 may be slow instead of failing. */
  async #finish(state: LaneState, run: Promise<void>): Promise<void> {
    const limit = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      state.hanging = true;
      limit.reject(new Error("the lane is hanging"));
    }, LANE_LIMIT_MS);
    const settled = run.finally(() => {
      clearTimeout(timer);
      if (!state.hanging) return;
      state.hanging = false;
      this.arm(Date.now());
    });
    await Promise.race([settled, limit.promise]);
  }

  #nextAt(now: number): number | null {
    let next: number | null = null;
    for (const state of this.#lanes.values()) {
      const at = dueAt(state, now);
      if (at !== null && (next === null || at < next)) next = at;
    }
    return next;
  }
}

/** When a lane is to run; one that cannot say is asked again later, when its error is logged. */
function dueAt(state: LaneState, now: number): number | null {
  if (state.hanging) return null;
  try {
    const at = state.lane.dueAt(now);
    return at === null ? null : Math.max(at, notBefore(state, now));
  } catch {
    return now + MAX_BACKOFF_MS;
  }
}

/** The end of a lane's backoff; one that is further away than any comes from a clock that was set back. */
function notBefore(state: LaneState, now: number): number {
  return state.notBefore > now + MAX_BACKOFF_MS ? now : state.notBefore;
}
