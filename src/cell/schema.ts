// The cell's tables and how they came to be. Additive only: a stored file of any earlier version must open.
// `PRAGMA user_version` is refused inside objects, hence a table of applied migrations.

/** One step a version; never edit one that has been deployed. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    // One row: the workspace this cell holds, and how far background work has come. Stays as long as the cell.
    `CREATE TABLE workspace (
       id TEXT PRIMARY KEY, name TEXT NOT NULL, timezone TEXT NOT NULL, settings TEXT NOT NULL,
       created_at INTEGER NOT NULL,
       last_event_id TEXT NOT NULL DEFAULT '', last_cleanup_at INTEGER NOT NULL DEFAULT 0,
       last_d1_bytes INTEGER, event_cut_ms INTEGER NOT NULL DEFAULT 0
     ) WITHOUT ROWID`,
    // One row per API key ever minted, revoked ones included. Of the key itself only a keyed digest is kept.
    `CREATE TABLE api_keys (
       id TEXT PRIMARY KEY, kind TEXT NOT NULL, label TEXT NOT NULL, scopes INTEGER NOT NULL,
       digest BLOB NOT NULL, prefix TEXT NOT NULL,
       created_at INTEGER NOT NULL, last_used_at INTEGER, revoked_at INTEGER
     ) WITHOUT ROWID`,
    // One row per generation of the idempotency ledger, whose rows are in table ledger_<generation>.
    // A generation holds a quarter of the retention and is dropped whole.
    `CREATE TABLE ledger_generations (
       generation INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, keys INTEGER NOT NULL DEFAULT 0
     )`,
    // One row per person. A row with merged_into is a tombstone: it keeps what the person was at the merge.
    `CREATE TABLE profiles (
       id TEXT PRIMARY KEY, identities TEXT NOT NULL, properties TEXT NOT NULL, sources TEXT NOT NULL,
       merged_into TEXT, merged_from TEXT NOT NULL,
       created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, rev INTEGER NOT NULL
     ) WITHOUT ROWID`,
    // One row per identity that leads to a live profile.
    `CREATE TABLE identities (
       kind TEXT NOT NULL, value TEXT NOT NULL, profile_id TEXT NOT NULL,
       PRIMARY KEY (kind, value)
     ) WITHOUT ROWID`,
    // The merge log: one row per merge, for ever.
    `CREATE TABLE profile_merges (
       id TEXT PRIMARY KEY, at INTEGER NOT NULL, survivor_id TEXT NOT NULL, merged_id TEXT NOT NULL,
       cause TEXT NOT NULL, event_id TEXT, moved TEXT NOT NULL, undone_at INTEGER
     ) WITHOUT ROWID`,
    `CREATE INDEX profile_merges_by_survivor ON profile_merges (survivor_id, id)`,
    // One row per journey, with the counts that events have settled so far.
    `CREATE TABLE journeys (
       id TEXT PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
       version INTEGER NOT NULL, published_version INTEGER,
       created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
       matched INTEGER NOT NULL DEFAULT 0, enrolled INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,
       completed INTEGER NOT NULL DEFAULT 0, exited INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
       cancelled INTEGER NOT NULL DEFAULT 0, converted INTEGER NOT NULL DEFAULT 0
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX journeys_by_key ON journeys (key)`,
    // One row per version of a journey's definition, immutable, for ever.
    `CREATE TABLE journey_versions (
       journey_id TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL,
       created_at INTEGER NOT NULL, published_at INTEGER,
       PRIMARY KEY (journey_id, version)
     ) WITHOUT ROWID`,
    // The entry index: one row per active journey that an event name starts.
    `CREATE TABLE journey_entries (
       event TEXT NOT NULL, journey_id TEXT NOT NULL,
       PRIMARY KEY (event, journey_id)
     ) WITHOUT ROWID`,
    // One row per enrollment, for ever.
    `CREATE TABLE enrollments (
       id TEXT PRIMARY KEY, journey_id TEXT NOT NULL, version INTEGER NOT NULL, profile_id TEXT NOT NULL,
       event_id TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, step_id TEXT,
       started_at INTEGER NOT NULL, ended_at INTEGER, converted_at INTEGER,
       timeline TEXT NOT NULL, rev INTEGER NOT NULL
     ) WITHOUT ROWID`,
    `CREATE INDEX enrollments_active ON enrollments (profile_id, journey_id) WHERE status = 'active'`,
    // One row per journey a profile ever entered: all that eligibility asks, in one look-up per event. For ever.
    `CREATE TABLE enrollment_histories (
       profile_id TEXT NOT NULL, journey_id TEXT NOT NULL, last_started_at INTEGER NOT NULL, active INTEGER NOT NULL,
       PRIMARY KEY (profile_id, journey_id)
     ) WITHOUT ROWID`,
    // Redacted data of an event that started something, once however many journeys it started; goes with the last run.
    `CREATE TABLE entry_events (
       event_id TEXT PRIMARY KEY, event TEXT NOT NULL, data TEXT, runs INTEGER NOT NULL
     ) WITHOUT ROWID`,
    // Accepted events on their way to D1, by their place in time; gone when D1 has them. With a rowid: a row of
    // up to a page stays in its leaf, where a table without one spills what is over a kilobyte.
    `CREATE TABLE outbox_events (
       place INTEGER PRIMARY KEY, event_id TEXT NOT NULL, row TEXT NOT NULL
     )`,
    // Profiles and enrollments whose D1 row is behind, since when; gone when D1 has caught up.
    `CREATE TABLE outbox_changes (
       table_name TEXT NOT NULL, row_id TEXT NOT NULL, marked_at INTEGER NOT NULL,
       PRIMARY KEY (table_name, row_id)
     ) WITHOUT ROWID`,
    // Rows that D1 refuses for good, each as it was refused last, kept whole until someone looks.
    `CREATE TABLE quarantine (
       id TEXT PRIMARY KEY, at INTEGER NOT NULL, table_name TEXT NOT NULL, row_id TEXT NOT NULL,
       error TEXT NOT NULL, row TEXT NOT NULL
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX quarantine_by_row ON quarantine (table_name, row_id)`,
  ],
  [
    // Text too large for the row it belongs to, in parts: the data of an event on its way to D1, or of one that
    // started a run; the payload of a rejected one. Goes with its owner.
    `CREATE TABLE text_parts (
       owner TEXT NOT NULL, owner_id TEXT NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL,
       PRIMARY KEY (owner, owner_id, part)
     ) WITHOUT ROWID`,
    // What a door answered with success and could not take, by a UUIDv7. Kept for seven days.
    `CREATE TABLE rejected_events (
       id TEXT PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, payload TEXT
     ) WITHOUT ROWID`,
  ],
  [
    // What a journey counted a run by, if it counts by a key: a digest, for the value may be personal.
    `ALTER TABLE enrollments ADD COLUMN key_digest BLOB`,
    // As enrollment_histories, one row per value of the key; only journeys that count by one have rows. For ever.
    `CREATE TABLE keyed_histories (
       profile_id TEXT NOT NULL, journey_id TEXT NOT NULL, key_digest BLOB NOT NULL,
       last_started_at INTEGER NOT NULL, active INTEGER NOT NULL,
       PRIMARY KEY (profile_id, journey_id, key_digest)
     ) WITHOUT ROWID`,
    // All runs of a person in order of time, for caps; it costs less than the index of active runs that it replaces,
    // which every end of a run had to change.
    `CREATE INDEX enrollments_by_profile ON enrollments (profile_id, journey_id, started_at)`,
    `DROP INDEX enrollments_active`,
    // When the runaway guard stopped a journey, and when somebody let it go on last: entries count from then.
    `ALTER TABLE journeys ADD COLUMN stopped_at INTEGER`,
    `ALTER TABLE journeys ADD COLUMN released_at INTEGER`,
  ],
  [
    // One row per erased person: the profile that answered for them, with those merged into it, and, until D1 has done
    // it too, which events may have parts there without their row. Ids and instants, for ever.
    `CREATE TABLE erased_profiles (
       profile_id TEXT PRIMARY KEY, family TEXT NOT NULL, part_events TEXT NOT NULL,
       erased_at INTEGER NOT NULL, done_at INTEGER
     ) WITHOUT ROWID`,
    `CREATE INDEX erased_profiles_pending ON erased_profiles (erased_at) WHERE done_at IS NULL`,
    // One row per identity that led to an erased person, as a keyed digest: by it a late retry is told. For ever.
    `CREATE TABLE erased_identities (
       digest BLOB NOT NULL, profile_id TEXT NOT NULL,
       PRIMARY KEY (digest, profile_id)
     ) WITHOUT ROWID`,
    // By who lives again: a merge that stands is found by its survivor.
    `CREATE INDEX profile_merges_undone ON profile_merges (merged_id, id) WHERE undone_at IS NOT NULL`,
  ],
  [
    // One row per run that a replay began, so that an event of the past starts a journey once. As long as the run.
    `CREATE TABLE replayed_entries (
       journey_id TEXT NOT NULL, event_id TEXT NOT NULL, enrollment_id TEXT NOT NULL, replay_id TEXT NOT NULL,
       PRIMARY KEY (journey_id, event_id)
     ) WITHOUT ROWID`,
    // Since when what the runaway guard kept out waits for somebody to replay it.
    `ALTER TABLE journeys ADD COLUMN skipped_since INTEGER`,
    `UPDATE journeys SET skipped_since = stopped_at`,
  ],
  [
    // Where a run is between two inputs, as domain/run.ts packs it; NULL = it was enrolled before runs moved.
    `ALTER TABLE enrollments ADD COLUMN run TEXT`,
    // When each run's one timer is due, Unix milliseconds; goes when it fires or the run ends.
    `CREATE TABLE run_timers (
       due_at INTEGER NOT NULL, enrollment_id TEXT NOT NULL,
       PRIMARY KEY (due_at, enrollment_id)
     ) WITHOUT ROWID`,
    // What was enrolled before runs moved stands at its first step without having done it: it is due at once.
    `INSERT INTO run_timers SELECT started_at, id FROM enrollments WHERE status = 'active'`,
    // Timers of paused journeys that came due, put aside so that nobody looks at them until their journey goes on.
    `CREATE TABLE held_timers (
       journey_id TEXT NOT NULL, due_at INTEGER NOT NULL, enrollment_id TEXT NOT NULL,
       PRIMARY KEY (journey_id, due_at, enrollment_id)
     ) WITHOUT ROWID`,
    // One row per event name that an active run listens to; follows its person through merges, goes with the wait.
    `CREATE TABLE run_waits (
       profile_id TEXT NOT NULL, event TEXT NOT NULL, enrollment_id TEXT NOT NULL,
       PRIMARY KEY (profile_id, event, enrollment_id)
     ) WITHOUT ROWID`,
    // Every event name that a run has ever listened to: an event of another name asks for no waiting run. For ever.
    `CREATE TABLE heard_events (event TEXT PRIMARY KEY) WITHOUT ROWID`,
    // One row per message that a run asked for, for ever; what is to be sent, as JSON text. The unique index is what
    // makes a step send once, however often its transaction is tried.
    `CREATE TABLE deliveries (
       id TEXT PRIMARY KEY, enrollment_id TEXT NOT NULL, delivery_key TEXT NOT NULL,
       journey_id TEXT NOT NULL, version INTEGER NOT NULL, step_id TEXT NOT NULL, channel TEXT NOT NULL,
       status TEXT NOT NULL, reason TEXT, created_at INTEGER NOT NULL, settled_at INTEGER, request TEXT NOT NULL
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX deliveries_by_run ON deliveries (enrollment_id, delivery_key)`,
  ],
  [
    // What sending adds to a message: whose it is, who or what it goes to in the end, the provider's own id for it, the
    // snapshot of its template, what a failed one was made of (to send it once more), and what D1 knows it by.
    `ALTER TABLE deliveries ADD COLUMN profile_id TEXT`,
    `ALTER TABLE deliveries ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE deliveries ADD COLUMN next_attempt_at INTEGER`,
    `ALTER TABLE deliveries ADD COLUMN target TEXT`,
    `ALTER TABLE deliveries ADD COLUMN provider_id TEXT`,
    `ALTER TABLE deliveries ADD COLUMN snapshot_id TEXT`,
    `ALTER TABLE deliveries ADD COLUMN kept TEXT`,
    `ALTER TABLE deliveries ADD COLUMN capped INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE deliveries ADD COLUMN rev INTEGER NOT NULL DEFAULT 1`,
    `UPDATE deliveries SET
       profile_id = (SELECT e.profile_id FROM enrollments e WHERE e.id = deliveries.enrollment_id),
       target = coalesce(request ->> 'to', request ->> 'url'),
       capped = channel = 'email' AND coalesce(request ->> 'transactional', 1) = 0`,
    `INSERT INTO outbox_changes SELECT 'deliveries', id, unixepoch() * 1000 FROM deliveries`,
    // A person's messages in order, for the export and the erasure.
    `CREATE INDEX deliveries_by_profile ON deliveries (profile_id, id)`,
    // Messages that count against the frequency cap, by person and when they were sent.
    `CREATE INDEX deliveries_capped ON deliveries (profile_id, settled_at) WHERE capped = 1 AND status = 'sent'`,
    // One row per message that is still to be sent: where it stands (waiting, queued, claimed, parked), when somebody has
    // to look at it next, and since when it is to be sent; a parked one waits for its host and has no instant. Goes when
    // the message is settled.
    `CREATE TABLE delivery_work (
       delivery_id TEXT PRIMARY KEY, state TEXT NOT NULL, due_at INTEGER, host TEXT, attempt INTEGER NOT NULL,
       failures INTEGER NOT NULL, wanted_at INTEGER NOT NULL
     ) WITHOUT ROWID`,
    `CREATE INDEX delivery_work_due ON delivery_work (state, due_at)`,
    `CREATE INDEX delivery_work_parked ON delivery_work (host, delivery_id) WHERE state = 'parked'`,
    `UPDATE deliveries SET next_attempt_at = created_at WHERE status = 'pending'`,
    `INSERT INTO delivery_work
     SELECT id, 'waiting', created_at, NULL, 0, 0, created_at FROM deliveries WHERE status = 'pending'`,
    // One row per attempt to send a message, for ever; what a provider said goes when the person is erased.
    `CREATE TABLE delivery_attempts (
       delivery_id TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT,
       message TEXT, duration_ms INTEGER,
       PRIMARY KEY (delivery_id, attempt)
     ) WITHOUT ROWID`,
    // One row: how many messages were made, and how many of them are settled in which way.
    `CREATE TABLE delivery_counts (
       id INTEGER PRIMARY KEY CHECK (id = 1), made INTEGER NOT NULL, sent INTEGER NOT NULL, skipped INTEGER NOT NULL,
       failed INTEGER NOT NULL
     )`,
    `INSERT INTO delivery_counts SELECT 1, count(*), count(*) FILTER (WHERE status = 'sent'),
       count(*) FILTER (WHERE status = 'skipped'), count(*) FILTER (WHERE status = 'failed') FROM deliveries`,
    // One row: what this workspace signs with, and the origin under which people reach it; made when first asked for.
    `CREATE TABLE sending (
       id INTEGER PRIMARY KEY CHECK (id = 1), unsubscribe_key BLOB, origin TEXT, webhook_secret TEXT,
       previous_webhook_secret TEXT, previous_until INTEGER, forgotten_to TEXT NOT NULL DEFAULT ''
     )`,
    `INSERT INTO sending (id) VALUES (1)`,
    // Addresses that are called no more because they answered that they are gone, until somebody enables them.
    `CREATE TABLE disabled_endpoints (
       id TEXT PRIMARY KEY, url TEXT NOT NULL, disabled_at INTEGER NOT NULL, reason TEXT NOT NULL
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX disabled_endpoints_by_url ON disabled_endpoints (url)`,
    // One row per template, for ever; what it says is in its newest snapshot.
    `CREATE TABLE templates (
       id TEXT PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, snapshot_id TEXT NOT NULL,
       created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX templates_by_key ON templates (key)`,
    // What a template said at one time, immutable, for ever: a message is made of the snapshot it was asked for with.
    `CREATE TABLE template_snapshots (
       id TEXT PRIMARY KEY, template_id TEXT NOT NULL, definition TEXT NOT NULL, created_at INTEGER NOT NULL
     )`,
    // One row per address that is not written to, and why (bounce, complaint, manual, unsubscribe), with the person it
    // was learned of; without an address it is about the person alone. Until somebody takes it back.
    `CREATE TABLE suppressions (
       id TEXT PRIMARY KEY, email TEXT, reason TEXT NOT NULL, at INTEGER NOT NULL, diagnostic_code TEXT,
       profile_id TEXT
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX suppressions_by_email ON suppressions (email, reason)`,
    `CREATE INDEX suppressions_by_profile ON suppressions (profile_id) WHERE profile_id IS NOT NULL`,
    // What an erasure leaves of those: keyed digests of addresses, until somebody takes it back. The digest of an
    // address is the one in erased_identities.
    `CREATE TABLE suppressed_digests (
       digest BLOB NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
       PRIMARY KEY (digest, reason)
     ) WITHOUT ROWID`,
    // The latest bounce of an address that may pass: told of, and nothing is stopped by it. Goes with the person.
    `CREATE TABLE soft_bounces (
       email TEXT PRIMARY KEY, at INTEGER NOT NULL, diagnostic_code TEXT
     ) WITHOUT ROWID`,
  ],
  [
    // How many of a generation's keys are triggers', which hold a run's id and take up more room.
    `ALTER TABLE ledger_generations ADD COLUMN run_ids INTEGER NOT NULL DEFAULT 0`,
    // Whom an attempt was addressed to: a workspace may begin or end to redirect its messages between two of them. Goes
    // when the person is erased; of earlier attempts it is not known.
    `ALTER TABLE delivery_attempts ADD COLUMN target TEXT`,
    // By whom they led to: what an erased person still says about being written to is noted of them.
    `CREATE INDEX erased_identities_by_profile ON erased_identities (profile_id)`,
  ],
];

/** The schema version this code writes. */
export const CELL_SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings a cell's tables up to date; each version in one transaction.
 *
 * @param transactionSync  the object's own: what throws inside is rolled back
 */
export function migrate(sql: SqlStorage, transactionSync: (run: () => void) => void): void {
  sql.exec(`CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)`);
  const applied = sql
    .exec<{ version: number }>(`SELECT coalesce(max(version), 0) AS version FROM schema_versions`)
    .one();
  for (let version = applied.version; version < MIGRATIONS.length; version++) {
    transactionSync(() => {
      for (const statement of MIGRATIONS[version] as readonly string[]) sql.exec(statement);
      sql.exec(`INSERT INTO schema_versions VALUES (?, ?)`, version + 1, Date.now());
    });
  }
}
