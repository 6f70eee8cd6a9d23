// The tables of a cell as version 1 made them: a fixture, a copy on purpose. Never edit it: files like this are out there.

export const VERSION_1_TABLES: readonly string[] = [
  `CREATE TABLE workspace (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, timezone TEXT NOT NULL, settings TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     last_event_id TEXT NOT NULL DEFAULT '', last_cleanup_at INTEGER NOT NULL DEFAULT 0,
     last_d1_bytes INTEGER, event_cut_ms INTEGER NOT NULL DEFAULT 0
   ) WITHOUT ROWID`,
  `CREATE TABLE api_keys (
     id TEXT PRIMARY KEY, kind TEXT NOT NULL, label TEXT NOT NULL, scopes INTEGER NOT NULL,
     digest BLOB NOT NULL, prefix TEXT NOT NULL,
     created_at INTEGER NOT NULL, last_used_at INTEGER, revoked_at INTEGER
   ) WITHOUT ROWID`,
  `CREATE TABLE ledger_generations (
     generation INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, keys INTEGER NOT NULL DEFAULT 0
   )`,
  `CREATE TABLE profiles (
     id TEXT PRIMARY KEY, identities TEXT NOT NULL, properties TEXT NOT NULL, sources TEXT NOT NULL,
     merged_into TEXT, merged_from TEXT NOT NULL,
     created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, rev INTEGER NOT NULL
   ) WITHOUT ROWID`,
  `CREATE TABLE identities (
     kind TEXT NOT NULL, value TEXT NOT NULL, profile_id TEXT NOT NULL,
     PRIMARY KEY (kind, value)
   ) WITHOUT ROWID`,
  `CREATE TABLE profile_merges (
     id TEXT PRIMARY KEY, at INTEGER NOT NULL, survivor_id TEXT NOT NULL, merged_id TEXT NOT NULL,
     cause TEXT NOT NULL, event_id TEXT, moved TEXT NOT NULL, undone_at INTEGER
   ) WITHOUT ROWID`,
  `CREATE INDEX profile_merges_by_survivor ON profile_merges (survivor_id, id)`,
  `CREATE TABLE journeys (
     id TEXT PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
     version INTEGER NOT NULL, published_version INTEGER,
     created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
     matched INTEGER NOT NULL DEFAULT 0, enrolled INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,
     completed INTEGER NOT NULL DEFAULT 0, exited INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
     cancelled INTEGER NOT NULL DEFAULT 0, converted INTEGER NOT NULL DEFAULT 0
   ) WITHOUT ROWID`,
  `CREATE UNIQUE INDEX journeys_by_key ON journeys (key)`,
  `CREATE TABLE journey_versions (
     journey_id TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL,
     created_at INTEGER NOT NULL, published_at INTEGER,
     PRIMARY KEY (journey_id, version)
   ) WITHOUT ROWID`,
  `CREATE TABLE journey_entries (
     event TEXT NOT NULL, journey_id TEXT NOT NULL,
     PRIMARY KEY (event, journey_id)
   ) WITHOUT ROWID`,
  `CREATE TABLE enrollments (
     id TEXT PRIMARY KEY, journey_id TEXT NOT NULL, version INTEGER NOT NULL, profile_id TEXT NOT NULL,
     event_id TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, step_id TEXT,
     started_at INTEGER NOT NULL, ended_at INTEGER, converted_at INTEGER,
     timeline TEXT NOT NULL, rev INTEGER NOT NULL
   ) WITHOUT ROWID`,
  `CREATE INDEX enrollments_active ON enrollments (profile_id, journey_id) WHERE status = 'active'`,
  `CREATE TABLE enrollment_histories (
     profile_id TEXT NOT NULL, journey_id TEXT NOT NULL, last_started_at INTEGER NOT NULL, active INTEGER NOT NULL,
     PRIMARY KEY (profile_id, journey_id)
   ) WITHOUT ROWID`,
  `CREATE TABLE entry_events (
     event_id TEXT PRIMARY KEY, event TEXT NOT NULL, data TEXT, runs INTEGER NOT NULL
   ) WITHOUT ROWID`,
  `CREATE TABLE outbox_events (
     place INTEGER PRIMARY KEY, event_id TEXT NOT NULL, row TEXT NOT NULL
   )`,
  `CREATE TABLE outbox_changes (
     table_name TEXT NOT NULL, row_id TEXT NOT NULL, marked_at INTEGER NOT NULL,
     PRIMARY KEY (table_name, row_id)
   ) WITHOUT ROWID`,
  `CREATE TABLE quarantine (
     id TEXT PRIMARY KEY, at INTEGER NOT NULL, table_name TEXT NOT NULL, row_id TEXT NOT NULL,
     error TEXT NOT NULL, row TEXT NOT NULL
   ) WITHOUT ROWID`,
  `CREATE UNIQUE INDEX quarantine_by_row ON quarantine (table_name, row_id)`,
];
