// A D1 that counts the rows its statements read, as its bill does: a figure that is the same on every machine.

/** @returns the same database, and how many rows have been read since that was asked last */
export function countReads(db: D1Database): { db: D1Database; rowsRead: () => number } {
  let rows = 0;
  const noted = <T extends { meta: { rows_read?: number } }>(result: T): T => {
    rows += result.meta.rows_read ?? 0;
    return result;
  };
  const originals = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const counted = (original: D1PreparedStatement): D1PreparedStatement => {
    const statement = {
      bind: (...values: unknown[]) => counted(original.bind(...values)),
      all: async () => noted(await original.all()),
      run: async () => noted(await original.run()),
    } as unknown as D1PreparedStatement;
    originals.set(statement, original);
    return statement;
  };
  const database = {
    prepare: (sql: string) => counted(db.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((statement) => originals.get(statement) ?? statement));
      return results.map(noted);
    },
  } as unknown as D1Database;
  return {
    db: database,
    rowsRead: () => {
      const read = rows;
      rows = 0;
      return read;
    },
  };
}
