// D1 going wrong under a cell, the real one beneath: away, losing its replies, or interrupted at a chosen write.
import { env } from "cloudflare:workers";
import { vi } from "vitest";

/** D1's own words when the way to it breaks; the write may have happened. */
const CONNECTION_LOST = "D1_ERROR: Network connection lost.";

/** No statement reaches D1 any more. `mockRestore` or `vi.restoreAllMocks` brings it back. */
export function d1GoesAway(): { mockRestore: () => void } {
  return vi.spyOn(env.DB, "prepare").mockImplementation(() => {
    throw new Error(CONNECTION_LOST);
  });
}

/** Every write of this table commits, and its reply is lost. */
export function d1LosesReplies(table: string): void {
  aroundWrites(table, async (write) => {
    await write();
    throw new Error(CONNECTION_LOST);
  });
}

/** Runs `around` in place of each write of a table; it gets the write itself, and the rows' JSON text. */
export function aroundWrites(
  table: string,
  around: (write: () => Promise<D1Result>, rowsJson: string) => Promise<D1Result>,
): void {
  const prepare = env.DB.prepare.bind(env.DB);
  vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    const statement = prepare(sql);
    if (!sql.includes(`INSERT INTO ${table} `)) return statement;
    const bind = statement.bind.bind(statement);
    statement.bind = (...values) => {
      const bound = bind(...values);
      const run = bound.run.bind(bound);
      bound.run = (async () => await around(run, String(values[1]))) as typeof bound.run;
      return bound;
    };
    return statement;
  });
}
