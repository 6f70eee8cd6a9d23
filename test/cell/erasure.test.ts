// Erasing a person in the cell: what goes with the transaction, what stays, and what a late retry brings back.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Accepted, AcceptCommand } from "../../src/cell/command.ts";
import { firstWinsClaims } from "../../src/crypto/claim.ts";
import { identityDigests, identityKeys, newestIdentityKey } from "../../src/crypto/identity-digest.ts";
import { parseSecretList } from "../../src/crypto/secret-list.ts";
import type { SentIdentities } from "../../src/domain/profile.ts";
import { Outbox } from "../../src/cell/outbox.ts";
import { TextParts } from "../../src/cell/text-parts.ts";
import type { UserEventRow } from "../../src/domain/event.ts";
import { servicesOf } from "../../src/services.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted, claimsOf, LEDGER_SECRETS, OPERATOR, thrownBy } from "../support/commands.ts";
import { erase, MESSAGE_TEXTS, PERSON, personalTexts, sendEverything, sendMessages } from "../support/erasures.ts";
import { anActiveJourney, readJourney } from "../support/journeys.ts";
import { runsOf } from "../support/runs.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, anId, type TestWorkspace } from "../support/workspace.ts";
beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

/** Tables of a cell that hold a text somewhere. */
async function tablesWith(workspace: TestWorkspace, text: string): Promise<string[]> {
  const tables = Object.entries(await dumpCell(workspace));
  return tables.flatMap(([name, rows]) =>
    JSON.stringify(rows).toLowerCase().includes(text.toLowerCase()) ? [name] : [],
  );
}

async function conservation(workspace: TestWorkspace) {
  return (await workspace.cell.health()).conservation;
}

