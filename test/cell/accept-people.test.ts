// What each door lets an event do about people.
import { describe, expect, it } from "vitest";
import { accept, accepted, aCommand } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import { anId, aWorkspace } from "../support/workspace.ts";
const CONFLICT = expect.objectContaining({ code: "identity_conflict" });

describe("resolve", () => {
  it("makes a person who is not known", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, { identities: { email: "a@example.com", externalId: "1" } });
    const found = await workspace.cell.readProfile({ kind: "operator" }, profileId as string);
    expect(found).toMatchObject({
      ok: true,
      value: { identities: { externalId: "1", emails: ["a@example.com"] }, sources: ["api"] },
    });
  });

  it("goes to who owns the higher identity, with a warning, when two people meet", async () => {
    const workspace = await aWorkspace();
    const one = await accepted(workspace, { identities: { email: "a@example.com", externalId: "1" } });
    await accepted(workspace, { identities: { email: "b@example.com", externalId: "2" } });
    const meeting = await accepted(workspace, { identities: { email: "b@example.com", externalId: "1" } });
    expect(meeting.profileId).toBe(one.profileId);
    expect(JSON.parse(meeting.receiptJson ?? "")).toMatchObject({ warnings: [CONFLICT] });
    expect(await countInCell(workspace, "profile_merges")).toBe(0);
  });

  it("keeps what the door has to say in the receipt, first", async () => {
    const workspace = await aWorkspace();
    const warning = { code: "identity_ignored" as const, message: "The externalId names nobody and was ignored." };
    const { receiptJson } = await accepted(workspace, { warnings: [warning] });
    expect(JSON.parse(receiptJson ?? "")).toEqual({ journeys: [], warnings: [warning] });
  });

  it("notes each source a person came from, once", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, { source: "api" });
    for (const source of ["segment", "api", "segment"] as const) await accepted(workspace, { source });
    expect(await queryCell(workspace, `SELECT id, sources, rev FROM profiles`)).toEqual([
      { id: profileId, sources: '["api","segment"]', rev: 2 },
    ]);
  });
});

describe("find", () => {
  it("drops an event about nobody known, and makes nobody", async () => {
    const workspace = await aWorkspace();
    const before = await dumpCell(workspace);
    const outcome = await accept(workspace, aCommand({ people: "find", identities: { email: "a@example.com" } }));
    expect(outcome).toEqual({ kind: "profile_not_found" });
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("finds a person by any identity and adds none", async () => {
    const workspace = await aWorkspace();
    const known = await accepted(workspace, { identities: { email: "a@example.com" } });
    const found = await accepted(workspace, {
      people: "find",
      identities: { email: "a@example.com", externalId: "1" },
    });
    expect(found.profileId).toBe(known.profileId);
    expect(await queryCell(workspace, `SELECT kind, value FROM identities`)).toEqual([
      { kind: "email", value: "a@example.com" },
    ]);
  });

  it("merges nobody, and goes to who owns the higher identity", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { email: "a@example.com" } });
    const known = await accepted(workspace, { identities: { externalId: "1" } });
    const found = await accepted(workspace, {
      people: "find",
      identities: { email: "a@example.com", externalId: "1" },
    });
    expect(found.profileId).toBe(known.profileId);
    expect(JSON.parse(found.receiptJson ?? "")).toMatchObject({ warnings: [] });
    expect([await countInCell(workspace, "profile_merges"), await countInCell(workspace, "identities")]).toEqual([
      0, 2,
    ]);
  });

  it("warns when the identities are of two people", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { email: "a@example.com", externalId: "2" } });
    await accepted(workspace, { identities: { externalId: "1" } });
    const found = await accepted(workspace, {
      people: "find",
      identities: { email: "a@example.com", externalId: "1" },
    });
    expect(JSON.parse(found.receiptJson ?? "")).toMatchObject({ warnings: [CONFLICT] });
  });
});

