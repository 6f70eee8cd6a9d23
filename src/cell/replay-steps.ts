// What a replay asks of the cell, step by step, and what the cell answers.
import type { ReceiptEntry, SkipReason, UserEventRow } from "../domain/event.ts";
import type { ListPage } from "../domain/list-page.ts";
import type { RehearsedEntries } from "./rehearsed-entries.ts";

/**
 * What the entries of a replay are.
 * - `admit`: entries like those of events that come now
 * - `rehearse`: counted, and nothing is written
 * - `redrive`: what the runaway guard kept out; the guard was released for them, and does not count them
 */
export type ReplayMode = "admit" | "rehearse" | "redrive";

/** A stored event, as far as deciding it again needs it. */
export interface ReplayedEvent {
  id: string;
  profileId: string | null;
  /** JSON text as it is kept; `null` = it had none. */
  dataJson: string | null;
  redactedPaths: string[];
}

/** An event that D1 may not have yet, with what this journey decided about it; `null` = it was not asked. */
export type WaitingEvent = ReplayedEvent & { recorded: ReceiptEntry["reason"] | null };

/** Unix milliseconds of receipt, from inclusive, to exclusive. */
export interface ReplaySpan {
  fromMs: number;
  toMs: number;
}

export type ReplayStep =
  /** `skipped`: releases the journey; the span is that of what its guard kept out and nobody has replayed. */
  | { kind: "begin"; key: string; span: ReplaySpan | "skipped"; after: string | null }
  | {
      kind: "take";
      key: string;
      replayId: string;
      mode: ReplayMode;
      events: ReplayedEvent[];
      rehearsed: RehearsedEntries;
    }
  /** What the guard kept out before an instant was replayed; `null` = all of it. */
  | { kind: "redriven"; key: string; beforeMs: number | null };

export interface BegunReplay {
  kind: "begun";
  journeyId: string;
  event: string;
  span: ReplaySpan;
  waiting: ListPage<WaitingEvent>;
}

export interface TakenEvents {
  kind: "taken";
  enrolled: number;
  /** Events that a replay has let in before. */
  alreadyDecided: number;
  skipped: Partial<Record<SkipReason | "unknown_redacted", number>>;
  /** With `rehearse`: to be handed in with the next slice. */
  rehearsed: RehearsedEntries;
}

export type ReplayAnswer = BegunReplay | TakenEvents | { kind: "noted" };

/** As much of a stored event as a replay needs. */
export function replayedEventOf(
  row: Pick<UserEventRow, "event_id" | "profile_id" | "data" | "redacted_data_paths">,
): ReplayedEvent {
  const { event_id: id, profile_id: profileId, data: dataJson, redacted_data_paths: paths } = row;
  return { id, profileId, dataJson, redactedPaths: paths === null ? [] : (JSON.parse(paths) as string[]) };
}
