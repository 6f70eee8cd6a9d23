// An erasure on its way to D1: whatever D1 does and wherever it is interrupted, the read model ends without the person,
// and with everything else.
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { project } from "../../src/d1/projector.ts";
import { runAlarm } from "../support/alarm.ts";
import { accepted, claimsOf } from "../support/commands.ts";
import { aroundWrites, d1GoesAway } from "../support/d1-faults.ts";
import { erase, MESSAGE_TEXTS, PERSON, personalTexts, sendEverything, sendMessages } from "../support/erasures.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { countInCell, queryCell } from "../support/tables.ts";
import { aWorkspace, send, type TestWorkspace } from "../support/workspace.ts";

const A_MINUTE_MS = 60_000;
/** For a test that sends everything fifteen times. */
const MANY_ERASURES_MS = 30_000;
const TABLES = [
  "user_events",
  "user_event_parts",
  "profiles",
  "profile_properties",
  "enrollments",
  "deliveries",
  "erasures",
] as const;
beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

type Row = Record<string, string | number | null>;

/** Everything that D1 has of a workspace. */
async function readModel(workspace: TestWorkspace): Promise<Record<(typeof TABLES)[number], Row[]>> {
  const found = await Promise.all(
    TABLES.map(async (table) => {
      const { results } = await env.DB.prepare(`SELECT * FROM ${table} WHERE workspace_id = ?`)
        .bind(workspace.id)
        .all<Row>();
      return [table, results] as const;
    }),
  );
  return Object.fromEntries(found) as Record<(typeof TABLES)[number], Row[]>;
}

/** What D1 has of the erased person besides what is to stay. */
async function leftOf(workspace: TestWorkspace): Promise<string[]> {
  const all = await readModel(workspace);
  const text = JSON.stringify(all).toLowerCase();
  return [
    ...[...personalTexts(), ...Object.values(MESSAGE_TEXTS)].filter((personal) =>
      text.includes(personal.toLowerCase()),
    ),
    ...[...all.profiles, ...all.profile_properties, ...all.user_event_parts].map((row) => JSON.stringify(row)),
    ...all.user_events
      .filter((row) => row["profile_id"] !== null || row["data"] !== null)
      .map((row) => JSON.stringify(row)),
    ...all.user_events.filter((row) => row["data_parts"] !== 0).map((row) => JSON.stringify(row)),
    ...all.deliveries
      .filter((row) => row["target"] !== null || row["provider_id"] !== null || row["status"] === "pending")
      .map((row) => JSON.stringify(row)),
    ...all.enrollments.filter((row) => row["reason"] !== "profile_erased").map((row) => JSON.stringify(row)),
  ];
}

async function eventsInD1(workspace: TestWorkspace): Promise<string[]> {
  return sortedIds((await readModel(workspace)).user_events, "event_id");
}

function sortedIds(rows: readonly Row[], column: string): string[] {
  return rows.map((row) => String(row[column])).toSorted();
}

async function settled(workspace: TestWorkspace): Promise<void> {
  const isPending = async () => {
    const { outbox, outboxChanges, pendingErasures } = await workspace.cell.health();
    return outbox + outboxChanges + pendingErasures > 0;
  };
  for (let runs = 0; runs < 30 && (await isPending()); runs++) await runAlarm(workspace.cell, A_MINUTE_MS);
  expect(await isPending()).toBe(false);
}

