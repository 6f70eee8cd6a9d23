// The guard of the table `erasures`: a late or repeated batch never brings an erased person back.

/**
 * The condition that every projected row with something personal passes: its profile was not erased. Stands in the
 * `WHERE` of `… FROM json_each(?2) AS sent`, with the workspace id as `?1`; a row without a profile passes.
 */
export const NOT_ERASED = `NOT EXISTS (
  SELECT 1 FROM erasures
  WHERE erasures.workspace_id = ?1 AND erasures.profile_id = sent.value ->> 'profile_id'
)`;
