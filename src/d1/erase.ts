// Takes an erased person out of the read model, in slices between which other statements run. Every step may be
// repeated, and interrupted anywhere: what says that a profile is erased comes first, and from then on no late batch
// of the projector brings anything of it back.
import { DELETE_PROPERTIES_OF } from "./profile-properties.ts";

/** Of one statement, between which others have their turn. */
const SLICE_EVENTS = 200;
/** Of half a megabyte each. */
const SLICE_PARTS = 20;
const SLICE_DELIVERIES = 500;
/** Ids handed over in one statement. */
const SLICE_IDS = 1_000;

export interface ErasedPerson {
  /** The profile that answered for the person, and those merged into it. */
  profileIds: readonly string[];
  /** Events with data in parts that were on their way here: their parts may have come without them. */
  partEventIds: readonly string[];
  /** Unix milliseconds. */
  erasedAt: number;
}

// What stays of an event is told in src/domain/erased-event.ts.
const BLANK_EVENTS = `
UPDATE user_events SET profile_id = NULL, reference_id = NULL, redacted_data_paths = NULL, data = NULL, data_parts = 0,
  receipt = CASE WHEN json_type(receipt, '$[0]') = 'array' THEN json_array(json_extract(receipt, '$[0]')) ELSE '[[]]' END
WHERE workspace_id = ?1 AND event_id IN (SELECT value FROM json_each(?2))`;

/** How each message ended stays, and which step it was of; to whom it went goes. */
export const BLANK_DELIVERIES = `
UPDATE deliveries SET target = NULL, provider_id = NULL WHERE workspace_id = ?1 AND delivery_id IN (
  SELECT delivery_id FROM deliveries INDEXED BY deliveries_by_profile
  WHERE workspace_id = ?1 AND profile_id = ?2 AND (target IS NOT NULL OR provider_id IS NOT NULL)
  LIMIT ${SLICE_DELIVERIES}
)`;

const DELETE_PARTS = `
DELETE FROM user_event_parts WHERE workspace_id = ?1 AND (event_id, part) IN (
  SELECT p.event_id, p.part FROM json_each(?2) AS erased
  CROSS JOIN user_event_parts AS p ON p.workspace_id = ?1 AND p.event_id = erased.value
  LIMIT ${SLICE_PARTS}
)`;

/**
 * Erases a person here.
 *
 * @param deadline  Unix milliseconds after which no further slice is begun
 * @returns whether all is done; `false` = call again
 * @throws whatever D1 throws: call again later
 */
export async function erasePerson(
  db: D1Database,
  workspaceId: string,
  person: ErasedPerson,
  deadline: number,
): Promise<boolean> {
  const profileIds = JSON.stringify(person.profileIds);
  await db
    .prepare(
      `INSERT INTO erasures (workspace_id, profile_id, erased_at) SELECT ?1, value, ?3 FROM json_each(?2) WHERE true
       ON CONFLICT (workspace_id, profile_id) DO NOTHING`,
    )
    .bind(workspaceId, profileIds, new Date(person.erasedAt).toISOString())
    .run();
  // Told by the profiles' rows, so before them; nothing puts any back, for it says by now that they are erased.
  await db.prepare(DELETE_PROPERTIES_OF).bind(workspaceId, profileIds).run();
  await db
    .prepare(`DELETE FROM profiles WHERE workspace_id = ?1 AND profile_id IN (SELECT value FROM json_each(?2))`)
    .bind(workspaceId, profileIds)
    .run();
  for (let from = 0; from < person.partEventIds.length; from += SLICE_IDS) {
    const eventIds = person.partEventIds.slice(from, from + SLICE_IDS);
    if (!(await deleteParts(db, workspaceId, eventIds, deadline))) return false;
  }
  for (const profileId of person.profileIds) {
    if (!(await blankDeliveriesOf(db, workspaceId, profileId, deadline))) return false;
    if (!(await blankEventsOf(db, workspaceId, profileId, deadline))) return false;
  }
  return true;
}

async function blankDeliveriesOf(
  db: D1Database,
  workspaceId: string,
  profileId: string,
  deadline: number,
): Promise<boolean> {
  for (;;) {
    if (Date.now() >= deadline) return false;
    const { meta } = await db.prepare(BLANK_DELIVERIES).bind(workspaceId, profileId).run();
    if (meta.changes < SLICE_DELIVERIES) return true;
  }
}

async function blankEventsOf(
  db: D1Database,
  workspaceId: string,
  profileId: string,
  deadline: number,
): Promise<boolean> {
  for (;;) {
    if (Date.now() >= deadline) return false;
    const { results } = await db
      .prepare(
        `SELECT event_id, data_parts FROM user_events INDEXED BY user_events_by_profile
         WHERE workspace_id = ?1 AND profile_id = ?2 ORDER BY event_id LIMIT ?3`,
      )
      .bind(workspaceId, profileId, SLICE_EVENTS)
      .all<{ event_id: string; data_parts: number }>();
    if (results.length === 0) return true;
    const inParts = results.filter(({ data_parts }) => data_parts > 0).map(({ event_id }) => event_id);
    // Before their events: what says that there are parts goes last.
    if (inParts.length > 0 && !(await deleteParts(db, workspaceId, inParts, deadline))) return false;
    const eventIds = JSON.stringify(results.map(({ event_id }) => event_id));
    await db.prepare(BLANK_EVENTS).bind(workspaceId, eventIds).run();
  }
}

async function deleteParts(
  db: D1Database,
  workspaceId: string,
  eventIds: readonly string[],
  deadline: number,
): Promise<boolean> {
  for (;;) {
    if (Date.now() >= deadline) return false;
    const { meta } = await db.prepare(DELETE_PARTS).bind(workspaceId, JSON.stringify(eventIds)).run();
    if (meta.changes < SLICE_PARTS) return true;
  }
}
