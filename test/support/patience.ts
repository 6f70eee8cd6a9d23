// How long a test waits for what must come. The law: a limit is no expectation. A test that passes never waits so long;
// the limit ends one that fails, on a machine that may be many times slower than the one it was written on.

/** For what comes within a second or two: well below the limit of a test, which has other things to do besides. */
export const SOON_MS = 60_000;

/** For what comes when something else has run out: an attempt of ten seconds, a lease of thirty. */
export const IN_THE_END_MS = 180_000;
