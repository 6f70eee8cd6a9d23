// What holds of a cell's people whatever was done to them, merges and their undoing included.
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { listEvents } from "../../src/d1/user-events.ts";
import { listIdentities } from "../../src/domain/identity.ts";
import type { ProfileIdentities } from "../../src/domain/profile.ts";
import { runAlarm } from "./alarm.ts";
import { dumpCell, queryCell, rowsInD1 } from "./tables.ts";
import type { TestWorkspace } from "./workspace.ts";

const MINUTE_MS = 60_000;

/** A column that holds text. */
export function textOf(value: SqlStorageValue | undefined): string {
  if (typeof value !== "string") throw new Error("expected text in this column");
  return value;
}

/** Each identity leads to the live profile that has it, counts agree with rows, a family names each other. */
export async function checkLaws(workspace: TestWorkspace): Promise<void> {
  const dump = await dumpCell(workspace);
  const people = dump["profiles"] ?? [];
  const live = people.filter(({ merged_into }) => merged_into === null);
  const led = live.flatMap(({ id, identities }) =>
    listIdentities(JSON.parse(textOf(identities)) as ProfileIdentities).map(({ kind, value }) =>
      [kind, value, textOf(id)].join(" "),
    ),
  );
  const index = (dump["identities"] ?? []).map(({ kind, value, profile_id }) =>
    [kind, value, profile_id].map(textOf).join(" "),
  );
  expect(index.toSorted()).toEqual(led.toSorted());
  const families = live.flatMap(({ merged_from }) => JSON.parse(textOf(merged_from)) as string[]);
  const away = people.filter(({ merged_into }) => merged_into !== null).map(({ id }) => textOf(id));
  expect(families.toSorted()).toEqual(away.toSorted());
  expect((await workspace.cell.health()).conservation.holds).toBe(true);
  for (const [table, sameKey] of [
    ["enrollment_histories", ""],
    ["keyed_histories", "AND e.key_digest = h.key_digest"],
  ]) {
    const wrong = await queryCell(
      workspace,
      `SELECT * FROM ${table} h WHERE active <> (SELECT count(*) FROM enrollments e
         WHERE e.profile_id = h.profile_id AND e.journey_id = h.journey_id AND e.status = 'active' ${sameKey})`,
    );
    expect([table, wrong]).toEqual([table, []]);
  }
}

/** D1 says what the cell says, and lists each person's events. */
export async function checkReadModel(workspace: TestWorkspace): Promise<void> {
  for (let flushes = 0; flushes < 3; flushes++) await runAlarm(workspace.cell, MINUTE_MS);
  const projected = await rowsInD1(workspace, "profiles");
  const people = await queryCell(workspace, `SELECT * FROM profiles ORDER BY id`);
  expect(projected).toMatchObject(
    people.map(({ id, rev, merged_into, merged_from, properties }) => ({
      profile_id: id,
      rev,
      merged_into,
      merged_from,
      properties,
    })),
  );
  expect(await rowsInD1(workspace, "enrollments")).toMatchObject(
    await queryCell(
      workspace,
      `SELECT id AS enrollment_id, profile_id, status, reason, rev FROM enrollments ORDER BY id`,
    ),
  );
  const events = await rowsInD1<{ event_id: string; profile_id: string }>(workspace, "user_events");
  for (const { id, merged_into, merged_from } of people) {
    if (merged_into !== null) continue;
    const family = [textOf(id), ...(JSON.parse(textOf(merged_from)) as string[])];
    const { rows } = await listEvents(env.DB, workspace.id, { profileIds: family }, { limit: 200, before: null });
    const own = events.filter(({ profile_id }) => family.includes(profile_id)).map(({ event_id }) => event_id);
    expect(rows.map(({ event_id }) => event_id)).toEqual(own.toReversed());
  }
}