describe("the read model of an erased person", () => {
  it("loses what is personal and keeps what happened", async () => {
    const workspace = await aWorkspace();
    const { eventIds, profileIds } = await sendEverything(workspace);
    eventIds.push(...(await sendMessages(workspace)));
    await settled(workspace);
    const before = await readModel(workspace);
    expect(before.deliveries).toHaveLength(8);
    for (const text of [...personalTexts(), MESSAGE_TEXTS.everywhere])
      expect([text, JSON.stringify(before).includes(text)]).toEqual([text, true]);
    await erase(workspace, PERSON.email);
    await settled(workspace);
    expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], eventIds.toSorted()]);
    const after = await readModel(workspace);
    const kept = ["event_id", "event", "occurred_at", "received_at", "source"] as const;
    for (const [i, row] of before.user_events.entries()) {
      for (const name of kept) expect([name, after.user_events[i]?.[name]]).toEqual([name, row[name]]);
    }
    expect(JSON.stringify(after.user_events)).not.toContain("mergedProfileId");
    expect(sortedIds(after.erasures, "profile_id")).toEqual(profileIds.toSorted());
  });

  it("is the same when the events were still on their way", async () => {
    const workspace = await aWorkspace();
    const { eventIds } = await sendEverything(workspace);
    eventIds.push(...(await sendMessages(workspace)));
    await erase(workspace, PERSON.email);
    await settled(workspace);
    expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], eventIds.toSorted()]);
  });

  it("keeps the receipts' entries, so that an event can still be asked what it decided", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const { eventId, receiptJson } = await accepted(workspace, {
      identities: PERSON,
      referenceId: "r",
      warnings: [{ code: "identity_ignored", message: "m" }],
    });
    await settled(workspace);
    await erase(workspace, PERSON.email);
    await settled(workspace);
    const answer = await send(`/api/v1/events/${eventId}`, { headers: { "x-api-key": workspace.apiKey } });
    const { journeys } = JSON.parse(receiptJson ?? "") as { journeys: unknown[] };
    expect(journeys).toHaveLength(1);
    expect(await answer.json()).toMatchObject({ profileId: null, data: null, receipt: { journeys, warnings: [] } });
  });

  it("leaves everybody else's rows as they were", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, {
      identities: { email: "other@example.com" },
      dataJson: '{"a":1}',
    });
    await accepted(workspace, { identities: PERSON });
    await settled(workspace);
    const ofOther = async () =>
      Object.values(await readModel(workspace)).map((rows) =>
        rows.filter(({ profile_id }) => profile_id === profileId),
      );
    const before = await ofOther();
    await erase(workspace, PERSON.email);
    await settled(workspace);
    expect(await ofOther()).toEqual(before);
  });

  it("is erased in slices when there is much of it", async () => {
    const workspace = await aWorkspace();
    const many = Array.from({ length: 450 }, () => accepted(workspace, { identities: PERSON, dataJson: '{"a":1}' }));
    const eventIds = (await Promise.all(many)).map(({ eventId }) => eventId);
    await settled(workspace);
    const updates = vi.spyOn(env.DB, "prepare");
    await erase(workspace, PERSON.email);
    await settled(workspace);
    expect(updates.mock.calls.filter(([sql]) => sql.includes("UPDATE user_events"))).toHaveLength(3);
    vi.restoreAllMocks();
    const { user_events: events } = await readModel(workspace);
    expect(sortedIds(events, "event_id")).toEqual(eventIds.toSorted());
    expect(new Set(events.flatMap(({ profile_id, data }) => [profile_id, data]))).toEqual(new Set([null]));
  });
});

