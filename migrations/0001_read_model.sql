-- The read model: what people and dashboards query. Filled from the cells' outboxes, at least once, in
-- batches; nothing here is the truth. Forward only: a change is a new file.
-- WITHOUT ROWID saves one written row per insert; wide columns come last, so that scans of the narrow ones
-- do not follow overflow pages.

-- A row is one accepted event with its receipt. It never changes. Kept for the workspace's event
-- retention (90 days by default), then deleted in slices, oldest first.
-- event_id is a UUIDv7 whose instant is received_at, so the key is the order of arrival.
CREATE TABLE user_events (
  workspace_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event TEXT NOT NULL,
  profile_id TEXT,
  reference_id TEXT,
  occurred_at TEXT NOT NULL,
  received_at TEXT NOT NULL,
  source TEXT NOT NULL,
  redacted_data_paths TEXT,
  data TEXT,
  receipt TEXT NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) WITHOUT ROWID, STRICT;

CREATE INDEX user_events_by_event ON user_events (workspace_id, event, event_id);
CREATE INDEX user_events_by_profile ON user_events (workspace_id, profile_id, event_id);
CREATE INDEX user_events_by_reference ON user_events (workspace_id, reference_id, event_id)
  WHERE reference_id IS NOT NULL;

-- A row is the newest known state of one profile, told by rev. Kept until the person is erased; a profile
-- that was merged away stays as a tombstone (merged_into) and is not listed.
CREATE TABLE profiles (
  workspace_id TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  rev INTEGER NOT NULL,
  merged_into TEXT,
  email TEXT,
  phone TEXT,
  external_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  sources TEXT NOT NULL,
  search_text TEXT NOT NULL,
  aliases TEXT NOT NULL,
  merged_from TEXT NOT NULL,
  properties TEXT NOT NULL,
  PRIMARY KEY (workspace_id, profile_id)
) WITHOUT ROWID, STRICT;

-- A row is the newest known state of one profile's run of one journey version, told by rev, without its
-- timeline. Kept until the person is erased.
CREATE TABLE enrollments (
  workspace_id TEXT NOT NULL,
  enrollment_id TEXT NOT NULL,
  journey_id TEXT NOT NULL,
  journey_key TEXT NOT NULL,
  version INTEGER NOT NULL,
  profile_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  step_id TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  converted_at TEXT,
  rev INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, enrollment_id)
) WITHOUT ROWID, STRICT;

CREATE INDEX enrollments_by_journey ON enrollments (workspace_id, journey_id, enrollment_id);
CREATE INDEX enrollments_by_profile ON enrollments (workspace_id, profile_id, enrollment_id);

-- A row says that a profile was erased: no row of that profile is ever written again, however late a batch
-- arrives. Kept for ever; it holds an id and an instant, nothing personal.
CREATE TABLE erasures (
  workspace_id TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  erased_at TEXT NOT NULL,
  PRIMARY KEY (workspace_id, profile_id)
) WITHOUT ROWID, STRICT;
