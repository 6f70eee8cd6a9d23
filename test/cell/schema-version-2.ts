// What version 2 added to the tables of a cell: a fixture, a copy on purpose. Never edit it: files like this are out there.

export const VERSION_2_ADDITIONS: readonly string[] = [
  `CREATE TABLE text_parts (
     owner TEXT NOT NULL, owner_id TEXT NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL,
     PRIMARY KEY (owner, owner_id, part)
   ) WITHOUT ROWID`,
  `CREATE TABLE rejected_events (
     id TEXT PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, payload TEXT
   ) WITHOUT ROWID`,
];
