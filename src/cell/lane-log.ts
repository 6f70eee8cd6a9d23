// What the log says of a lane that failed: never what it was working on.

/** An error's own text may quote what is stored: its name and its stack's places are what is safe to keep. */
export function logLane(lane: string, error: unknown): void {
  const { name, stack = "" } = error instanceof Error ? error : new Error();
  const where = stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 5)
    .map((line) => line.trim());
  console.error(JSON.stringify({ level: "error", at: "alarm", lane, error: name, where }));
}
