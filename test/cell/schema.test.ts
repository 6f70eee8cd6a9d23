// A cell's tables: a stored file of any earlier version opens, and each version is applied once.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { CELL_SCHEMA_VERSION, migrate } from "../../src/cell/schema.ts";
import { accepted, claimsOf } from "../support/commands.ts";
import { dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, anId } from "../support/workspace.ts";
import { VERSION_1_TABLES } from "./schema-version-1.ts";
import { VERSION_2_ADDITIONS } from "./schema-version-2.ts";
type Table = { name: string; sql: string };

const TABLES = `SELECT name, sql FROM sqlite_master WHERE name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*' ORDER BY name`;

/** Gives a run an object's database, emptied as if nothing had ever been there. */
async function inEmptyDatabase<T>(run: (storage: DurableObjectStorage) => T): Promise<T> {
  return await runInDurableObject(env.WORKSPACE_CELL.getByName(anId()), (_, { storage }) => {
    for (const { name } of storage.sql.exec<Table>(TABLES).toArray())
      storage.sql.exec(`DROP TABLE IF EXISTS "${name}"`);
    return run(storage);
  });
}

function open(storage: DurableObjectStorage): void {
  migrate(storage.sql, (run) => storage.transactionSync(run));
}

describe("a cell's schema", () => {
  it("opens a file of version 1 and keeps what it holds", async () => {
    await inEmptyDatabase((storage) => {
      makeVersion(storage, 1);
      storage.sql.exec(`INSERT INTO identities VALUES ('email', 'a@example.com', 'p1')`);
      storage.sql.exec(`INSERT INTO outbox_events VALUES (1, 'e1', '{}')`);
      open(storage);
      const versions = storage.sql
        .exec<{ version: number }>(`SELECT version FROM schema_versions ORDER BY 1`)
        .toArray();
      expect(versions.map(({ version }) => version)).toEqual(
        Array.from({ length: CELL_SCHEMA_VERSION }, (_, i) => i + 1),
      );
      expect(storage.sql.exec(`SELECT profile_id FROM identities`).toArray()).toEqual([{ profile_id: "p1" }]);
      expect(storage.sql.exec(`SELECT event_id FROM outbox_events`).toArray()).toEqual([{ event_id: "e1" }]);
    });
  });

  it("opens a file of version 2 and keeps its runs, counted by the person alone", async () => {
    await inEmptyDatabase((storage) => {
      makeVersion(storage, 2);
      storage.sql.exec(`INSERT INTO journeys (id, key, name, status, version, created_at, updated_at)
        VALUES ('j1', 'k', 'n', 'active', 1, 0, 0)`);
      storage.sql.exec(
        `INSERT INTO enrollments VALUES ('r1', 'j1', 1, 'p1', 'e1', 'active', NULL, 's', 5, NULL, NULL, '[]', 1)`,
      );
      open(storage);
      expect(storage.sql.exec(`SELECT id, started_at, key_digest FROM enrollments`).toArray()).toEqual([
        { id: "r1", started_at: 5, key_digest: null },
      ]);
      // It stands at its first step, and is to go on from there.
      expect(storage.sql.exec(`SELECT due_at, enrollment_id FROM run_timers`).toArray()).toEqual([
        { due_at: 5, enrollment_id: "r1" },
      ]);
      expect(storage.sql.exec(`SELECT id, stopped_at, released_at FROM journeys`).toArray()).toEqual([
        { id: "j1", stopped_at: null, released_at: null },
      ]);
    });
  });

  it("opens a file of version 6 and keeps the messages that nobody could send then", async () => {
    await inEmptyDatabase((storage) => {
      let versions = 0;
      const upToVersion6 = (run: () => void): void => {
        if (versions++ < 6) storage.transactionSync(run);
      };
      migrate(storage.sql, upToVersion6);
      const requests = [
        { channel: "email", template: "t", to: "a@example.com", transactional: false },
        { channel: "email", template: "t", to: null, transactional: true },
        { channel: "webhook", url: "https://crm.example.com/h", method: "POST", headers: {}, body: { kind: "none" } },
        null,
      ];
      storage.sql.exec(
        `INSERT INTO enrollments (id, journey_id, version, profile_id, event_id, status, started_at, timeline, rev)
         VALUES ('r1', 'j1', 1, 'p1', 'e1', 'active', 5, '[]', 1)`,
      );
      for (const [i, request] of requests.entries()) {
        storage.sql.exec(
          `INSERT INTO deliveries VALUES (?, 'r1', ?, 'j1', 1, 's', ?, 'pending', NULL, 5, NULL, ?)`,
          `d${i}`,
          `s:${i}`,
          request?.channel ?? "email",
          JSON.stringify(request),
        );
      }
      open(storage);
      const rows = storage.sql
        .exec(`SELECT d.id, profile_id, target, capped, next_attempt_at, w.state, w.due_at
               FROM deliveries d JOIN delivery_work w ON w.delivery_id = d.id ORDER BY d.id`)
        .toArray();
      const due = { profile_id: "p1", next_attempt_at: 5, state: "waiting", due_at: 5 };
      expect(rows).toEqual([
        { id: "d0", target: "a@example.com", capped: 1, ...due },
        { id: "d1", target: null, capped: 0, ...due },
        { id: "d2", target: "https://crm.example.com/h", capped: 0, ...due },
        { id: "d3", target: null, capped: 0, ...due },
      ]);
      expect(storage.sql.exec(`SELECT made, sent, skipped, failed FROM delivery_counts`).toArray()).toEqual([
        { made: 4, sent: 0, skipped: 0, failed: 0 },
      ]);
      expect(storage.sql.exec(`SELECT row_id FROM outbox_changes WHERE table_name = 'deliveries'`).toArray()).toEqual(
        ["d0", "d1", "d2", "d3"].map((row_id) => ({ row_id })),
      );
    });
  });

  it.each([1, 2])("is the same for a file that grew from version %i as for a new one", async (version) => {
    const grown = await inEmptyDatabase((storage) => {
      makeVersion(storage, version);
      open(storage);
      return storage.sql.exec<Table>(TABLES).toArray().map(sameSpacing);
    });
    const fresh = await inEmptyDatabase((storage) => {
      open(storage);
      return storage.sql.exec<Table>(TABLES).toArray().map(sameSpacing);
    });
    expect(grown).toEqual(fresh);
  });

  it("applies each version once, however often the object starts", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { claims: claimsOf(workspace.id, "k") });
    const before = await dumpCell(workspace);
    await runInDurableObject(workspace.cell, (_, { storage }) => {
      open(storage);
      open(storage);
    });
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await queryCell(workspace, `SELECT count(*) AS rows FROM schema_versions`)).toEqual([
      { rows: CELL_SCHEMA_VERSION },
    ]);
  });

  it("leaves nothing of a version that failed half way", async () => {
    await inEmptyDatabase((storage) => {
      // Stands in the way of a later statement of version 1.
      storage.sql.exec(`CREATE TABLE quarantine (id TEXT)`);
      expect(() => open(storage)).toThrow();
      const names = storage.sql
        .exec<Table>(TABLES)
        .toArray()
        .map(({ name }) => name);
      expect(names).toEqual(["quarantine", "schema_versions"]);
    });
  });
});

/** Makes the tables of an earlier version. */
function makeVersion({ sql }: DurableObjectStorage, version: number): void {
  sql.exec(`CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)`);
  for (const [i, statements] of [VERSION_1_TABLES, VERSION_2_ADDITIONS].slice(0, version).entries()) {
    for (const statement of statements) sql.exec(statement);
    sql.exec(`INSERT INTO schema_versions VALUES (?, 0)`, i + 1);
  }
}

function sameSpacing({ name, sql }: Table): Table {
  return { name, sql: sql.replaceAll(/\s+/g, " ") };
}
