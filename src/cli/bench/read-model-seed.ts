// Fills a read model for the benchmark of lists. Rows are made inside D1, so that a million of them take no messages.
import { INSERT_PRESENT_PROPERTIES } from "../../d1/profile-properties.ts";
import { uuidV7Floor } from "../../d1/uuid-v7-range.ts";

/** The instant of the first row; one row follows another by {@link STEP_MS}. */
export const START_MS = Date.UTC(2026, 0, 1);
export const STEP_MS = 1_000;
export const WORKSPACE = "workspace-of-the-benchmark";
export const JOURNEY = "01980000-0000-7000-8000-000000000001";
const ROWS_PER_STATEMENT = 20_000;

/** The id of the row of an instant. */
export function idAt(ms: number): string {
  return uuidV7Floor(ms);
}

/** SQL: the id of row `n`, as {@link idAt} makes it. */
function rowId(n: string): string {
  const hex = `printf('%012x', ${START_MS} + (${n}) * ${STEP_MS})`;
  return `substr(${hex}, 1, 8) || '-' || substr(${hex}, 9) || '-7000-8000-000000000000'`;
}

const INSTANT = "'2026-01-01T00:00:00.000Z'";

/** A journey whose messages are nearly all, and one that has few. */
export const BUSY_JOURNEY = "newsletter";
export const RARE_JOURNEY = "rare";

/** How many rows there are. */
export interface ReadModelSize {
  profiles: number;
  events: number;
  deliveries: number;
}

/** Fills one workspace: each profile has one enrollment, and as many events and messages as there are to a profile. */
export async function seedReadModel(db: D1Database, { profiles, events, deliveries }: ReadModelSize): Promise<void> {
  const receipt = `'[[["${JOURNEY}","benchmark",1,"already_active"]]]'`;
  await fill(
    db,
    profiles,
    `INSERT INTO profiles (workspace_id, profile_id, rev, email, external_id, created_at, updated_at, sources,
       search_text, aliases, merged_from, properties)
     SELECT '${WORKSPACE}', ${rowId("n")}, 1, 'person-' || n || '@example.com', 'cus_' || n, ${INSTANT}, ${INSTANT},
       '["api"]', 'person-' || n || '@example.com' || char(10) || 'cus_' || n, '[]', '[]',
       json_object('plan', iif(n % 2, 'Pro', 'Free'), 'number', n, 'city', 'City ' || (n % 500), 'score', n % 97,
         'address', json_object('zip', cast(n % 500 AS TEXT), 'city', 'City ' || (n % 500)),
         'about', printf('%.*c', 200, 'x'))`,
  );
  await tellProperties(db);
  await fill(
    db,
    profiles,
    `INSERT INTO enrollments (workspace_id, enrollment_id, journey_id, journey_key, version, profile_id, event_id, status,
       step_id, started_at, rev)
     SELECT '${WORKSPACE}', ${rowId("n")}, '${JOURNEY}', 'benchmark', 1 + n % 3, ${rowId("n")}, ${rowId("n")},
       iif(n % 10, 'completed', 'active'), 'step-' || (n % 5), ${INSTANT}, 1`,
  );
  await fill(
    db,
    events,
    `INSERT INTO user_events (workspace_id, event_id, event, profile_id, reference_id, occurred_at, received_at, source,
       data, receipt)
     SELECT '${WORKSPACE}', ${rowId("n")}, CASE WHEN n % 50000 = 0 THEN 'rare' WHEN n % 3 = 0 THEN 'order.created'
       ELSE 'page.viewed' END, ${rowId(`n % ${profiles}`)}, iif(n % 10, NULL, 'ref-' || n), ${INSTANT}, ${INSTANT},
       'api', json_object('orderId', 'o-' || n, 'total', n % 200, 'currency', 'EUR', 'note', printf('%.*c', 120, 'y')),
       ${receipt}`,
  );
  // Of 1,000 messages 940 are sent, 40 skipped, 16 failed and 4 pending; of five one is a webhook, none of them pending.
  await fill(
    db,
    deliveries,
    `INSERT INTO deliveries (workspace_id, delivery_id, rev, channel, status, reason, attempts, next_attempt_at,
       profile_id, enrollment_id, journey_id, journey_key, step_id, created_at, settled_at, provider_id, target)
     SELECT '${WORKSPACE}', ${rowId("n")}, 3, iif(n % 5, 'email', 'webhook'),
       CASE WHEN n % 1000 < 940 THEN 'sent' WHEN n % 1000 < 980 THEN 'skipped' WHEN n % 1000 < 996 THEN 'failed'
         ELSE 'pending' END,
       iif(n % 1000 < 940, NULL, 'unsubscribed'), 1, NULL, ${rowId(`n % ${profiles}`)}, ${rowId(`n % ${profiles}`)},
       '${JOURNEY}', CASE WHEN n % 15000 = 7 THEN '${RARE_JOURNEY}' WHEN n % 10 < 9 THEN '${BUSY_JOURNEY}'
         ELSE 'journey-' || (n % 7) END,
       'step-' || (n % 3), ${INSTANT}, ${INSTANT}, iif(n % 5, 'provider-' || n, NULL), 'person-' || n || '@example.com'`,
  );
}

/** As the projector does it, some profiles at a time. */
async function tellProperties(db: D1Database): Promise<void> {
  for (let after = ""; ;) {
    const { results } = await db
      .prepare(
        `SELECT profile_id, rev FROM profiles WHERE workspace_id = ?1 AND profile_id > ?2 ORDER BY profile_id LIMIT 5000`,
      )
      .bind(WORKSPACE, after)
      .all<{ profile_id: string; rev: number }>();
    const last = results.at(-1);
    if (last === undefined) return;
    await db.prepare(INSERT_PRESENT_PROPERTIES).bind(WORKSPACE, JSON.stringify(results)).run();
    after = last.profile_id;
  }
}

async function fill(db: D1Database, rows: number, insert: string): Promise<void> {
  for (let from = 0; from < rows; from += ROWS_PER_STATEMENT) {
    await db
      .prepare(
        `WITH RECURSIVE numbers (n) AS (
           SELECT cast(?1 AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < cast(?2 AS INTEGER))
         ${insert} FROM numbers WHERE true`,
      )
      .bind(from, Math.min(rows, from + ROWS_PER_STATEMENT))
      .run();
  }
}
