// An answer that is given again for a moment. Only what was read is shared between requests, never the reading: a
// Worker's request cannot wait for the input or output of another.

export class RecentAnswer<T> {
  readonly #keepMs: number;
  readonly #now: () => number;
  #last: { answer: T; at: number } | null = null;

  constructor(keepMs: number, now: () => number = () => Date.now()) {
    this.#keepMs = keepMs;
    this.#now = now;
  }

  /** Gives the last answer while it is recent, or asks; a question that fails is asked again next time. */
  async read(ask: () => Promise<T>): Promise<T> {
    const age = this.#last === null ? -1 : this.#now() - this.#last.at;
    if (this.#last !== null && age >= 0 && age < this.#keepMs) return this.#last.answer;
    const answer = await ask();
    this.#last = { answer, at: this.#now() };
    return answer;
  }
}
