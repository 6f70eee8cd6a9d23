// How often a vendor's door may be called: fixed windows, as those vendors publish them, of one workspace. In memory:
// an object that is asked often enough to matter stays in memory, and a limit that forgets costs nobody an event.

export interface RateWindow {
  limit: number;
  ms: number;
}

export interface RateRule {
  /** What is counted together. */
  bucket: string;
  burst: RateWindow;
  /** The window whose state callers are told. */
  steady: RateWindow;
}

export interface RateState {
  limit: number;
  remaining: number;
  /** Until the steady window ends. */
  resetSeconds: number;
}

export type RateLimited = { kind: "rate_limited"; retryAfterSeconds: number };

interface Count {
  /** Which window it was, counted from the epoch. */
  window: number;
  taken: number;
}

export class RateWindows {
  readonly #counts = new Map<string, Count>();

  /** Counts one request, unless a window is full: a refused one takes up no room. */
  take(rule: RateRule, now: number): { kind: "admitted"; rate: RateState } | RateLimited {
    const burst = this.#count(`${rule.bucket} burst`, rule.burst, now);
    const steady = this.#count(`${rule.bucket} steady`, rule.steady, now);
    const full = [
      { count: burst, window: rule.burst },
      { count: steady, window: rule.steady },
    ].filter(({ count, window }) => count.taken >= window.limit);
    if (full.length > 0) {
      return { kind: "rate_limited", retryAfterSeconds: Math.max(...full.map(({ window }) => endsIn(window, now))) };
    }
    burst.taken += 1;
    steady.taken += 1;
    const { limit } = rule.steady;
    const rate = { limit, remaining: limit - steady.taken, resetSeconds: endsIn(rule.steady, now) };
    return { kind: "admitted", rate };
  }

  #count(name: string, { ms }: RateWindow, now: number): Count {
    const window = Math.floor(now / ms);
    const known = this.#counts.get(name);
    if (known?.window === window) return known;
    const fresh = { window, taken: 0 };
    this.#counts.set(name, fresh);
    return fresh;
  }
}

/** Whole seconds, at least one. */
function endsIn({ ms }: RateWindow, now: number): number {
  return Math.max(1, Math.ceil((ms - (now % ms)) / 1_000));
}
