// What an erasure leaves of messages: that they were, how they and their attempts ended, and nothing of the person.
import { describe, expect, it } from "vitest";
import { OPERATOR } from "../support/commands.ts";
import { attempted, attemptsOf, claim, granted, messageOf, report } from "../support/deliveries.ts";
import { erase } from "../support/erasures.ts";
import { anEvent, anEntry, aRunningJourney, linesOf } from "../support/running.ts";
import { dumpCell, queryCell } from "../support/tables.ts";
const URL = "https://crm.example.com/purple-unicorn";
const HOOK = { id: "hook", type: "webhook", url: URL, onFailure: "fail" };
const REST = { id: "rest", type: "delay", for: "P1D" };
const TEXT = "no purple-unicorn here";
const EMAIL = "alex@example.com";

describe("erasing a person", () => {
  it("leaves of a message that it was, and how its attempts ended", async () => {
    const workspace = await aRunningJourney([HOOK]);
    await anEntry(workspace, { dataJson: JSON.stringify({ text: TEXT }) });
    const { id } = await messageOf(workspace);
    await attempted(workspace, id, 1, { outcome: "failed", reason: "rejected", code: "550", message: TEXT });
    expect(JSON.stringify(await dumpCell(workspace))).toContain("purple-unicorn");
    await erase(workspace, EMAIL);
    const { deliveries, delivery_attempts, text_parts, entry_events } = await dumpCell(workspace);
    expect(JSON.stringify({ deliveries, delivery_attempts, text_parts, entry_events })).not.toContain("purple-unicorn");
    expect(await messageOf(workspace)).toMatchObject({
      status: "failed",
      reason: "rejected",
      attempts: 1,
      target: null,
    });
    expect(await attemptsOf(workspace, id)).toEqual(["failed 550"]);
  });

  it("takes out what a large message was made of", async () => {
    const workspace = await aRunningJourney([HOOK]);
    await anEntry(workspace, { dataJson: JSON.stringify({ text: TEXT.repeat(40_000) }) });
    const { id } = await messageOf(workspace);
    await attempted(workspace, id, 1, { outcome: "failed", reason: "rejected" });
    await erase(workspace, EMAIL);
    expect(await queryCell(workspace, `SELECT * FROM text_parts WHERE owner = 'delivery'`)).toEqual([]);
  });

  it("ends what is still to be sent, and nobody hears of it any more", async () => {
    const workspace = await aRunningJourney([HOOK]);
    await anEntry(workspace);
    const { id } = await messageOf(workspace);
    await granted(workspace, id);
    await erase(workspace, EMAIL);
    const erased = { status: "skipped", reason: "profile_erased", state: null, provider_id: null };
    expect(await messageOf(workspace)).toMatchObject(erased);
    await report(workspace, id, 1, { message: TEXT, providerId: "p-1" });
    expect(await messageOf(workspace)).toMatchObject(erased);
    expect(await attemptsOf(workspace, id)).toEqual([]);
    expect(await claim(workspace, id, 2)).toEqual({ kind: "dropped" });
    expect((await workspace.cell.health()).deliveries).toMatchObject({ made: 1, skipped: 1, pending: 0, holds: true });
  });

  it("takes a message along whose run has gone back to somebody else, and that run hears of it", async () => {
    const steps = [{ id: "paid", type: "wait_for_event", event: "paid", timeout: "P9D" }, HOOK, REST];
    const workspace = await aRunningJourney(steps);
    const runId = await anEntry(workspace, { identities: { email: EMAIL } });
    const [lead] = await queryCell<{ id: string }>(workspace, `SELECT id FROM profiles`);
    await anEvent(workspace, "seen", {}, { identities: { externalId: "c1" } });
    // One event shows that both are one person, and another one has the run send.
    await anEvent(workspace, "seen", {}, { identities: { externalId: "c1", email: EMAIL } });
    await anEvent(workspace, "paid", {}, { identities: { externalId: "c1" } });
    const [survivor] = await queryCell<{ profile_id: string }>(workspace, `SELECT profile_id FROM deliveries`);
    const undone = await workspace.cell.unmergeProfile(OPERATOR, survivor?.profile_id ?? "", lead?.id ?? "");
    expect(undone.ok).toBe(true);

    await workspace.cell.eraseProfile(OPERATOR, survivor?.profile_id ?? "", new Uint8Array(32));
    const { id } = await messageOf(workspace);
    expect(await messageOf(workspace)).toMatchObject({ status: "pending", target: null });
    expect(await claim(workspace, id)).toEqual({ kind: "dropped" });
    expect(await messageOf(workspace)).toMatchObject({ status: "skipped", reason: "profile_erased" });
    expect((await linesOf(workspace, runId)).slice(-3)).toEqual(["skipped hook", "entered rest", "waiting rest"]);
  });
});