describe("an erasure that is disturbed", () => {
  it("waits for D1, says so in its health, and goes on after a restart", async () => {
    const workspace = await aWorkspace();
    const { eventIds } = await sendEverything(workspace);
    await settled(workspace);
    const outage = d1GoesAway();
    await erase(workspace, PERSON.email);
    await runAlarm(workspace.cell, A_MINUTE_MS);
    const health = await workspace.cell.health();
    expect(health.pendingErasures).toBe(1);
    await evictDurableObject(workspace.cell);
    outage.mockRestore();
    await settled(workspace);
    expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], eventIds.toSorted()]);
  });

  it("counts as a lag of the read model for as long as it waits", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: PERSON });
    await settled(workspace);
    await erase(workspace, PERSON.email);
    vi.setSystemTime(Date.now() + A_MINUTE_MS);
    expect(await workspace.cell.health()).toMatchObject({ outboxChanges: 0, projectionLagSeconds: 60 });
    await settled(workspace);
    expect(await workspace.cell.health()).toMatchObject({ pendingErasures: 0, projectionLagSeconds: 0 });
  });

  it(
    "is finished wherever D1 fails in between",
    async () => {
      for (let healthy = 0; healthy < 15; healthy++) {
        const workspace = await aWorkspace();
        const { eventIds } = await sendEverything(workspace);
        await settled(workspace);
        await erase(workspace, PERSON.email);
        failAfter(healthy);
        await runAlarm(workspace.cell, A_MINUTE_MS);
        vi.restoreAllMocks();
        vi.spyOn(console, "error").mockImplementation(() => undefined);
        if (healthy % 2 === 0) await evictDurableObject(workspace.cell);
        await settled(workspace);
        expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], eventIds.toSorted()]);
      }
    },
    MANY_ERASURES_MS,
  );

  it("is not undone by a batch that arrives in the middle of it", async () => {
    const workspace = await aWorkspace();
    const { eventIds } = await sendEverything(workspace);
    await settled(workspace);
    const late = await readModel(workspace);
    await erase(workspace, PERSON.email);
    const prepare = env.DB.prepare.bind(env.DB);
    let arrived = 0;
    vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      const statement = prepare(sql);
      if (!sql.startsWith("DELETE FROM profiles")) return statement;
      const bind = statement.bind.bind(statement);
      statement.bind = (...values) => {
        const bound = bind(...values);
        const run = bound.run.bind(bound);
        bound.run = (async () => {
          const result = await run();
          for (const table of ["profiles", "user_events"] as const) {
            const rows = late[table].map((row) => ({ id: "late", json: JSON.stringify(row) }));
            await project(env.DB, workspace.id, table, rows);
            arrived += rows.length;
          }
          return result;
        }) as typeof bound.run;
        return bound;
      };
      return statement;
    });
    await settled(workspace);
    expect(arrived).toBeGreaterThan(0);
    expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], eventIds.toSorted()]);
  });

  it("finds events that reached D1 whole while it was asked for", async () => {
    for (const moment of ["before", "after"] as const) {
      const workspace = await aWorkspace();
      const sent = await sendEverything(workspace);
      await duringWrite(workspace, "user_events", moment);
      await settled(workspace);
      expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], sent.eventIds.toSorted()]);
      vi.restoreAllMocks();
    }
  });

  it("finds parts that reached D1 without their event", async () => {
    for (const moment of ["before", "after"] as const) {
      const workspace = await aWorkspace();
      const sent = await sendEverything(workspace);
      await duringWrite(workspace, "user_event_parts", moment);
      await settled(workspace);
      expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], sent.eventIds.toSorted()]);
      vi.restoreAllMocks();
    }
  });

  it.each(["an outage", "a refusal"])("finds parts whose event was held up by %s", async (fault) => {
    const workspace = await aWorkspace();
    const { eventIds } = await sendEverything(workspace);
    aroundWrites("user_events", async (write, json) => {
      if (json === "[]") return await write();
      throw new Error(fault === "an outage" ? "D1_ERROR: Network connection lost." : "D1_ERROR: no: SQLITE_CONSTRAINT");
    });
    await runAlarm(workspace.cell, A_MINUTE_MS);
    vi.restoreAllMocks();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect((await readModel(workspace)).user_event_parts.length).toBeGreaterThan(1);
    await erase(workspace, PERSON.email);
    await settled(workspace);
    expect([await leftOf(workspace), await eventsInD1(workspace)]).toEqual([[], eventIds.toSorted()]);
  });

  it.each(["user_events", "profiles"])("keeps nothing of a row of %s that D1 refuses meanwhile", async (table) => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace, { identities: PERSON, dataJson: '{"mug":"purple-unicorn-mug"}' });
    let refused = 0;
    aroundWrites(table, async (write, json) => {
      if (json === "[]") return await write();
      if (refused === 0) {
        await erase({ ...workspace, cell: env.WORKSPACE_CELL.getByName(workspace.id) }, PERSON.email);
      }
      refused += 1;
      throw new Error("D1_ERROR: no: SQLITE_CONSTRAINT");
    });
    await runAlarm(workspace.cell, A_MINUTE_MS);
    expect(refused).toBeGreaterThan(0);
    vi.restoreAllMocks();
    await settled(workspace);
    const quarantined = await queryCell<{ row_id: string; row: string }>(
      workspace,
      `SELECT row_id, row FROM quarantine`,
    );
    for (const { row } of quarantined) {
      for (const text of personalTexts()) expect([text, row.includes(text)]).toEqual([text, false]);
    }
    expect([...(await eventsInD1(workspace)), ...quarantined.map(({ row_id }) => row_id)]).toEqual([eventId]);
  });

  it("counts each event once, though it was taken out before it was counted", async () => {
    const workspace = await aWorkspace();
    const { key } = await anActiveJourney(workspace.cell);
    await accepted(workspace, { identities: PERSON, claims: claimsOf(workspace.id, "k") });
    await erase(workspace, PERSON.email);
    await evictDurableObject(workspace.cell);
    await settled(workspace);
    const answer = await send(`/api/v1/journeys/${key}`, { headers: { "x-api-key": workspace.apiKey } });
    expect((await answer.json<{ counts: unknown }>()).counts).toMatchObject({ matched: 1, enrolled: 1, cancelled: 1 });
    expect(await countInCell(workspace, "outbox_events")).toBe(0);
  });
});

/** D1 takes so many statements, and then no more. */
function failAfter(statements: number): void {
  const prepare = env.DB.prepare.bind(env.DB);
  let taken = 0;
  vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    if (taken++ < statements) return prepare(sql);
    throw new Error("D1_ERROR: Network connection lost.");
  });
}

/** Erases the person as the flush writes a table for the first time, before or after D1 has done it. */
async function duringWrite(workspace: TestWorkspace, table: string, moment: "before" | "after"): Promise<void> {
  let erased = false;
  aroundWrites(table, async (write) => {
    const eraseNow = async () => {
      if (!erased) await erase({ ...workspace, cell: env.WORKSPACE_CELL.getByName(workspace.id) }, PERSON.email);
      erased = true;
    };
    if (moment === "before") await eraseNow();
    const result = await write();
    await eraseNow();
    return result;
  });
  await runAlarm(workspace.cell, A_MINUTE_MS);
  expect(erased).toBe(true);
}
