// Runs a replay: pages through the stored events of a journey's event name, oldest first, and hands the cell what its
// journey has not decided. Nothing depends on its getting to the end: what was let in stays let in, and going on, or
// beginning again, lets nothing in twice.
import {
  replayedEventOf,
  type BegunReplay,
  type ReplayAnswer,
  type ReplayedEvent,
  type ReplayMode,
  type ReplayStep,
  type TakenEvents,
  type WaitingEvent,
} from "../../cell/replay-steps.ts";
import type { RehearsedEntries } from "../../cell/rehearsed-entries.ts";
import { readEventHistory } from "../../d1/event-history.ts";
import { recordedReasons } from "../../d1/recorded-reasons.ts";
import { askCell, askReadModel, workspaceOf } from "../cell-access.ts";
import type { HttpContext } from "../context.ts";

/** Each slice is one transaction of the cell, which takes no events meanwhile. */
const SLICE_EVENTS = 100;
const MAX_TIME_MS = 20_000;
/** Calls of D1 and of the cell: one request may make 1,000, and each slice takes three and one for a large payload. */
const MAX_SLICES = 240;

export interface ReplayResult {
  /** Stored events that were looked at. */
  events: number;
  enrolled: number;
  /** Events left alone: the journey has decided them, or a replay has let them in. */
  alreadyDecided: number;
  skipped: TakenEvents["skipped"];
  /** The last event that was looked at, where there may be more; `null` = that were all. */
  next: string | null;
}

export interface ReplayOrder {
  key: string;
  replayId: string;
  mode: ReplayMode;
  /** Events at most. */
  limit: number;
  /** The last event of the replay before, where this one goes on. */
  after: string | null;
}

/**
 * Begins a replay, which for `skipped` releases the journey.
 *
 * @throws Failure `journey_not_active`, `journey_archived`, `not_found`
 */
export async function beginReplay(
  c: HttpContext,
  step: Omit<Extract<ReplayStep, { kind: "begin" }>, "kind">,
): Promise<BegunReplay> {
  return (await takeStep(c, { kind: "begin", ...step }, "begun")) as BegunReplay;
}

/** Notes how far a replay of what the guard kept out has come. */
export async function noteRedriven(c: HttpContext, key: string, beforeMs: number | null): Promise<void> {
  await takeStep(c, { kind: "redriven", key, beforeMs }, "noted");
}

/** Replays what was begun, as far as limit and time allow. */
export async function runReplay(c: HttpContext, begun: BegunReplay, order: ReplayOrder): Promise<ReplayResult> {
  const { db } = c.get("services");
  const { journeyId, event, span, waiting } = begun;
  const run = new Run(c, order);
  const endsAt = Date.now() + MAX_TIME_MS;
  const seen = new Set<string>();
  let last = order.after;

  for (let slices = 0; ; slices++) {
    const wanted = Math.min(SLICE_EVENTS, order.limit - run.result.events);
    const from = last;
    const ends = slices >= MAX_SLICES || Date.now() > endsAt;
    const rows = await askReadModel(
      async () => await readEventHistory(db, workspaceOf(c), event, span, from, Math.max(1, wanted)),
    );
    if (rows.length === 0) break;
    if (ends || wanted === 0) return { ...run.result, next: last };
    const ids = rows.map(({ event_id }) => event_id);
    const reasons = await askReadModel(async () => await recordedReasons(db, workspaceOf(c), journeyId, ids));
    await run.take(rows.map((row) => ({ ...replayedEventOf(row), recorded: reasons.get(row.event_id) ?? null })));
    for (const id of ids) seen.add(id);
    last = ids.at(-1) ?? last;
  }

  // They waited before D1 was read: whatever was not there is among them.
  const left = waiting.items.filter(({ id }) => !seen.has(id));
  for (let at = 0; at < left.length;) {
    const wanted = Math.min(SLICE_EVENTS, order.limit - run.result.events);
    if (wanted === 0) return { ...run.result, next: last };
    const slice = left.slice(at, at + wanted);
    await run.take(slice);
    at += slice.length;
    last = slice.at(-1)?.id ?? last;
  }
  return { ...run.result, next: waiting.more ? last : null };
}

class Run {
  readonly result: ReplayResult = { events: 0, enrolled: 0, alreadyDecided: 0, skipped: {}, next: null };
  readonly #c: HttpContext;
  readonly #order: ReplayOrder;
  #rehearsed: RehearsedEntries = new Map();

  constructor(c: HttpContext, order: ReplayOrder) {
    this.#c = c;
    this.#order = order;
  }

  async take(events: readonly WaitingEvent[]): Promise<void> {
    const { key, replayId, mode } = this.#order;
    const open = events.filter(
      ({ recorded }) => recorded === "runaway_stopped" || (recorded === null && mode !== "redrive"),
    );
    const { result } = this;
    // What the guard did not keep out is no part of replaying what it did.
    const looked = mode === "redrive" ? open : events;
    result.events += looked.length;
    result.alreadyDecided += looked.length - open.length;
    if (open.length === 0) return;
    const slice: ReplayedEvent[] = open.map(({ recorded: _recorded, ...event }) => event);
    const step: ReplayStep = { kind: "take", key, replayId, mode, events: slice, rehearsed: this.#rehearsed };
    const taken = (await takeStep(this.#c, step, "taken")) as TakenEvents;
    this.#rehearsed = taken.rehearsed;
    result.enrolled += taken.enrolled;
    result.alreadyDecided += taken.alreadyDecided;
    for (const [reason, count] of Object.entries(taken.skipped) as [keyof TakenEvents["skipped"], number][]) {
      result.skipped[reason] = (result.skipped[reason] ?? 0) + count;
    }
  }
}

async function takeStep(c: HttpContext, step: ReplayStep, kind: ReplayAnswer["kind"]): Promise<ReplayAnswer> {
  const answer = await askCell(c, async (cell, caller) => await cell.replay(caller, step));
  if (answer.kind !== kind) throw new Error("a step of a replay was answered with another");
  return answer;
}