describe("identify", () => {
  it("makes and merges like any door", async () => {
    const workspace = await aWorkspace();
    const lead = await accepted(workspace, { people: "identify", identities: { email: "a@example.com" } });
    const customer = await accepted(workspace, { people: "identify", identities: { externalId: "1" } });
    const one = await accepted(workspace, {
      people: "identify",
      identities: { email: "a@example.com", externalId: "1" },
    });
    expect(one.profileId).toBe(customer.profileId);
    expect(await queryCell(workspace, `SELECT merged_id FROM profile_merges`)).toEqual([{ merged_id: lead.profileId }]);
  });

  it("refuses an event whose identities are of two people, and writes nothing", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { email: "a@example.com", externalId: "2" } });
    await accepted(workspace, { identities: { externalId: "1" } });
    const before = await dumpCell(workspace);
    const identities = { email: "a@example.com", externalId: "1" };
    expect(await accept(workspace, aCommand({ people: "identify", identities }))).toEqual({
      kind: "identity_conflict",
    });
    expect(
      await accept(workspace, aCommand({ people: "identify", identities: { ...identities, externalId: "new" } })),
    ).toEqual({
      kind: "identity_conflict",
    });
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("does not mind a shared device", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { externalId: "1", anonymousId: "device" } });
    const other = await accepted(workspace, {
      people: "identify",
      identities: { externalId: "2", anonymousId: "device" },
    });
    expect(JSON.parse(other.receiptJson ?? "")).toMatchObject({ warnings: [] });
  });
});

describe("optional", () => {
  it("takes an event about nobody; journeys that listen are matched and skipped", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    await anActiveJourney(workspace.cell, {
      key: "picky",
      entry: { event: "order.created", filter: { $state: "/profile/email", exists: true } },
    });
    const outcome = await accepted(workspace, { people: "optional", identities: {} });
    expect(outcome).toMatchObject({ profileId: null, matched: 2, enrolled: 0 });
    const { journeys } = JSON.parse(outcome.receiptJson ?? "") as { journeys: unknown[] };
    expect(journeys).toMatchObject([
      { key: "order-follow-up", outcome: "skipped", reason: "identity_required", enrollmentId: null },
      { key: "picky", outcome: "skipped", reason: "filter_failed", detail: { path: "/profile/email" } },
    ]);
    expect(await countInCell(workspace, "profiles")).toBe(0);
    expect(await queryCell(workspace, `SELECT row ->> 'profile_id' AS id FROM outbox_events`)).toEqual([{ id: null }]);
  });

  it("resolves who is named", async () => {
    const workspace = await aWorkspace();
    expect((await accepted(workspace, { people: "optional" })).profileId).not.toBeNull();
  });
});

describe("introduce", () => {
  it("makes a person who is not known, with all that was sent", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { people: "introduce", identities: { email: "a@example.com", phone: "+14155550101" } });
    expect(await queryCell(workspace, `SELECT kind, value FROM identities ORDER BY kind`)).toEqual([
      { kind: "email", value: "a@example.com" },
      { kind: "phone", value: "+14155550101" },
    ]);
  });

  it.each([
    ["lower", { email: "a@example.com" }, { email: "a@example.com", phone: "+14155550101" }],
    ["higher", { phone: "+14155550101" }, { email: "a@example.com", phone: "+14155550101" }],
  ])("finds a person, adds no %s identity, and patches properties", async (_, known, sent) => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, { identities: known });
    const again = await accepted(workspace, {
      people: "introduce",
      identities: sent,
      propertiesJson: '{"plan":"Pro"}',
    });
    expect(again.profileId).toBe(profileId);
    expect(await countInCell(workspace, "identities")).toBe(1);
    expect(await queryCell(workspace, `SELECT properties FROM profiles`)).toEqual([{ properties: '{"plan":"Pro"}' }]);
  });
});

describe("a person named by our own id", () => {
  it("gets the event, and what nobody owns", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, { identities: { email: "a@example.com" } });
    const named = await accepted(workspace, { profileId, identities: { phone: "+14155550101" } });
    expect(named.profileId).toBe(profileId);
    expect(await countInCell(workspace, "identities")).toBe(2);
  });

  it("is the survivor where the id was merged away", async () => {
    const workspace = await aWorkspace();
    const merged = await accepted(workspace, { identities: { email: "a@example.com" } });
    const survivor = await accepted(workspace, { identities: { externalId: "1" } });
    await accepted(workspace, { identities: { externalId: "1", email: "a@example.com" } });
    const named = await accepted(workspace, { profileId: merged.profileId, identities: {} });
    expect(named.profileId).toBe(survivor.profileId);
  });

  it("is passed over beside an identity when nobody has the id, and nobody alone", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace, { profileId: anId(), identities: { email: "a@example.com" } });
    expect(profileId).not.toBeNull();
    for (const people of ["resolve", "optional", "introduce"] as const) {
      const alone = await accept(workspace, aCommand({ people, profileId: anId(), identities: {} }));
      expect(alone).toEqual({ kind: "profile_not_found" });
    }
  });
});
