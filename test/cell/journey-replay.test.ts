// A slice of a replay in the cell: all or nothing, the same when it is sent again, and nothing of whoever is gone.
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { ReplayedEvent, ReplayStep, TakenEvents } from "../../src/cell/replay-steps.ts";
import type { WorkspaceCell } from "../../src/cell/workspace-cell.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anEmailStep, suppress } from "../support/consent.ts";
import { anActiveJourney, readJourney } from "../support/journeys.ts";
import { runsOf } from "../support/runs.ts";
import { countInCell, dumpCell } from "../support/tables.ts";
import { anId, aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const KEY = "order-follow-up";

/** Events of so many people, and a journey that came after them. */
async function withPast(people: number): Promise<{ workspace: TestWorkspace; events: ReplayedEvent[] }> {
  const workspace = await aWorkspace();
  const events: ReplayedEvent[] = [];
  for (let i = 0; i < people; i++) {
    const { eventId, profileId } = await accepted(workspace, { identities: { email: `p${i}@example.com` } });
    events.push({ id: eventId, profileId, dataJson: '{"total":1}', redactedPaths: [] });
  }
  await anActiveJourney(workspace.cell);
  return { workspace, events };
}

function slice(events: ReplayedEvent[], replayId = anId()): ReplayStep {
  return { kind: "take", key: KEY, replayId, mode: "admit", events, rehearsed: new Map() };
}

async function take(workspace: TestWorkspace, step: ReplayStep): Promise<TakenEvents> {
  const result = await workspace.cell.replay(OPERATOR, step);
  if (!result.ok) throw new Error(`expected an answer: ${JSON.stringify(result.error)}`);
  return result.value as TakenEvents;
}

describe("a slice of a replay", () => {
  it("says the same when it is sent again, for its answer may have been lost", async () => {
    const { workspace, events } = await withPast(2);
    const step = slice(events);
    const first = await take(workspace, step);
    expect(await take(workspace, step)).toEqual(first);
    expect(await runsOf(workspace)).toHaveLength(2);
    expect((await readJourney(workspace.cell, KEY)).counts).toMatchObject({ matched: 2, enrolled: 2 });
  });

  it("keeps out whom a journey of nothing but e-mail may not write to now", async () => {
    const { workspace, events } = await withPast(2);
    await anActiveJourney(workspace.cell, { key: "mail", steps: [anEmailStep()] });
    await suppress(workspace, events[0]?.profileId ?? "", "unsubscribe");
    expect(await take(workspace, { ...slice(events), key: "mail" })).toMatchObject({
      enrolled: 1,
      skipped: { suppressed: 1 },
    });
  });

  it("leaves what another replay let in alone", async () => {
    const { workspace, events } = await withPast(2);
    await take(workspace, slice(events));
    expect(await take(workspace, slice(events))).toMatchObject({ enrolled: 0, alreadyDecided: 2 });
  });

  it("leaves nothing when it fails half way", async () => {
    const { workspace, events } = await withPast(2);
    const before = await dumpCell(workspace);
    await runInDurableObject<WorkspaceCell, void>(workspace.cell, async (cell, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      let entries = 0;
      const fails = vi.spyOn(storage.sql, "exec").mockImplementation(((sql: string, ...values: unknown[]) => {
        if (sql.includes("INSERT INTO replayed_entries") && (entries += 1) === 2) throw new Error("no room");
        return exec(sql, ...(values as SqlStorageValue[]));
      }) as never);
      await expect(cell.replay(OPERATOR, slice(events))).rejects.toThrow("no room");
      fails.mockRestore();
    });
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await take(workspace, slice(events))).toMatchObject({ enrolled: 2 });
  });

  it("lets nobody in who was erased after the events were read, and keeps nothing of them", async () => {
    const { workspace, events } = await withPast(1);
    await workspace.cell.eraseProfile(OPERATOR, events[0]?.profileId ?? "", new Uint8Array(32));
    expect(await take(workspace, slice(events))).toMatchObject({ enrolled: 0, skipped: { identity_required: 1 } });
    expect([await countInCell(workspace, "enrollments"), await countInCell(workspace, "entry_events")]).toEqual([0, 0]);
  });

  it("is refused to whoever may not act here any more", async () => {
    const { workspace, events } = await withPast(1);
    const nobody = { kind: "key", keyId: anId(), digest: new Uint8Array(32) } as const;
    expect(await workspace.cell.replay(nobody, slice(events))).toEqual({ ok: false, error: { code: "unauthorized" } });
    expect(await runsOf(workspace)).toEqual([]);
  });
});
