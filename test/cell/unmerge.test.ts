// A merge is undone: what goes back, and what stays.
import { describe, expect, it, vi } from "vitest";
import { accepted, claimsOf, OPERATOR } from "../support/commands.ts";
import { reasonOf } from "../support/decisions.ts";
import { anActiveJourney, readJourney } from "../support/journeys.ts";
import { aMerge, BOTH, CUSTOMER, LEAD, merge, profile, undo } from "../support/merges.ts";
import { endRun, runsOf } from "../support/runs.ts";
import { queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
async function propertiesOf(workspace: TestWorkspace, id: string): Promise<unknown> {
  return JSON.parse((await profile(workspace, id)).propertiesJson);
}

async function emailsOf(workspace: TestWorkspace, id: string): Promise<string[]> {
  return (await profile(workspace, id)).identities.emails;
}

describe("undoing a merge", () => {
  it("gives the merged profile its identities back, and events with them go there again", async () => {
    const merged = await aMerge();
    const { workspace, leadId, customerId } = merged;
    expect(await undo(merged)).toBe("undone");
    expect(await profile(workspace, leadId)).toMatchObject({
      id: leadId,
      mergedInto: null,
      identities: { emails: ["a@example.com"] },
    });
    expect(await profile(workspace, customerId)).toMatchObject({
      mergedFrom: [],
      identities: { externalId: "cus_1", emails: [] },
    });
    expect((await accepted(workspace, { identities: LEAD })).profileId).toBe(leadId);
    expect((await accepted(workspace, { identities: CUSTOMER })).profileId).toBe(customerId);
  });

  it("answers both profiles, each a revision on", async () => {
    const { workspace, leadId, customerId } = await aMerge();
    const [before] = await queryCell<{ rev: number }>(workspace, `SELECT rev FROM profiles WHERE id = ?`, leadId);
    const result = await workspace.cell.unmergeProfile(OPERATOR, customerId, leadId);
    expect(result).toMatchObject({
      ok: true,
      value: { survivor: { id: customerId }, restored: { id: leadId, rev: (before?.rev ?? 0) + 1 } },
    });
  });

  it("is noted in the log, and what merged before into the merged profile goes back with it", async () => {
    const workspace = await aWorkspace();
    const device = await accepted(workspace, { identities: { anonymousId: "device-1" } });
    await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { identities: { ...LEAD, anonymousId: "device-1" } });
    const merged = await merge(workspace);
    expect(await undo(merged)).toBe("undone");
    expect((await profile(workspace, device.profileId ?? "")).id).toBe(merged.leadId);
    expect(await queryCell(workspace, `SELECT merged_id, undone_at FROM profile_merges ORDER BY id`)).toEqual([
      { merged_id: device.profileId, undone_at: null },
      { merged_id: merged.leadId, undone_at: Date.now() },
    ]);
  });

  it("lets them be merged again, and that be undone again", async () => {
    const merged = await aMerge();
    await undo(merged);
    await accepted(merged.workspace, { identities: BOTH });
    expect((await profile(merged.workspace, merged.leadId)).id).toBe(merged.customerId);
    expect(await undo(merged)).toBe("undone");
    expect((await profile(merged.workspace, merged.leadId)).id).toBe(merged.leadId);
  });

  it("leaves an event that was accepted meanwhile, and its replay, with the survivor", async () => {
    const merged = await aMerge();
    const { workspace, customerId } = merged;
    const sent = { identities: LEAD, claims: claimsOf(workspace.id, "k1") };
    const meanwhile = await accepted(workspace, sent);
    await undo(merged);
    expect(await accepted(workspace, sent)).toMatchObject({
      replayed: true,
      eventId: meanwhile.eventId,
      profileId: customerId,
    });
  });
});

describe("properties after a merge was undone", () => {
  it("are the merged profile's as they were, and leave the survivor where the merge had filled them", async () => {
    const merged = await aMerge(
      { propertiesJson: '{"city":"Oslo","plan":"Free"}' },
      { propertiesJson: '{"plan":"Pro"}' },
    );
    await undo(merged);
    expect(await propertiesOf(merged.workspace, merged.leadId)).toEqual({ city: "Oslo", plan: "Free" });
    expect(await propertiesOf(merged.workspace, merged.customerId)).toEqual({ plan: "Pro" });
  });

  it("stay with the survivor where they changed since, or came since", async () => {
    const merged = await aMerge({ propertiesJson: '{"city":"Oslo","tier":"gold"}' });
    await accepted(merged.workspace, { identities: CUSTOMER, propertiesJson: '{"city":"Bergen","seen":true}' });
    await undo(merged);
    expect(await propertiesOf(merged.workspace, merged.leadId)).toEqual({ city: "Oslo", tier: "gold" });
    expect(await propertiesOf(merged.workspace, merged.customerId)).toEqual({ city: "Bergen", seen: true });
  });

  it("stay with the survivor where the merging request itself wrote them", async () => {
    const merged = await aMerge({ propertiesJson: '{"city":"Oslo"}' }, {}, { propertiesJson: '{"city":"Oslo"}' });
    await undo(merged);
    expect(await propertiesOf(merged.workspace, merged.customerId)).toEqual({ city: "Oslo" });
  });
});

