// What a journey would have done: events of the past, one after the other, decided as accepting them would have, from
// an empty history. Pure: whoever reads the events hands them in, oldest first.
import type { Condition } from "./condition.ts";
import type { EntryLimit, Standing } from "./eligibility.ts";
import { EntryWindow } from "./entry-window.ts";
import type { ReceiptEntry } from "./event.ts";
import { explainFilter } from "./explain.ts";
import { uuidV7Ms } from "./ids.ts";
import type { Json } from "./json.ts";
import { longestRunMs } from "./longest-run.ts";
import { decide, type EntryScope, type ListeningJourney } from "./matching.ts";
import { compileJourney, type JourneyDefinition } from "./journey.ts";
import type { IdentityKind } from "./profile.ts";

/** Examples kept of each reason. */
const EXAMPLES_PER_REASON = 3;

/** An event as it is kept. */
export interface PastEvent {
  /** Its instant is the event's. */
  id: string;
  profileId: string | null;
  /** JSON text; `null` = it had none. */
  dataJson: string | null;
  redactedPaths: readonly string[];
}

/** Who an event is about, as they are now. */
export interface PresentPerson {
  /** Of the live profile: what was merged counts together. */
  id: string;
  has: (kind: IdentityKind) => boolean;
  suppressed: Standing["suppressed"];
  /** What `/profile/*` reads. */
  scope: () => Json;
}

export interface BacktestExample {
  eventId: string;
  profileId: string | null;
  outcome: "enrolled" | "skipped" | "unknown_redacted";
  reason: ReceiptEntry["reason"] | null;
}

export interface BacktestResult {
  events: number;
  matched: number;
  enrolled: number;
  skipped: Partial<Record<ReceiptEntry["reason"], number>>;
  /** Events whose filter hangs on values that are no longer kept; they are not `matched`, and nobody is enrolled. */
  unknownRedacted: number;
  /** The first few of each reason, oldest first. */
  examples: BacktestExample[];
}

/** When a person's runs began, oldest first. */
interface Starts {
  all: number[];
  byKey: Map<string, number[]>;
}

export class Backtest {
  readonly #journey: ListeningJourney;
  readonly #filter: Condition | undefined;
  readonly #longestRunMs: number;
  readonly #limit: EntryLimit | null;
  readonly #window: EntryWindow | null;
  readonly #people = new Map<string, Starts>();
  readonly #result: BacktestResult = {
    events: 0,
    matched: 0,
    enrolled: 0,
    skipped: {},
    unknownRedacted: 0,
    examples: [],
  };
  #stopped = false;

  /**
   * @param definition      a checked document whose entry is an event
   * @param workspaceLimit  the runaway limit of journeys that name none of their own
   */
  constructor(
    of: Pick<ListeningJourney, "id" | "key" | "version">,
    definition: JourneyDefinition,
    workspaceLimit: EntryLimit | null,
  ) {
    this.#journey = { ...of, ...compileJourney(definition) };
    this.#filter = "event" in definition.entry ? definition.entry.filter : undefined;
    this.#longestRunMs = longestRunMs(definition.steps);
    this.#limit = this.#journey.runaway ?? workspaceLimit;
    this.#window = this.#limit === null ? null : new EntryWindow(this.#limit.perMs);
  }

  get result(): BacktestResult {
    return this.#result;
  }

  /**
   * Takes the next event.
   *
   * @param person  `null` = the event is about nobody who is still there
   */
  take(event: PastEvent, person: PresentPerson | null): void {
    const result = this.#result;
    result.events += 1;
    const scope = scopeOf(event, person);
    const filter = this.#filterFor(event, scope);
    if (filter === "unknown") {
      result.unknownRedacted += 1;
      this.#exemplify(event, "unknown_redacted", null);
      return;
    }
    const now = uuidV7Ms(event.id);
    const starts = person === null ? null : (this.#people.get(person.id) ?? { all: [], byKey: new Map() });
    const verdict = decide({ ...this.#journey, filter }, scope, {
      now,
      standing: person === null || starts === null ? null : (_, key) => this.#standing(person, starts, key, now),
      isRunaway: () => this.#isRunaway(now),
    });
    result.matched += 1;
    if (verdict.outcome === "skipped") {
      if (verdict.reason === "runaway_stopped") this.#stopped = true;
      result.skipped[verdict.reason] = (result.skipped[verdict.reason] ?? 0) + 1;
      this.#exemplify(event, "skipped", verdict.reason);
      return;
    }
    result.enrolled += 1;
    this.#exemplify(event, "enrolled", "enrolled");
    this.#window?.add(now);
    if (person !== null && starts !== null) this.#begin(person.id, starts, verdict.entryKey, now);
  }

  /** The filter to decide an event by; where something was taken out of it, only what it comes to all the same. */
  #filterFor({ redactedPaths, dataJson }: PastEvent, scope: EntryScope): ListeningJourney["filter"] | "unknown" {
    if (this.#filter === undefined || dataJson === null || redactedPaths.length === 0) return this.#journey.filter;
    const { holds, failed } = explainFilter(this.#filter, scope, redactedPaths);
    return holds === null ? "unknown" : () => failed;
  }

  #standing(person: PresentPerson, starts: Starts, key: string | null, now: number): Standing {
    const counted = key === null ? starts.all : (starts.byKey.get(key) ?? []);
    return {
      has: person.has,
      suppressed: person.suppressed,
      history: () => ({
        lastStartedAt: counted.at(-1) ?? null,
        // When a run would have ended is not known: it is active as long as it can be.
        active: countAfter(counted, now - this.#longestRunMs),
      }),
      startedAfter: (instant, most) => Math.min(most, countAfter(starts.all, instant)),
    };
  }

  #isRunaway(now: number): boolean {
    if (this.#stopped) return true;
    return this.#limit !== null && this.#window !== null && this.#window.count(now) >= this.#limit.enrollments;
  }

  #begin(personId: string, starts: Starts, key: string | null, now: number): void {
    this.#people.set(personId, starts);
    starts.all.push(now);
    if (key === null) return;
    const underKey = starts.byKey.get(key);
    if (underKey === undefined) starts.byKey.set(key, [now]);
    else underKey.push(now);
  }

  #exemplify(event: PastEvent, outcome: BacktestExample["outcome"], reason: BacktestExample["reason"]): void {
    const { examples } = this.#result;
    if (examples.filter((one) => one.outcome === outcome && one.reason === reason).length >= EXAMPLES_PER_REASON)
      return;
    examples.push({ eventId: event.id, profileId: event.profileId, outcome, reason });
  }
}

/** What filters and keys see: data as it is kept, the person as they are now. Parsed when a clause asks. */
function scopeOf({ dataJson }: PastEvent, person: PresentPerson | null): EntryScope {
  let event: Json | undefined;
  const kept = (): Json => (event ??= JSON.parse(dataJson ?? "{}") as Json);
  return { event: kept, keptEvent: kept, profile: () => person?.scope() };
}

/** How many of ascending instants lie after one. */
function countAfter(instants: readonly number[], instant: number): number {
  let [low, high] = [0, instants.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((instants[middle] as number) > instant) high = middle;
    else low = middle + 1;
  }
  return instants.length - low;
}
