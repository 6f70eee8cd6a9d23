// Everything a cell or D1 holds, row by row: to show that something changed nothing, or exactly this.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { TestWorkspace } from "./workspace.ts";

type Row = Record<string, SqlStorageValue>;

/** All tables of a cell with all their rows; bytes as hexadecimal text. */
export async function dumpCell(workspace: Pick<TestWorkspace, "cell">): Promise<Record<string, Row[]>> {
  return await runInDurableObject(workspace.cell, (_, { storage: { sql } }) => {
    const tables = [
      ...sql.exec<{ name: string }>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*' ORDER BY name`,
      ),
    ];
    return Object.fromEntries(
      tables.map(({ name }) => [name, [...sql.exec<Row>(`SELECT * FROM "${name}"`)].map(readable)]),
    );
  });
}

/** Rows of a query over a cell's tables. */
export async function queryCell<T extends Row>(
  workspace: Pick<TestWorkspace, "cell">,
  sql: string,
  ...bindings: SqlStorageValue[]
): Promise<T[]> {
  return await runInDurableObject(workspace.cell, (_, { storage }) => [...storage.sql.exec<T>(sql, ...bindings)]);
}

/** How many rows a cell's table has. */
export async function countInCell(workspace: Pick<TestWorkspace, "cell">, table: string): Promise<number> {
  return (await queryCell<{ rows: number }>(workspace, `SELECT count(*) AS rows FROM ${table}`))[0]?.rows ?? 0;
}

/** All rows of one workspace in a table of the read model. */
export async function rowsInD1<T = Record<string, unknown>>(
  workspace: Pick<TestWorkspace, "id">,
  table: "user_events" | "profiles" | "enrollments" | "deliveries",
): Promise<T[]> {
  const found = await env.DB.prepare(`SELECT * FROM ${table} WHERE workspace_id = ? ORDER BY 2`)
    .bind(workspace.id)
    .all<T>();
  return found.results;
}

function readable(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof ArrayBuffer ? Buffer.from(value).toString("hex") : value,
    ]),
  );
}
