// Keys that are formed on the person: found under every profile that person has been, and never anybody else's.
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { AcceptCommand, Accepted } from "../../src/cell/command.ts";
import { firstWinsClaims } from "../../src/crypto/claim.ts";
import type { SentIdentities } from "../../src/domain/profile.ts";
import { servicesOf } from "../../src/services.ts";
import { accepted } from "../support/commands.ts";
import { countInCell, dumpCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
async function sent(
  workspace: TestWorkspace,
  identities: SentIdentities,
  id = "uid-1",
  over: Partial<AcceptCommand> = {},
): Promise<Accepted> {
  const claims = firstWinsClaims(servicesOf(env).ledgerSecrets, "klaviyo.event", workspace.id, id);
  return await accepted(workspace, { identities, claims, keyedOn: "person", source: "klaviyo", ...over });
}

describe("a key formed on the person", () => {
  it("is a replay for the same person, whatever else the request says, and changes nothing", async () => {
    const workspace = await aWorkspace();
    const first = await sent(workspace, { email: "a@example.com" });
    const before = await dumpCell(workspace);
    const second = await sent(workspace, { email: "a@example.com" }, "uid-1", {
      dataJson: '{"other":true}',
      propertiesJson: '{"plan":"Pro"}',
    });
    expect(second).toMatchObject({ replayed: true, eventId: first.eventId, profileId: first.profileId });
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("is fresh for another person, and for another id", async () => {
    const workspace = await aWorkspace();
    const first = await sent(workspace, { email: "a@example.com" });
    const other = await sent(workspace, { email: "b@example.com" });
    const next = await sent(workspace, { email: "a@example.com" }, "uid-2");
    expect([other.replayed, next.replayed]).toEqual([false, false]);
    expect(new Set([first.eventId, other.eventId, next.eventId]).size).toBe(3);
  });

  it("is found by any identity of the person", async () => {
    const workspace = await aWorkspace();
    const first = await sent(workspace, { email: "a@example.com", phone: "+14155550101" });
    expect(await sent(workspace, { phone: "+14155550101" })).toMatchObject({ replayed: true, eventId: first.eventId });
  });

  it("is found after the person was merged into another", async () => {
    const workspace = await aWorkspace();
    const first = await sent(workspace, { email: "a@example.com" });
    const { profileId } = await accepted(workspace, { identities: { externalId: "1" } });
    await accepted(workspace, { identities: { externalId: "1", email: "a@example.com" } });
    const again = await sent(workspace, { externalId: "1" });
    expect(again).toMatchObject({ replayed: true, eventId: first.eventId });
    expect(first.profileId).not.toBe(profileId);
  });

  it("is found by the very request that would merge the two", async () => {
    const workspace = await aWorkspace();
    const first = await sent(workspace, { email: "a@example.com" });
    await accepted(workspace, { identities: { externalId: "1" } });
    const again = await sent(workspace, { externalId: "1", email: "a@example.com" });
    expect(again).toMatchObject({ replayed: true, eventId: first.eventId });
    expect(await countInCell(workspace, "profile_merges")).toBe(0);
  });

  it("is one event however many come at once, and after a restart", async () => {
    const workspace = await aWorkspace();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => sent(workspace, { email: "a@example.com" })));
    await evictDurableObject(workspace.cell);
    outcomes.push(await sent(workspace, { email: "a@example.com" }));
    expect(new Set(outcomes.map(({ eventId }) => eventId)).size).toBe(1);
    expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });
});
