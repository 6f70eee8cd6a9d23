-- An event may be larger than one row: its data is then in data_parts rows of user_event_parts, and data is NULL.
ALTER TABLE user_events ADD COLUMN data_parts INTEGER NOT NULL DEFAULT 0;

-- A row is a part of the data of one accepted event. Written before the event's own row, kept as long as that.
CREATE TABLE user_event_parts (
  workspace_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  part INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (workspace_id, event_id, part)
) WITHOUT ROWID, STRICT;
