// What every call to a cell stands on: its parts, its alarm, the question whether the caller may still act here, and
// the transaction that a change is. Fields, not methods: the platform lets every method be called from outside,
// whatever TypeScript says of it.
import { DurableObject } from "cloudflare:workers";
import { ok } from "../domain/result.ts";
import { acceptAll } from "./accept.ts";
import { AlarmLanes } from "./alarm.ts";
import { assembleCell, type CellParts } from "./cell-parts.ts";
import { NOT_FOUND, UNAUTHORIZED, type CellResult } from "./cell-result.ts";
import type { AcceptCommand, AcceptOutcome, Caller } from "./command.ts";
import { deploymentOf } from "./deployment.ts";
import { logLane } from "./lane-log.ts";
import { migrate } from "./schema.ts";

export abstract class CellBase extends DurableObject<Env> {
  protected readonly parts: CellParts;
  protected readonly lanes: AlarmLanes;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage.sql, (run) => ctx.storage.transactionSync(run));
    this.parts = assembleCell(ctx.storage.sql, env, (run) => this.transaction(run), deploymentOf(env));
    const { timers, deliveries, flush, erasure, retention } = this.parts;
    this.lanes = new AlarmLanes(ctx.storage, { timers, deliveries, flush, erasure, retention }, logLane);
    void ctx.blockConcurrencyWhile(async () => await this.lanes.recover(Date.now()));
  }

  /** The watchdog's visit: sees that an alarm is set when work is left. */
  async poke(): Promise<void> {
    await this.lanes.recover(Date.now());
  }

  override async alarm(): Promise<void> {
    await this.lanes.run();
  }

  protected readonly may = (caller: Caller): boolean => this.parts.keys.authorize(caller, Date.now());

  /** Asks, without a change. */
  protected readonly ask = <T>(caller: Caller, read: () => CellResult<T>): CellResult<T> =>
    this.may(caller) ? read() : UNAUTHORIZED;

  /** Asks about a person: the live profile's id and those merged into it. */
  protected readonly askFamily = <T>(caller: Caller, id: string, read: (profileIds: string[]) => T): CellResult<T> => {
    if (!this.may(caller)) return UNAUTHORIZED;
    const profile = this.parts.profiles.findLive(id);
    return profile === null ? NOT_FOUND : ok(read([profile.id, ...profile.mergedFrom]));
  };

  /** A change, all or nothing. */
  protected readonly change = <T>(caller: Caller, run: () => CellResult<T>): CellResult<T> => {
    if (!this.may(caller)) return UNAUTHORIZED;
    let result: CellResult<T> = UNAUTHORIZED;
    this.transaction(() => {
      result = run();
    });
    return result;
  };

  /** A change that moves runs: what they wait for then, and what D1 does not know yet, is due. */
  protected readonly moveRuns = <T>(caller: Caller, run: () => CellResult<T>): CellResult<T> => {
    const result = this.change(caller, run);
    this.wakeFlush();
    return result;
  };

  protected readonly acceptAll = (commands: readonly AcceptCommand[]): AcceptOutcome[] => {
    let outcomes: AcceptOutcome[] = [];
    this.transaction(() => {
      outcomes = acceptAll(this.parts, commands);
    });
    if (outcomes.some((outcome) => outcome.kind === "accepted" && !outcome.replayed)) {
      this.wakeFlush();
    }
    return outcomes;
  };

  protected readonly wakeFlush = (): void => {
    const now = Date.now();
    this.parts.flush.request(now);
    this.lanes.arm(now);
  };

  protected readonly transaction = (run: () => void): void => {
    const before = this.parts.outbox.size();
    try {
      this.ctx.storage.transactionSync(run);
    } catch (error) {
      this.parts.outbox.restore(before);
      this.parts.reload();
      this.lanes.reload();
      throw error;
    }
  };
}
