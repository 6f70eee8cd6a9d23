// Two profiles become one: what moves, what stays behind, and what is written down about it.
import { describe, expect, it } from "vitest";
import type { Profile } from "../../src/domain/profile.ts";
import { MAX_PROPERTIES_BYTES } from "../../src/domain/properties.ts";
import { runAlarm } from "../support/alarm.ts";
import { accept, aCommand, accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { runsOf } from "../support/runs.ts";
import { queryCell, rowsInD1 } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const LEAD = { email: "a@example.com" };
const CUSTOMER = { externalId: "cus_1" };
const BOTH = { ...LEAD, ...CUSTOMER };

async function profile(workspace: TestWorkspace, id: string | null): Promise<Profile> {
  const found = await workspace.cell.readProfile(OPERATOR, id ?? "");
  if (!found.ok) throw new Error("expected a profile");
  return found.value;
}

/** A lead and a customer who turn out to be one person. */
async function aMerge(lead: object = {}, customer: object = {}) {
  const workspace = await aWorkspace();
  const first = await accepted(workspace, { identities: LEAD, ...lead });
  const second = await accepted(workspace, { identities: CUSTOMER, ...customer });
  const third = await accepted(workspace, { event: "signed.in", identities: BOTH });
  return { workspace, leadId: first.profileId, customerId: second.profileId, merging: third };
}

describe("a merge", () => {
  it("is logged: when, who into whom, by which event, and what moved", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { key: "one" });
    await anActiveJourney(workspace.cell, { key: "two", entry: { event: "lead.made" } });
    const lead = await accepted(workspace, { identities: LEAD });
    await accepted(workspace, {
      event: "lead.made",
      identities: LEAD,
      propertiesJson: '{"city":"Oslo","plan":"Free"}',
    });
    const customer = await accepted(workspace, { identities: CUSTOMER, propertiesJson: '{"plan":"Pro"}' });
    const merging = await accepted(workspace, { event: "signed.in", identities: BOTH });
    const [duplicate, moved] = (await runsOf(workspace)).filter(({ event_id }) => event_id !== customer.eventId);
    const log = await queryCell<{ moved: string }>(workspace, `SELECT * FROM profile_merges`);
    expect(log).toEqual([
      {
        id: expect.any(String),
        at: expect.any(Number),
        survivor_id: customer.profileId,
        merged_id: lead.profileId,
        cause: "event",
        event_id: merging.eventId,
        moved: expect.any(String),
        undone_at: null,
      },
    ]);
    expect(JSON.parse(log[0]?.moved ?? "")).toEqual({
      identities: [{ kind: "email", value: "a@example.com" }],
      enrollments: [moved?.id],
      ended: [duplicate?.id],
      properties: ["city"],
      survivor: {
        before: { externalId: "cus_1", emails: [], phone: null, anonymousIds: [] },
        after: { externalId: "cus_1", emails: ["a@example.com"], phone: null, anonymousIds: [] },
      },
    });
  });

  it("does not log as filled what the request itself wrote", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: LEAD, propertiesJson: '{"city":"Oslo","plan":"Free","tags":["a"]}' });
    await accepted(workspace, { identities: CUSTOMER });
    await accepted(workspace, {
      identities: BOTH,
      propertiesJson: '{"city":"Oslo"}',
      listEditsJson: '{"append":{"tags":["a"]},"unappend":{}}',
    });
    const [log] = await queryCell<{ moved: string }>(workspace, `SELECT moved FROM profile_merges`);
    expect(JSON.parse(log?.moved ?? "")).toMatchObject({ properties: ["plan"] });
  });

  it("leaves a tombstone that keeps what the person was", async () => {
    const { workspace, leadId, customerId } = await aMerge({ propertiesJson: '{"city":"Oslo"}' });
    expect(
      await queryCell(
        workspace,
        `SELECT merged_into, properties, identities ->> 'emails' AS emails FROM profiles WHERE id = ?`,
        leadId,
      ),
    ).toEqual([{ merged_into: customerId, properties: '{"city":"Oslo"}', emails: '["a@example.com"]' }]);
  });

  it("lets every identity lead to the survivor", async () => {
    const { workspace, customerId, merging } = await aMerge();
    expect(merging.profileId).toBe(customerId);
    expect(await queryCell(workspace, `SELECT kind, profile_id FROM identities ORDER BY kind`)).toEqual([
      { kind: "email", profile_id: customerId },
      { kind: "externalId", profile_id: customerId },
    ]);
    expect((await accepted(workspace, { identities: LEAD })).profileId).toBe(customerId);
  });

  it("answers reads of the merged profile with the survivor, over several merges", async () => {
    const workspace = await aWorkspace();
    const device = await accepted(workspace, { identities: { anonymousId: "device-1" } });
    const lead = await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { identities: { ...LEAD, anonymousId: "device-1" } });
    const customer = await accepted(workspace, { identities: CUSTOMER });
    await accepted(workspace, { identities: BOTH });
    for (const { profileId } of [device, lead, customer]) {
      expect(await profile(workspace, profileId)).toMatchObject({
        id: customer.profileId,
        mergedInto: null,
        mergedFrom: [device.profileId, lead.profileId],
      });
    }
  });

  it("fills the survivor's blanks, and its own values win", async () => {
    const { workspace, customerId } = await aMerge(
      { propertiesJson: '{"city":"Oslo","plan":"Free"}' },
      { propertiesJson: '{"plan":"Pro"}' },
    );
    expect(JSON.parse((await profile(workspace, customerId)).propertiesJson)).toEqual({ city: "Oslo", plan: "Pro" });
  });

  it("lets what the merging event itself says win over both", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: LEAD, propertiesJson: '{"city":"Oslo","plan":"Free"}' });
    await accepted(workspace, { identities: CUSTOMER, propertiesJson: '{"plan":"Pro"}' });
    const { profileId } = await accepted(workspace, {
      identities: BOTH,
      propertiesJson: '{"city":null,"plan":"Team"}',
    });
    expect(JSON.parse((await profile(workspace, profileId)).propertiesJson)).toEqual({ plan: "Team" });
  });

  it("keeps the sources of both", async () => {
    const { workspace, customerId } = await aMerge({ source: "klaviyo" }, { source: "segment" });
    expect((await profile(workspace, customerId)).sources).toEqual(["segment", "klaviyo", "api"]);
  });

  it("starts no journey", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, {
      entry: { event: "order.created", filter: { $state: "/profile/externalId", exists: true } },
    });
    await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { event: "other", identities: CUSTOMER });
    await accepted(workspace, { event: "signed.in", identities: BOTH });
    expect(await runsOf(workspace)).toEqual([]);
  });

  it("reaches D1: the survivor, and the tombstone that no list shows", async () => {
    const { workspace, leadId, customerId } = await aMerge();
    await runAlarm(workspace.cell);
    const rows = await rowsInD1<{ profile_id: string }>(workspace, "profiles");
    expect(rows.find(({ profile_id }) => profile_id === leadId)).toMatchObject({ merged_into: customerId, rev: 2 });
    expect(rows.find(({ profile_id }) => profile_id === customerId)).toMatchObject({
      merged_into: null,
      merged_from: JSON.stringify([leadId]),
      email: "a@example.com",
      rev: 2,
    });
  });

  it("leaves an event with the profile it was answered with", async () => {
    const workspace = await aWorkspace();
    const lead = await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { identities: CUSTOMER });
    await accepted(workspace, { identities: BOTH });
    await runAlarm(workspace.cell);
    const [event] = await rowsInD1(workspace, "user_events");
    expect(event).toMatchObject({ event_id: lead.eventId, profile_id: lead.profileId });
  });
});

