// What holds of a cell's runs whatever was done to them: each is in one state, and what is kept beside the runs (timers,
// waits, counts, entry events, messages) is what the runs themselves say.
import { runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import { EnrollmentStore, type Enrollment } from "../../src/cell/enrollment-store.ts";
import type { JourneyView } from "../../src/cell/journey-commands.ts";
import { JourneyCounts } from "../../src/cell/journey-counts.ts";
import { JourneyStore } from "../../src/cell/journey-store.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { RunPlans } from "../../src/cell/run-plans.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import { listensTo } from "../../src/domain/run-plan.ts";
import { timerOf } from "../../src/domain/run.ts";
import { readJourney } from "./journeys.ts";
import { queryCell } from "./tables.ts";
import type { TestWorkspace } from "./workspace.ts";

/** Holds what is kept beside the runs against the runs. */
export async function checkRuns(workspace: TestWorkspace): Promise<void> {
  const { conservation } = await workspace.cell.health();
  const { active, completed, exited, failed, cancelled } = conservation;
  expect(conservation).toMatchObject({ holds: true, enrolled: active + completed + exited + failed + cancelled });
  for (const { matched, enrolled, skipped } of await countsOf(workspace)) expect(matched).toBe(enrolled + skipped);
  await runInDurableObject(workspace.cell, (_, { storage: { sql } }) => {
    const parts = new TextParts(sql);
    const outbox = new Outbox(sql, parts);
    const enrollments = new EnrollmentStore(sql, outbox, parts);
    const plans = new RunPlans(new JourneyStore(sql, new JourneyCounts(sql, outbox)));
    const rows = <T extends Record<string, SqlStorageValue>>(query: string): T[] => [...sql.exec<T>(query)];
    const all = rows<{ id: string }>(`SELECT id FROM enrollments`).map(({ id }) => enrollments.find(id) as Enrollment);
    const running = all.filter(({ status }) => status === "active");

    const timers = rows<{ id: string; at: number }>(
      `SELECT enrollment_id AS id, due_at AS at FROM run_timers UNION ALL SELECT enrollment_id, due_at FROM held_timers`,
    );
    const needed = running.flatMap(({ id, run }) => (timerOf(run) === null ? [] : [{ id, at: timerOf(run)?.at }]));
    expect(timers.toSorted(byId)).toEqual(needed.toSorted(byId));

    const pending = rows<{ text: string }>(
      `SELECT enrollment_id || ' ' || delivery_key AS text FROM deliveries WHERE status = 'pending'`,
    ).map(({ text }) => text);
    for (const { id, run } of running) {
      if (run.wait?.kind === "delivery") expect(pending).toContain(`${id} ${run.wait.deliveryKey}`);
    }

    const waits = rows<{ id: string; text: string }>(
      `SELECT enrollment_id AS id, profile_id || ' ' || event AS text FROM run_waits
         WHERE enrollment_id NOT IN (SELECT id FROM enrollments WHERE reason = 'merged_duplicate' AND timeline <> '[]')`,
    );
    const listening = running.flatMap((one) => {
      const plan = plans.of(one);
      return plan === null
        ? []
        : listensTo(plan, one.run).map((event) => ({ id: one.id, text: `${one.profileId} ${event}` }));
    });
    expect(textsOf(waits)).toEqual(textsOf(listening));

    const holders = new Map<string, number>();
    for (const one of all) {
      // One that ended beside the survivor's own is kept for the day on which the merge is undone, if its person is.
      const mayReturn = one.reason === "merged_duplicate" && one.timeline.length > 0;
      const holds = one.status === "active" || mayReturn || enrollments.deliveries.hasPending(one.id);
      if (!holds) continue;
      holders.set(one.eventId, (holders.get(one.eventId) ?? 0) + 1);
    }
    const kept = rows<{ id: string; runs: number }>(`SELECT event_id AS id, runs FROM entry_events`);
    expect(new Map(kept.map(({ id, runs }) => [id, runs]))).toEqual(holders);

    for (const { timeline } of all) {
      const instants = timeline.map(({ at }) => at);
      expect(instants).toEqual(instants.toSorted());
      // One that went on because its merge was undone has ended before.
      const revived = timeline.filter(({ detail }) => detail?.["unmergedProfileId"] !== undefined).length;
      expect(timeline.filter(({ kind }) => kind === "ended").length).toBeLessThanOrEqual(1 + revived);
    }
  });
}

async function countsOf(workspace: TestWorkspace): Promise<JourneyView["counts"][]> {
  const keys = await queryCell<{ key: string }>(workspace, `SELECT key FROM journeys`);
  return await Promise.all(keys.map(async ({ key }) => (await readJourney(workspace.cell, key)).counts));
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function textsOf(rows: { id: string; text: string }[]): string[] {
  return rows.map(({ id, text }) => `${id} ${text}`).toSorted();
}