describe("an erasure", () => {
  it("leaves nothing personal in any table of the cell", async () => {
    const workspace = await aWorkspace();
    await sendEverything(workspace);
    await sendMessages(workspace);
    const texts = [...personalTexts(), ...Object.values(MESSAGE_TEXTS)];
    for (const text of texts) expect([text, await tablesWith(workspace, text)]).not.toEqual([text, []]);
    expect(await erase(workspace, PERSON.email)).toBe(true);
    for (const text of texts) expect([text, await tablesWith(workspace, text)]).toEqual([text, []]);
  });

  it("keeps the profile's id only where it is documented", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const { profileId } = await accepted(workspace, {
      identities: PERSON,
      claims: claimsOf(workspace.id, "k"),
      occurredAt: "2036-01-01T00:00:00.000Z",
    });
    await erase(workspace, PERSON.email);
    expect(await tablesWith(workspace, profileId ?? "")).toEqual([
      "enrollments",
      "erased_identities",
      "erased_profiles",
    ]);
    expect(await tablesWith(workspace, (profileId ?? "").replaceAll("-", ""))).toEqual(["ledger_1"]);
  });

  it("is told once: what is gone is not found", async () => {
    const workspace = await aWorkspace();
    const { profileId } = await accepted(workspace);
    const key = newestIdentityKey(servicesOf(env).ledgerSecrets, workspace.id);
    const erased = async () => (await workspace.cell.eraseProfile(OPERATOR, profileId ?? "", key)).ok;
    expect([await erased(), await erased()]).toEqual([true, false]);
    expect(await workspace.cell.readProfile(OPERATOR, profileId ?? "")).toMatchObject({ error: { code: "not_found" } });
    expect((await workspace.cell.eraseProfile(OPERATOR, anId(), key)).ok).toBe(false);
  });

  it("takes everything merged into the profile along, by whichever id it is asked for", async () => {
    const workspace = await aWorkspace();
    const lead = await accepted(workspace, { identities: { email: "lead@example.com" } });
    const known = await accepted(workspace, { identities: { externalId: "cus_known" } });
    await accepted(workspace, { identities: { externalId: "cus_known", email: "lead@example.com" } });
    expect(await countInCell(workspace, "profile_merges")).toBe(1);
    const key = newestIdentityKey(servicesOf(env).ledgerSecrets, workspace.id);
    expect((await workspace.cell.eraseProfile(OPERATOR, lead.profileId ?? "", key)).ok).toBe(true);
    for (const { profileId } of [lead, known]) {
      expect((await workspace.cell.readProfile(OPERATOR, profileId ?? "")).ok).toBe(false);
    }
    for (const table of ["profiles", "identities", "profile_merges"]) {
      expect([table, await countInCell(workspace, table)]).toEqual([table, 0]);
    }
  });

  it("touches nobody else", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const other = { email: "other@example.com", externalId: "cus_other" };
    const { profileId, eventId } = await accepted(workspace, { identities: other, dataJson: '{"of":"other"}' });
    await accepted(workspace, { identities: PERSON });
    const before = await workspace.cell.readProfile(OPERATOR, profileId ?? "");
    await erase(workspace, PERSON.email);
    expect(await workspace.cell.readProfile(OPERATOR, profileId ?? "")).toEqual(before);
    expect(await workspace.cell.readEvent(OPERATOR, eventId)).toMatchObject({ value: { data: '{"of":"other"}' } });
    expect((await runsOf(workspace)).filter(({ status }) => status === "active")).toMatchObject([
      { profile_id: profileId },
    ]);
    expect(await countInCell(workspace, "identities")).toBe(2);
    expect(await countInCell(workspace, "entry_events")).toBe(1);
  });

  it("spares an address that the person had let go and that is somebody else's by now", async () => {
    const workspace = await aWorkspace();
    const emails = Array.from({ length: 6 }, (_, i) => `alias${i}@example.com`);
    for (const email of emails) await accepted(workspace, { identities: { externalId: "cus_many", email } });
    const heir = await accepted(workspace, { identities: { email: emails[0] as string } });
    await erase(workspace, emails[5] as string);
    expect(await accepted(workspace, { identities: { email: emails[0] as string } })).toMatchObject({
      profileId: heir.profileId,
    });
  });

  it("ends active runs as cancelled, so that all runs add up for ever", async () => {
    const workspace = await aWorkspace();
    const { key } = await anActiveJourney(workspace.cell);
    await accepted(workspace, { identities: PERSON });
    await accepted(workspace, { identities: { email: "other@example.com" } });
    await erase(workspace, PERSON.email);
    const counted = { enrolled: 2, active: 1, cancelled: 1, holds: true };
    expect(await conservation(workspace)).toMatchObject(counted);
    expect((await readJourney(workspace.cell, key)).counts).toMatchObject({ matched: 2, enrolled: 2, cancelled: 1 });
    await evictDurableObject(workspace.cell);
    expect(await conservation(workspace)).toMatchObject(counted);
    const [ended] = (await runsOf(workspace)).filter(({ status }) => status === "cancelled");
    expect(ended).toMatchObject({ reason: "profile_erased" });
    expect(JSON.parse(ended?.timeline ?? "")).toMatchObject([{ kind: "ended", detail: { reason: "profile_erased" } }]);
  });

  it("lets the person's events keep what they decided, and nothing else", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const { eventId } = await accepted(workspace, {
      identities: PERSON,
      dataJson: '{"a":1}',
      referenceId: "ord_1",
      redactedDataPaths: ["/event/b"],
    });
    await erase(workspace, PERSON.email);
    const read = await workspace.cell.readEvent(OPERATOR, eventId);
    expect(read).toMatchObject({
      value: { event_id: eventId, profile_id: null, data: null, reference_id: null, redacted_data_paths: null },
    });
    expect(JSON.stringify(read)).toContain("enrolled");
  });

  it("counts what it takes out of the outbox rightly, also of large events", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: PERSON, dataJson: JSON.stringify({ text: "x".repeat(1_000_000) }) });
    await accepted(workspace, { identities: PERSON, dataJson: JSON.stringify({ text: "é".repeat(1_000) }) });
    const [inMemory, counted] = await runInDurableObject(workspace.cell, (_, { storage: { sql } }) => {
      const outbox = new Outbox(sql, new TextParts(sql));
      const { profile_id } = outbox.readEvent(outbox.newestEventId() ?? "") as UserEventRow;
      outbox.blank([profile_id ?? ""]);
      return [outbox.size(), new Outbox(sql, new TextParts(sql)).size()];
    });
    expect(inMemory).toEqual(counted);
    expect(inMemory?.events).toBe(2);
    expect(inMemory?.bytes).toBeLessThan(1_000);
  });

  it("brings what stays of a quarantined event back on its way to the read model", async () => {
    const workspace = await aWorkspace();
    const { eventId } = await accepted(workspace, { identities: PERSON, dataJson: '{"a":"poison"}' });
    await queryCell(
      workspace,
      `INSERT INTO quarantine SELECT ?, 1, 'user_events', event_id, 'E', row FROM outbox_events`,
      anId(),
    );
    await queryCell(workspace, `DELETE FROM outbox_events`);
    const notJson = `{"profile_id":"${(await accepted(workspace, { identities: PERSON })).profileId}",`;
    await queryCell(workspace, `INSERT INTO quarantine VALUES ('0', 1, 'user_events', 'x', 'E', ?)`, notJson);
    await evictDurableObject(workspace.cell);
    await erase(workspace, PERSON.email);
    expect(await countInCell(workspace, "quarantine")).toBe(0);
    expect(await workspace.cell.readEvent(OPERATOR, eventId)).toMatchObject({
      value: { event_id: eventId, data: null },
    });
  });

  it("takes rejected events that name the person, and leaves those of others", async () => {
    const workspace = await aWorkspace();
    const rejected = (payload: unknown) => ({
      source: "segment" as const,
      reason: "no_event",
      message: "The event has no name.",
      payloadJson: JSON.stringify(payload),
    });
    await accepted(workspace, { identities: { ...PERSON, externalId: "7" } });
    await workspace.cell.keepRejected(OPERATOR, [
      rejected({ userId: "7" }),
      rejected({ text: `write to ${PERSON.email.toUpperCase()}` }),
      rejected({ userId: "77", total: 7 }),
    ]);
    await erase(workspace, PERSON.email);
    expect(await queryCell(workspace, `SELECT payload FROM rejected_events`)).toEqual([
      { payload: '{"userId":"77","total":7}' },
    ]);
  });

  it("leaves an address that was let go to whom it leads by now, and rejected events about it", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { email: "first@example.com" } });
    await accepted(workspace, { identities: { externalId: "cus_many" } });
    await accepted(workspace, { identities: { externalId: "cus_many", email: "first@example.com" } });
    for (let i = 0; i < 5; i++) {
      await accepted(workspace, { identities: { externalId: "cus_many", email: `alias${i}@example.com` } });
    }
    const heir = await accepted(workspace, { identities: { email: "first@example.com" } });
    const about = (email: string) => ({
      source: "segment" as const,
      reason: "r",
      message: "m",
      payloadJson: `"${email}"`,
    });
    await workspace.cell.keepRejected(OPERATOR, [about("first@example.com"), about("alias1@example.com")]);
    await erase(workspace, "alias4@example.com");
    expect(await queryCell(workspace, `SELECT payload FROM rejected_events`)).toEqual([
      { payload: '"first@example.com"' },
    ]);
    const again = await accepted(workspace, { identities: { email: "first@example.com" } });
    expect(again.profileId).toBe(heir.profileId);
  });

  it("takes the data that runs were started with, whoever may still count on it", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const large = JSON.stringify({ text: "x".repeat(1_000_000) });
    await accepted(workspace, { identities: PERSON, dataJson: large });
    await queryCell(workspace, `UPDATE entry_events SET runs = runs + 1`);
    await erase(workspace, PERSON.email);
    expect(await countInCell(workspace, "entry_events")).toBe(0);
    expect(await countInCell(workspace, "text_parts")).toBe(0);
  });

  it("leaves everything as it was when it fails half way", async () => {
    const workspace = await aWorkspace();
    const sent = await sendEverything(workspace);
    const before = await dumpCell(workspace);
    await queryCell(workspace, `ALTER TABLE erased_identities RENAME TO away`);
    const { profileIds } = sent;
    const key = newestIdentityKey(servicesOf(env).ledgerSecrets, workspace.id);
    const thrown = await thrownBy(workspace, (cell) => cell.eraseProfile(OPERATOR, profileIds[0] ?? "", key));
    expect(thrown).toContain("erased_identities");
    await queryCell(workspace, `ALTER TABLE away RENAME TO erased_identities`);
    expect(await dumpCell(workspace)).toEqual(before);
    expect(await erase(workspace, PERSON.email)).toBe(true);
  });
});