describe("merging large profiles", () => {
  const large = (name: string) => ({
    propertiesJson: JSON.stringify({ [name]: "x".repeat(MAX_PROPERTIES_BYTES - 100) }),
  });

  it("is no reason to refuse the event: blanks are filled as far as there is room", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, {
      identities: LEAD,
      propertiesJson: JSON.stringify({ small: 1, ...JSON.parse(large("lead").propertiesJson) }),
    });
    const customer = await accepted(workspace, { identities: CUSTOMER, ...large("customer") });
    const outcome = await accept(workspace, aCommand({ identities: BOTH, propertiesJson: '{"seen":true}' }));
    expect(outcome).toMatchObject({ kind: "accepted", profileId: customer.profileId });
    const { propertiesJson } = await profile(workspace, customer.profileId);
    expect(Object.keys(JSON.parse(propertiesJson) as object).toSorted()).toEqual(["customer", "seen", "small"]);
    const [log] = await queryCell<{ moved: string }>(workspace, `SELECT moved FROM profile_merges`);
    expect(JSON.parse(log?.moved ?? "")).toMatchObject({ properties: ["small"] });
  });

  it("never makes a row too large to store, however many are merged", async () => {
    const workspace = await aWorkspace();
    for (let i = 0; i < 6; i++) {
      await accepted(workspace, { identities: { anonymousId: `device-${i}` }, ...large(`p${i}`) });
      await accepted(workspace, { identities: { ...CUSTOMER, anonymousId: `device-${i}` } });
    }
    const [{ bytes } = { bytes: 0 }] = await queryCell<{ bytes: number }>(
      workspace,
      `SELECT max(octet_length(properties)) AS bytes FROM profiles`,
    );
    expect(bytes).toBeLessThanOrEqual(MAX_PROPERTIES_BYTES);
  });
});
