// The way of messages to D1: every state arrives, the newest last, whatever D1 does meanwhile.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { UPSERT_DELIVERIES } from "../../src/d1/deliveries.ts";
import type { DeliveryRow } from "../../src/domain/delivery.ts";
import { runAlarm } from "../support/alarm.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { aroundWrites, d1GoesAway, d1LosesReplies } from "../support/d1-faults.ts";
import { attempted, messageOf } from "../support/deliveries.ts";
import { erase } from "../support/erasures.ts";
import { aRun } from "../support/running.ts";
import { countInCell, queryCell, rowsInD1 } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";

const HOOK = { id: "hook", type: "webhook", url: "https://receiver.example/hook" };
const PERSON = { email: "alex@example.com" };
/** Longer than any backoff. */
const A_MINUTE_MS = 60_000;
beforeEach(() => {
  // Outages are part of it, and logged.
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

async function aMessage(): Promise<{ workspace: TestWorkspace; id: string; runId: string }> {
  const { workspace, id: runId } = await aRun([HOOK], {}, { identities: PERSON });
  return { workspace, id: (await messageOf(workspace)).id, runId };
}

async function drain(workspace: Pick<TestWorkspace, "cell">): Promise<void> {
  const isDrained = async () => (await countInCell(workspace, "outbox_changes")) === 0;
  for (let runs = 0; runs < 10 && !(await isDrained()); runs++) await runAlarm(workspace.cell, A_MINUTE_MS);
  expect(await isDrained()).toBe(true);
}

async function send(workspace: Pick<TestWorkspace, "cell">, id: string): Promise<void> {
  await attempted(workspace, id, 1, { providerId: "prov_1" });
}

const inD1 = async (workspace: TestWorkspace) => await rowsInD1<DeliveryRow>(workspace, "deliveries");

describe("a message", () => {
  it("is in the read model as it is in the cell, pending and then sent", async () => {
    const { workspace, id, runId } = await aMessage();
    await drain(workspace);
    const [journey] = await queryCell<{ id: string; key: string }>(workspace, `SELECT id, key FROM journeys`);
    const [run] = await queryCell<{ profile_id: string }>(workspace, `SELECT profile_id FROM enrollments`);
    const pending = {
      delivery_id: id,
      channel: "webhook",
      status: "pending",
      reason: null,
      attempts: 0,
      profile_id: run?.profile_id,
      enrollment_id: runId,
      journey_id: journey?.id,
      journey_key: journey?.key,
      step_id: "hook",
      target: HOOK.url,
      provider_id: null,
      settled_at: null,
    };
    expect(await inD1(workspace)).toMatchObject([pending]);
    await send(workspace, id);
    await drain(workspace);
    expect(await inD1(workspace)).toMatchObject([
      {
        ...pending,
        status: "sent",
        attempts: 1,
        provider_id: "prov_1",
        next_attempt_at: null,
        settled_at: expect.stringMatching(/Z$/),
      },
    ]);
  });

  it("is written once more when it is settled while D1 writes it", async () => {
    const { workspace, id } = await aMessage();
    let writes = 0;
    aroundWrites("deliveries", async (write) => {
      writes += 1;
      // Through a stub of its own: one belongs to who made it.
      if (writes === 1) await send({ cell: env.WORKSPACE_CELL.getByName(workspace.id) }, id);
      return await write();
    });
    await runAlarm(workspace.cell);
    expect(await inD1(workspace)).toMatchObject([{ status: "pending" }]);
    await drain(workspace);
    expect(await inD1(workspace)).toMatchObject([{ status: "sent" }]);
  });

  it("is never turned back by a batch that comes late and again", async () => {
    const { workspace, id } = await aMessage();
    const batches: string[] = [];
    aroundWrites("deliveries", async (write, rowsJson) => {
      batches.push(rowsJson);
      return await write();
    });
    await drain(workspace);
    await send(workspace, id);
    await drain(workspace);
    vi.restoreAllMocks();
    for (const batch of batches) await env.DB.prepare(UPSERT_DELIVERIES).bind(workspace.id, batch).run();
    expect(await inD1(workspace)).toMatchObject([{ status: "sent", provider_id: "prov_1" }]);
  });

  it("arrives though D1 was away, or lost its replies", async () => {
    const { workspace, id } = await aMessage();
    const away = d1GoesAway();
    await runAlarm(workspace.cell);
    away.mockRestore();
    expect(await inD1(workspace)).toEqual([]);
    d1LosesReplies("deliveries");
    await runAlarm(workspace.cell, A_MINUTE_MS);
    expect(await inD1(workspace)).toHaveLength(1);
    vi.restoreAllMocks();
    await send(workspace, id);
    await drain(workspace);
    expect(await inD1(workspace)).toMatchObject([{ status: "sent" }]);
  });
});

describe("a message that D1 refuses for good", () => {
  /** Rows that no table of D1 takes, put aside. @returns the id of the first that was put aside */
  async function refused(workspace: TestWorkspace): Promise<string> {
    await queryCell(workspace, `UPDATE deliveries SET attempts = 'many'`);
    await drain(workspace);
    const rows = await queryCell<{ id: string; table_name: string }>(workspace, `SELECT * FROM quarantine`);
    expect(new Set(rows.map(({ table_name }) => table_name))).toEqual(new Set(["deliveries"]));
    return rows[0]?.id ?? "";
  }

  it("is put aside, and tried again as it is then", async () => {
    const { workspace, id } = await aMessage();
    const quarantined = await refused(workspace);
    expect(await inD1(workspace)).toEqual([]);
    await queryCell(workspace, `UPDATE deliveries SET attempts = 0`);
    await send(workspace, id);
    expect((await workspace.cell.retryQuarantined(OPERATOR, quarantined)).ok).toBe(true);
    await drain(workspace);
    expect(await inD1(workspace)).toMatchObject([{ delivery_id: id, status: "sent" }]);
  });

  it("is not kept aside of a person who is erased, and arrives without them", async () => {
    const { workspace, id } = await aMessage();
    const other = await accepted(workspace, { identities: { email: "other@example.com" } });
    await refused(workspace);
    expect(await countInCell(workspace, "quarantine")).toBe(2);
    await queryCell(workspace, `UPDATE deliveries SET attempts = 0`);
    expect(await erase(workspace, PERSON.email)).toBe(true);
    const left = await queryCell<{ row: string }>(workspace, `SELECT row FROM quarantine`);
    expect(left.map(({ row }) => (JSON.parse(row) as DeliveryRow).profile_id)).toEqual([other.profileId]);
    await drain(workspace);
    expect(await inD1(workspace)).toMatchObject([{ delivery_id: id, target: null, reason: "profile_erased" }]);
  });

  it("is not kept aside of a person who is erased while D1 refuses it", async () => {
    const { workspace } = await aMessage();
    await queryCell(workspace, `UPDATE deliveries SET attempts = 'many'`);
    let erased = false;
    aroundWrites("deliveries", async (write) => {
      const cell = env.WORKSPACE_CELL.getByName(workspace.id);
      erased ||= await erase({ ...workspace, cell }, PERSON.email);
      return await write();
    });
    await runAlarm(workspace.cell);
    expect(erased).toBe(true);
    const aside = async () => JSON.stringify(await queryCell(workspace, `SELECT row FROM quarantine`));
    expect(await aside()).not.toContain(HOOK.url);
    await drain(workspace);
    expect(await aside()).toContain("profile_erased");
    expect(await aside()).not.toContain(HOOK.url);
  });
});

it("reads a person's messages by their index, never all of them", async () => {
  const { workspace } = await aMessage();
  const plan = await queryCell<{ detail: string }>(
    workspace,
    `EXPLAIN QUERY PLAN SELECT id FROM deliveries INDEXED BY deliveries_by_profile
     WHERE profile_id IN (SELECT value FROM json_each('[]')) AND id < 'g' ORDER BY id DESC LIMIT 10`,
  );
  expect(plan.map(({ detail }) => detail)).toContain(
    "SEARCH deliveries USING COVERING INDEX deliveries_by_profile (profile_id=? AND id<?)",
  );
});