describe("a retry from before an erasure", () => {
  const BEFORE = new Date(NOW_MS - 3_600_000).toISOString();
  const AFTER = new Date(NOW_MS + 3_600_000).toISOString();

  /** An event as Klaviyo's door sends it: its key is one of the person's own. */
  async function personal(
    workspace: TestWorkspace,
    id: string,
    claimedAt: string | null,
    identities: SentIdentities = { email: PERSON.email },
    secrets = servicesOf(env).ledgerSecrets,
  ): Promise<Accepted> {
    const over: Partial<AcceptCommand> = {
      identities,
      source: "klaviyo",
      keyedOn: "person",
      claims: firstWinsClaims(secrets, "klaviyo.event", workspace.id, id),
      erasedPerson: { identityDigests: identityDigests(identityKeys(secrets, workspace.id), identities), claimedAt },
      occurredAt: claimedAt ?? new Date().toISOString(),
    };
    return await accepted(workspace, over);
  }

  it("replays its old answer under the caller's own key, and brings nobody back", async () => {
    const workspace = await aWorkspace();
    const claims = claimsOf(workspace.id, "k");
    const first = await accepted(workspace, { identities: PERSON, claims });
    await erase(workspace, PERSON.email);
    const { replayed, eventId, profileId } = await accepted(workspace, { identities: PERSON, claims });
    expect([replayed, eventId, profileId]).toEqual([true, first.eventId, first.profileId]);
    expect(await countInCell(workspace, "profiles")).toBe(0);
  });

  it("makes a new person under a new key", async () => {
    const workspace = await aWorkspace();
    const first = await accepted(workspace, { identities: PERSON, claims: claimsOf(workspace.id, "k") });
    await erase(workspace, PERSON.email);
    const next = await accepted(workspace, { identities: PERSON, claims: claimsOf(workspace.id, "k2") });
    expect(next.replayed).toBe(false);
    expect(next.profileId).not.toBe(first.profileId);
  });

  it.each([BEFORE, AFTER, null])("replays a key formed on the person, claimed at %s", async (claimedAt) => {
    const workspace = await aWorkspace();
    const first = await personal(workspace, "uid", claimedAt);
    await erase(workspace, PERSON.email);
    const { replayed, eventId } = await personal(workspace, "uid", claimedAt);
    expect([replayed, eventId]).toEqual([true, first.eventId]);
    expect(await countInCell(workspace, "profiles")).toBe(0);
  });

  it("is dropped when it claims a time before, and its key was never seen", async () => {
    const workspace = await aWorkspace();
    await personal(workspace, "uid", BEFORE);
    await erase(workspace, PERSON.email);
    const before = await dumpCell(workspace);
    expect(await personal(workspace, "other", BEFORE)).toMatchObject({ replayed: true, profileId: null });
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it.each([AFTER, null])("makes a new person when the event claims %s", async (claimedAt) => {
    const workspace = await aWorkspace();
    await personal(workspace, "uid", BEFORE);
    await erase(workspace, PERSON.email);
    expect(await personal(workspace, "other", claimedAt)).toMatchObject({ replayed: false });
    expect(await countInCell(workspace, "profiles")).toBe(1);
  });

  it("is dropped too once the same address has become somebody new", async () => {
    const workspace = await aWorkspace();
    await personal(workspace, "uid", BEFORE);
    await erase(workspace, PERSON.email);
    vi.setSystemTime(NOW_MS + 1_000);
    const anew = await personal(workspace, "new", AFTER);
    expect(await personal(workspace, "late", BEFORE)).toMatchObject({ replayed: true, profileId: null });
    expect(await personal(workspace, "uid", BEFORE)).toMatchObject({ replayed: true });
    expect((await personal(workspace, "next", AFTER)).profileId).toBe(anew.profileId);
  });

  it("is taken when it is about somebody who was here before and shares a device with the erased", async () => {
    const workspace = await aWorkspace();
    const other = await personal(workspace, "1", BEFORE, { email: "other@example.com" });
    vi.setSystemTime(NOW_MS + 1_000);
    await personal(workspace, "2", BEFORE, { email: PERSON.email, anonymousId: "shared" });
    await erase(workspace, PERSON.email);
    expect(await personal(workspace, "2", BEFORE, { email: "other@example.com", anonymousId: "shared" })).toMatchObject(
      {
        replayed: false,
        profileId: other.profileId,
      },
    );
  });

  it("is known by any identity of the person, those merged into it included", async () => {
    const workspace = await aWorkspace();
    await accepted(workspace, { identities: { email: PERSON.email, phone: PERSON.phone } });
    await accepted(workspace, { identities: { externalId: PERSON.externalId, anonymousId: "device" } });
    await accepted(workspace, { identities: PERSON });
    await erase(workspace, PERSON.email);
    const sent: SentIdentities[] = [
      { email: PERSON.email },
      { phone: PERSON.phone },
      { externalId: PERSON.externalId },
      { anonymousId: "device" },
    ];
    for (const identities of sent) {
      const { replayed } = await personal(workspace, "uid", BEFORE, identities);
      expect([identities, replayed]).toEqual([identities, true]);
    }
    expect(await countInCell(workspace, "profiles")).toBe(0);
  });

  it("is known across a rotation of secrets and a restart, and in no other workspace", async () => {
    const before = parseSecretList("LEDGER_SECRETS", LEDGER_SECRETS.before);
    const workspace = await aWorkspace();
    await personal(workspace, "uid", BEFORE);
    await erase(workspace, PERSON.email, before);
    await evictDurableObject(workspace.cell);
    expect(await personal(workspace, "late", BEFORE)).toMatchObject({ replayed: true, profileId: null });
    expect(await personal(await aWorkspace(), "late", BEFORE)).toMatchObject({ replayed: false });
  });
});
