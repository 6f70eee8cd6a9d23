// Counts what happened within a sliding window, for the runaway guard. What cannot be in the window any more is let
// go, and in a long window what happened close together is one entry, so that a busy journey stays small in memory.

/** Instants kept apart; with up to this many milliseconds in a window, every one is. */
const MAX_INSTANTS = 100_000;

export class EntryWindow {
  readonly perMs: number;
  readonly #grainMs: number;
  /** Oldest first; those before `#first` are out of the window. */
  #instants: number[] = [];
  #counts: number[] = [];
  #first = 0;
  #total = 0;

  /** @param perMs  the window's length */
  constructor(perMs: number) {
    this.perMs = perMs;
    this.#grainMs = Math.max(1, Math.floor(perMs / MAX_INSTANTS));
  }

  /** Adds something that happened now; time never goes back. */
  add(now: number): void {
    const last = this.#instants.length - 1;
    // By the first instant of those that are one entry: they leave a little early, so that nothing stops too soon.
    if (last >= this.#first && now < (this.#instants[last] as number) + this.#grainMs) {
      this.#counts[last] = (this.#counts[last] as number) + 1;
    } else {
      this.#instants.push(now);
      this.#counts.push(1);
    }
    this.#total += 1;
  }

  /** How much happened in the window that ends now; what happened exactly `perMs` ago is out of it. */
  count(now: number): number {
    while (this.#first < this.#instants.length && (this.#instants[this.#first] as number) <= now - this.perMs) {
      this.#total -= this.#counts[this.#first] as number;
      this.#first += 1;
    }
    if (this.#first > 1_000 && this.#first * 2 > this.#instants.length) {
      this.#instants = this.#instants.slice(this.#first);
      this.#counts = this.#counts.slice(this.#first);
      this.#first = 0;
    }
    return this.#total;
  }
}
