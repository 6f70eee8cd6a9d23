// Applies migrations/*.sql to a local D1, each file whole or not at all, and keeps wrangler's own record of
// them, so that `wrangler d1 migrations list --local` agrees.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { StartupFailure } from "../startup-failure.ts";

/** As much of D1 as is needed, from the runtime or from a Worker. */
interface Database {
  prepare(sql: string): Statement;
  batch(statements: Statement[]): Promise<unknown>;
}
interface Statement {
  bind(...values: unknown[]): Statement;
  all(): Promise<{ results: unknown[] }>;
  run(): Promise<unknown>;
}

const RECORD_TABLE = `create table if not exists d1_migrations (
  id integer primary key autoincrement,
  name text unique,
  applied_at timestamp default current_timestamp not null
)`;

/**
 * Brings a database to the newest schema.
 *
 * @param directory  the folder of numbered `.sql` files, applied in the order of their names
 * @returns the names applied by this call
 * @throws StartupFailure naming the file that failed; the files before it stay applied
 */
export async function applyMigrations(db: Database, directory: string): Promise<string[]> {
  const { unstable_splitSqlQuery: splitStatements } = await import("wrangler");
  await db.prepare(RECORD_TABLE).run();
  const { results } = await db.prepare("select name from d1_migrations").all();
  const applied = new Set((results as { name: string }[]).map((row) => row.name));
  const pending = readdirSync(directory)
    .filter((file) => file.endsWith(".sql") && !applied.has(file))
    .toSorted();
  for (const name of pending) {
    const statements = splitStatements(readFileSync(join(directory, name), "utf8")).map((sql) => db.prepare(sql));
    const record = db.prepare("insert into d1_migrations (name) values (?1)").bind(name);
    try {
      await db.batch([...statements, record]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StartupFailure(`The migration ${name} failed, and nothing of it was applied: ${reason}`);
    }
  }
  return pending;
}
