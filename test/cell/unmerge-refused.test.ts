// Merges that cannot be undone: the reason is told, and nothing changes.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { newestIdentityKey } from "../../src/crypto/identity-digest.ts";
import { servicesOf } from "../../src/services.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { aMerge, CUSTOMER, LEAD, merge, undo, type Merged } from "../support/merges.ts";
import { dumpCell, queryCell } from "../support/tables.ts";
import { anId, aWorkspace } from "../support/workspace.ts";
describe("a merge that cannot be undone", () => {
  /** Tries, and shows that nothing changed. */
  async function refusedWith(merged: Merged): Promise<string> {
    const before = await dumpCell(merged.workspace);
    const reason = await undo(merged);
    expect(await dumpCell(merged.workspace)).toEqual(before);
    return reason;
  }

  it("is not found where there is no such survivor", async () => {
    expect(await refusedWith({ ...(await aMerge()), customerId: anId() })).toBe("not_found");
  });

  it("is none where the one was not merged into the other", async () => {
    const merged = await aMerge();
    expect(await refusedWith({ ...merged, leadId: anId() })).toBe("not_merged");
    expect(await refusedWith({ ...merged, leadId: merged.customerId, customerId: merged.leadId })).toBe("not_merged");
  });

  it("was undone already", async () => {
    const merged = await aMerge();
    await undo(merged);
    expect(await refusedWith(merged)).toBe("already_undone");
  });

  it("waits for the survivor's own merge to be undone, by whichever survivor it is asked", async () => {
    const workspace = await aWorkspace();
    const device = await accepted(workspace, { identities: { anonymousId: "device-1" } });
    const lead = await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { identities: { ...LEAD, anonymousId: "device-1" } });
    const merged = await merge(workspace);
    const inner = { workspace, leadId: device.profileId ?? "", customerId: lead.profileId ?? "" };
    expect(await refusedWith(inner)).toBe("survivor_merged");
    expect(await refusedWith({ ...inner, customerId: merged.customerId })).toBe("survivor_merged");
    expect([await undo(merged), await undo(inner)]).toEqual(["undone", "undone"]);
  });

  it("would give back an identity that leads to another profile by now", async () => {
    const merged = await aMerge();
    for (let i = 0; i < 5; i++) {
      await accepted(merged.workspace, { identities: { ...CUSTOMER, email: `own${i}@example.com` } });
    }
    await accepted(merged.workspace, { identities: LEAD });
    expect(await refusedWith(merged)).toBe("identity_moved");
  });

  it("was logged before the log held what undoing needs", async () => {
    const merged = await aMerge();
    await queryCell(merged.workspace, `UPDATE profile_merges SET moved = json_remove(moved, '$.survivor')`);
    expect(await refusedWith(merged)).toBe("log_incomplete");
  });

  it("ended a run whose event is not kept any more", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell);
    const merged = await merge(workspace);
    await queryCell(workspace, `DELETE FROM entry_events`);
    expect(await refusedWith(merged)).toBe("log_incomplete");
  });

  it("is gone with an erased person", async () => {
    const merged = await aMerge();
    const key = newestIdentityKey(servicesOf(env).ledgerSecrets, merged.workspace.id);
    await merged.workspace.cell.eraseProfile(OPERATOR, merged.customerId, key);
    expect(await refusedWith(merged)).toBe("not_found");
  });
});