describe("identities after a merge was undone", () => {
  const emails = (count: number): string[] => Array.from({ length: count }, (_, i) => `own${i}@example.com`);

  async function aCustomerWith(workspace: TestWorkspace, addresses: readonly string[]): Promise<void> {
    for (const email of addresses) await accepted(workspace, { identities: { ...CUSTOMER, email } });
  }

  it("are the survivor's in the order they had, with what the merge had let go", async () => {
    const workspace = await aWorkspace();
    await aCustomerWith(workspace, emails(5));
    const merged = await merge(workspace);
    expect(await emailsOf(workspace, merged.customerId)).toEqual(["a@example.com", ...emails(5).slice(1).toReversed()]);
    await undo(merged);
    expect(await emailsOf(workspace, merged.customerId)).toEqual(emails(5).toReversed());
    expect((await accepted(workspace, { identities: { email: "own0@example.com" } })).profileId).toBe(
      merged.customerId,
    );
  });

  it("are the merged profile's too where the survivor let them go later", async () => {
    const workspace = await aWorkspace();
    const merged = await merge(workspace);
    await aCustomerWith(workspace, emails(5));
    expect((await emailsOf(workspace, merged.customerId)).includes(LEAD.email)).toBe(false);
    expect(await undo(merged)).toBe("undone");
    expect(await emailsOf(workspace, merged.leadId)).toEqual([LEAD.email]);
    expect(await emailsOf(workspace, merged.customerId)).toEqual(emails(5).toReversed());
  });

  it("stay with the survivor where they came since", async () => {
    const merged = await aMerge();
    await aCustomerWith(merged.workspace, ["new@example.com"]);
    await undo(merged);
    expect(await emailsOf(merged.workspace, merged.customerId)).toEqual(["new@example.com"]);
  });

  it("are the phone of each again", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { ...CUSTOMER, phone: "+14155550100" } });
    const other = await accepted(workspace, { identities: { phone: "+14155550101" } });
    const survivor = await accepted(workspace, { identities: { ...CUSTOMER, phone: "+14155550101" } });
    const merged = { workspace, leadId: other.profileId ?? "", customerId: survivor.profileId ?? "" };
    expect((await profile(workspace, merged.customerId)).identities.phone).toBe("+14155550101");
    expect(await undo(merged)).toBe("undone");
    expect((await profile(workspace, merged.customerId)).identities.phone).toBe("+14155550100");
    expect((await profile(workspace, merged.leadId)).identities.phone).toBe("+14155550101");
  });
});

describe("runs after a merge was undone", () => {
  it("go on with the profile they were of, also where the merge had ended them", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { key: "both" });
    await anActiveJourney(workspace.cell, { key: "leads", entry: { event: "lead.made" } });
    await accepted(workspace, { event: "lead.made", identities: LEAD });
    const merged = await merge(workspace);
    const ended = (await runsOf(workspace)).filter(({ reason }) => reason === "merged_duplicate");
    expect(ended).toHaveLength(1);
    await undo(merged);
    const runs = await runsOf(workspace);
    expect(runs.map(({ profile_id, status, reason }) => [profile_id, status, reason])).toEqual([
      [merged.leadId, "active", null],
      [merged.leadId, "active", null],
      [merged.customerId, "active", null],
    ]);
    expect((await readJourney(workspace.cell, "both")).counts).toMatchObject({ enrolled: 2, active: 2, exited: 0 });
    expect((await workspace.cell.health()).conservation.holds).toBe(true);
    expect(await reasonOf(workspace, { identities: LEAD })).toBe("already_active");
  });

  it("say in their timelines that the merge was undone", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const merged = await merge(workspace);
    await undo(merged);
    const [revived] = await runsOf(workspace);
    expect(
      (JSON.parse(revived?.timeline ?? "") as { kind: string; detail: unknown }[]).map(({ kind, detail }) => [
        kind,
        detail,
      ]),
    ).toEqual([
      ["entered", null],
      ["waiting", expect.anything()],
      ["ended", { status: "exited", reason: "merged_duplicate" }],
      ["merged", { unmergedProfileId: merged.leadId }],
    ]);
  });

  it("never go back in time, also where the clock was set back since the merge", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { key: "both" });
    await anActiveJourney(workspace.cell, { key: "leads", entry: { event: "lead.made" } });
    await accepted(workspace, { event: "lead.made", identities: LEAD });
    const merged = await merge(workspace);
    vi.setSystemTime(Date.now() - 3_600_000);
    await undo(merged);
    for (const { timeline, run } of await runsOf(workspace)) {
      const instants = (JSON.parse(timeline) as { at: string }[]).map(({ at }) => at);
      expect(instants).toEqual(instants.toSorted());
      const [changedAt] = JSON.parse(run) as [number];
      expect(new Date(changedAt).toISOString()).toBe(instants.at(-1));
    }
  });

  it("go back as they ended where they ended meanwhile", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { entry: { event: "lead.made" } });
    await accepted(workspace, { event: "lead.made", identities: LEAD });
    const merged = await merge(workspace);
    const [run] = await runsOf(workspace);
    await endRun(workspace, run?.id ?? "");
    await undo(merged);
    expect(await runsOf(workspace)).toMatchObject([{ profile_id: merged.leadId, status: "cancelled" }]);
    expect(await queryCell(workspace, `SELECT active FROM enrollment_histories WHERE active <> 0`)).toEqual([]);
    expect(await reasonOf(workspace, { event: "lead.made", identities: LEAD })).toBe("already_enrolled");
    expect(await reasonOf(workspace, { event: "lead.made", identities: CUSTOMER })).toBe("enrolled");
  });

  it("stay with the survivor where they began meanwhile", async () => {
    const workspace = await aWorkspace();
    const merged = await merge(workspace);
    await anActiveJourney(workspace.cell, { entry: { event: "later" } });
    await accepted(workspace, { event: "later", identities: LEAD });
    await undo(merged);
    expect(await runsOf(workspace)).toMatchObject([{ profile_id: merged.customerId, status: "active" }]);
    expect(await reasonOf(workspace, { event: "later", identities: LEAD })).toBe("enrolled");
  });
});
