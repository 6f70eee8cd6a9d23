// The table `profile_properties`: which live profiles have which property, for filters. It follows `profiles`: what a
// profile has no more goes before its row is written, what it has comes after, so that doing all of it again, from
// wherever it was interrupted, ends the same. A row only says where to look; what is found there is compared again.
import { NOT_ERASED } from "./erasures.ts";

/** Longer names and values are told by their beginning. */
const TOLD_CHARACTERS = 64;

/** SQL: a property's name as it is told. */
function toldName(text: string): string {
  return `substr(${text}, 1, ${TOLD_CHARACTERS})`;
}

/** SQL: the value of a row of `json_each` as it is told; of an object or a list only the type. */
function toldValue(row: string): string {
  return `CASE ${row}.type WHEN 'text' THEN 't' || substr(${row}.atom, 1, ${TOLD_CHARACTERS})
    WHEN 'integer' THEN 'n' || ${row}.atom WHEN 'real' THEN 'n' || ${row}.atom ELSE ${row}.type END`;
}

/** Takes out what the profiles of `?2` will not have any more; before their rows are written. */
export const DELETE_FORMER_PROPERTIES = `
WITH former (name, value, profile_id) AS MATERIALIZED (
  SELECT ${toldName("own.key")}, ${toldValue("own")}, stored.profile_id
  FROM json_each(?2) AS sent
  CROSS JOIN profiles AS stored ON stored.workspace_id = ?1 AND stored.profile_id = sent.value ->> 'profile_id'
    AND stored.rev < sent.value ->> 'rev'
  CROSS JOIN json_each(stored.properties) AS own
  EXCEPT
  SELECT ${toldName("own.key")}, ${toldValue("own")}, sent.value ->> 'profile_id'
  FROM json_each(?2) AS sent CROSS JOIN json_each(sent.value ->> 'properties') AS own
  WHERE sent.value ->> 'merged_into' IS NULL
)
DELETE FROM profile_properties
WHERE workspace_id = ?1 AND (name, value, profile_id) IN (SELECT name, value, profile_id FROM former)`;

/** Puts in what the profiles of `?2` have; after their rows were written, and only where those are the ones sent. */
export const INSERT_PRESENT_PROPERTIES = `
INSERT INTO profile_properties (workspace_id, name, value, profile_id)
SELECT ?1, ${toldName("own.key")}, ${toldValue("own")}, stored.profile_id
FROM json_each(?2) AS sent
CROSS JOIN profiles AS stored ON stored.workspace_id = ?1 AND stored.profile_id = sent.value ->> 'profile_id'
  AND stored.rev = sent.value ->> 'rev'
CROSS JOIN json_each(stored.properties) AS own
WHERE stored.merged_into IS NULL AND ${NOT_ERASED}
ON CONFLICT DO NOTHING`;

/** Takes out all that the profiles named in `?2` have; before their rows are deleted. */
export const DELETE_PROPERTIES_OF = `
DELETE FROM profile_properties WHERE workspace_id = ?1 AND (name, value, profile_id) IN (
  SELECT ${toldName("own.key")}, ${toldValue("own")}, stored.profile_id
  FROM json_each(?2) AS named
  CROSS JOIN profiles AS stored ON stored.workspace_id = ?1 AND stored.profile_id = named.value
  CROSS JOIN json_each(stored.properties) AS own
)`;

/** SQL: ids of profiles that may pass the first clause of the filter `?3`; every one that does is among them. */
export const MAY_PASS_FILTER = `
  SELECT found.profile_id FROM json_each(?3, '$[0].values') AS wanted
  CROSS JOIN profile_properties AS found ON found.workspace_id = ?1
    AND found.name = ${toldName("(?3 ->> '$[0].id')")} AND found.value = ${toldValue("wanted")}`;
