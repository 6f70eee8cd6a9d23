-- A row says that a live profile has a top-level property of this value, so that a filter finds its profiles without
-- reading all of them. name and value are cut to 64 characters, of objects and lists only the type is told
-- (src/d1/profile-properties.ts): what is found is compared again. Stays as long as the profile has that value.
CREATE TABLE profile_properties (
  workspace_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  PRIMARY KEY (workspace_id, name, value, profile_id)
) WITHOUT ROWID, STRICT;

INSERT INTO profile_properties (workspace_id, name, value, profile_id)
SELECT profiles.workspace_id, substr(own.key, 1, 64),
  CASE own.type WHEN 'text' THEN 't' || substr(own.atom, 1, 64) WHEN 'integer' THEN 'n' || own.atom
    WHEN 'real' THEN 'n' || own.atom ELSE own.type END,
  profiles.profile_id
FROM profiles, json_each(profiles.properties) AS own
WHERE profiles.merged_into IS NULL
ON CONFLICT DO NOTHING;
