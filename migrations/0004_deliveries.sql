-- A row is the newest known state of one message that a run asked for, told by rev, without its attempts. Kept for
-- ever; of an erased person without target and provider_id. delivery_id is a UUIDv7 whose instant is created_at.
CREATE TABLE deliveries (
  workspace_id TEXT NOT NULL,
  delivery_id TEXT NOT NULL,
  rev INTEGER NOT NULL,
  channel TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  attempts INTEGER NOT NULL,
  next_attempt_at TEXT,
  profile_id TEXT NOT NULL,
  enrollment_id TEXT NOT NULL,
  journey_id TEXT NOT NULL,
  journey_key TEXT NOT NULL,
  step_id TEXT NOT NULL,
  created_at TEXT NOT NULL,
  settled_at TEXT,
  provider_id TEXT,
  target TEXT,
  PRIMARY KEY (workspace_id, delivery_id)
) WITHOUT ROWID, STRICT;

CREATE INDEX deliveries_by_profile ON deliveries (workspace_id, profile_id, delivery_id);
CREATE INDEX deliveries_by_enrollment ON deliveries (workspace_id, enrollment_id, delivery_id);
CREATE INDEX deliveries_by_journey ON deliveries (workspace_id, journey_key, delivery_id);
-- Nearly all are sent in the end: the few that were not, or not yet, are found without reading the others.
CREATE INDEX deliveries_not_sent ON deliveries (workspace_id, status, delivery_id)
  WHERE status = 'pending' OR status = 'skipped' OR status = 'failed';
-- A bounce that the platform reports names a message by its provider's id only, and no workspace.
CREATE INDEX deliveries_by_provider ON deliveries (provider_id) WHERE provider_id IS NOT NULL;
