// What stands against writing to people, by the addresses and profiles it was learned of: through merges and their
// undoing, through erasures, and where there is nothing at all.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { KeyObject } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import type { WorkspaceCalls } from "../../src/cell/cell-client.ts";
import { Suppressions } from "../../src/cell/suppressions.ts";
import type { KnownProfile } from "../../src/domain/suppression.ts";
import { servicesOf } from "../../src/services.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import {
  aMailing,
  aMessage,
  anEmailStep,
  aPerson,
  aSendingWorkspace,
  clickUnsubscribe,
  standOf,
  suppress,
} from "../support/consent.ts";
import { attempted, claim } from "../support/deliveries.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { erase } from "../support/erasures.ts";
import { CUSTOMER, LEAD, merge, undo } from "../support/merges.ts";
import { countInCell, dumpCell, queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
const ALEX = { email: "alex@example.com" };

async function read(workspace: TestWorkspace, id: string): Promise<KnownProfile["deliverySuppression"]> {
  const found = await workspace.cell.readProfile(OPERATOR, id);
  if (!found.ok) throw new Error("expected a profile");
  return found.value.deliverySuppression;
}

/** How an e-mail to a person fares now. */
async function mailTo(workspace: TestWorkspace, identities: object): Promise<string> {
  const { id } = await aMessage(workspace, { identities });
  const { kind } = await claim(workspace, id);
  return kind === "granted" ? kind : await standOf(workspace, id);
}

function reasonsOf({ deliverySuppression }: KnownProfile): string[] {
  return deliverySuppression.reasons;
}

async function entriesOf(workspace: TestWorkspace): Promise<[string | null, string, string | null][]> {
  const rows = await queryCell<{ email: string | null; reason: string; profile_id: string | null }>(
    workspace,
    `SELECT email, reason, profile_id FROM suppressions ORDER BY id`,
  );
  return rows.map(({ email, reason, profile_id }) => [email, reason, profile_id]);
}

/** Gives a customer five newer addresses: past those the oldest is let go, and somebody else may come with it. */
async function haveMovedOn(workspace: TestWorkspace, externalId: string): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await aPerson(workspace, { identities: { email: `${externalId}.${i}@example.com`, externalId } });
  }
}

describe("suppressing a person", () => {
  it.each(["complaint", "manual", "unsubscribe"] as const)(
    "with a %s is about every address of theirs",
    async (reason) => {
      const workspace = await aSendingWorkspace();
      const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
      await aPerson(workspace, { identities: { email: "alex@new.example", externalId: "cus_1" } });
      await suppress(workspace, id, reason);
      expect(await entriesOf(workspace)).toEqual([
        ["alex@new.example", reason, id],
        ["alex@example.com", reason, id],
      ]);
    },
  );

  it("with a bounce is about their own address alone, and over when they have another", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const both = { ...ALEX, externalId: "cus_1" };
    const id = await aPerson(workspace, { identities: both });
    await suppress(workspace, id, "bounce", "5.1.1");
    expect(await entriesOf(workspace)).toEqual([["alex@example.com", "bounce", id]]);
    expect(await mailTo(workspace, both)).toBe("skipped suppressed");
    expect(await mailTo(workspace, { email: "alex@new.example", externalId: "cus_1" })).toBe("granted");
    expect((await read(workspace, id)).suppressed).toBe(false);
  });

  it("who has no address is about them alone, and holds when they get one", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace, { identities: { externalId: "cus_1" } });
    await suppress(workspace, id, "unsubscribe");
    await suppress(workspace, id, "unsubscribe");
    expect(await entriesOf(workspace)).toEqual([[null, "unsubscribe", id]]);
    expect(await mailTo(workspace, { externalId: "cus_1", ...ALEX })).toBe("skipped unsubscribed");
  });

  it("holds at an address that they get later", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "unsubscribe");
    const moved = { email: "alex@new.example", externalId: "cus_1" };
    expect(await mailTo(workspace, moved)).toBe("skipped unsubscribed");
  });

  it("said again keeps when it was said first, and takes a newer diagnostic code", async () => {
    const workspace = await aWorkspace();
    const id = await aPerson(workspace);
    const first = await suppress(workspace, id, "bounce", "5.1.1");
    vi.setSystemTime(Date.now() + 60_000);
    const again = await suppress(workspace, id, "bounce", "5.7.1");
    const last = await suppress(workspace, id, "bounce");
    expect(again.deliverySuppression).toEqual({
      ...first.deliverySuppression,
      latestBounceDiagnosticCode: "5.7.1",
    });
    expect(last.deliverySuppression).toEqual(again.deliverySuppression);
  });

  it("taken back lifts everything, soft bounces too", async () => {
    const workspace = await aWorkspace();
    const id = await aPerson(workspace);
    const before = await read(workspace, id);
    for (const reason of ["bounce", "complaint", "manual", "unsubscribe"] as const)
      await suppress(workspace, id, reason);
    await runInDurableObject(workspace.cell, (object) => {
      object["parts"].suppressions.noteSoftBounce("Alex@example.com", { at: 1, diagnosticCode: "4.2.2" });
    });
    const lifted = await workspace.cell.unsuppressProfile(OPERATOR, id);
    expect(lifted.ok && lifted.value.deliverySuppression).toEqual(before);
    expect([await countInCell(workspace, "suppressions"), await countInCell(workspace, "soft_bounces")]).toEqual([
      0, 0,
    ]);
  });

  it("taken back of who has an address now leaves it to whom it was learned of", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "unsubscribe");
    await haveMovedOn(workspace, "cus_1");
    const other = await aPerson(workspace, { identities: ALEX });
    await workspace.cell.unsuppressProfile(OPERATOR, other);
    expect(await mailTo(workspace, { externalId: "cus_1" })).toBe("skipped unsubscribed");
    expect(await mailTo(workspace, ALEX)).toBe("granted");
    await workspace.cell.unsuppressProfile(OPERATOR, id);
    expect(await entriesOf(workspace)).toEqual([]);
  });

  it("taken back of a person leaves it to who ended such e-mails at an address of their own", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const colleague = { email: "colleague@example.com" };
    await aMailing(workspace, "copy", { to: colleague.email });
    const colleagueId = await aPerson(workspace, { identities: colleague });
    const { id, profileId } = await aMessage(workspace, { event: "copy" });
    await clickUnsubscribe(workspace, id);
    await workspace.cell.unsuppressProfile(OPERATOR, profileId);
    expect([await mailTo(workspace, ALEX), await mailTo(workspace, colleague)]).toEqual([
      "granted",
      "skipped unsubscribed",
    ]);
    await workspace.cell.unsuppressProfile(OPERATOR, colleagueId);
    expect(await entriesOf(workspace)).toEqual([]);
  });

  it("holds for each who said it, though somebody else said it at that address before", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const first = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, first, "unsubscribe");
    await haveMovedOn(workspace, "cus_1");
    const second = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_2" } });
    for (let i = 0; i < 2; i++) await suppress(workspace, second, "unsubscribe");
    expect(await countInCell(workspace, "suppressions")).toBe(2);
    await haveMovedOn(workspace, "cus_2");
    expect(await mailTo(workspace, { externalId: "cus_2" })).toBe("skipped unsubscribed");
  });

  it("with a bounce that is known of the address already makes nothing more", async () => {
    const workspace = await aSendingWorkspace();
    const first = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, first, "bounce");
    await haveMovedOn(workspace, "cus_1");
    await suppress(workspace, await aPerson(workspace, { identities: ALEX }), "bounce");
    expect(await entriesOf(workspace)).toEqual([[ALEX.email, "bounce", first]]);
  });

  it("says of a person what a soft bounce said, and stops nothing by it", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace);
    await runInDurableObject(workspace.cell, (object) => {
      object["parts"].suppressions.noteSoftBounce("Alex@example.com", { at: 1, diagnosticCode: "4.2.2" });
    });
    expect(await read(workspace, id)).toMatchObject({ suppressed: false, latestBounceReason: "soft" });
    expect(await mailTo(workspace, ALEX)).toBe("granted");
  });
});

describe("a merge", () => {
  it.each([
    ["who is merged away", "lead"],
    ["who survives", "customer"],
  ] as const)("keeps the stricter consent: of the one %s", async (_, who) => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const lead = await aPerson(workspace, { identities: LEAD });
    const customer = await aPerson(workspace, { identities: { ...CUSTOMER, email: "c@example.com" } });
    await suppress(workspace, who === "lead" ? lead : customer, "unsubscribe");
    await aPerson(workspace, { identities: { ...LEAD, ...CUSTOMER } });
    const told = await read(workspace, lead);
    expect([told.suppressed, told.reasons, await mailTo(workspace, CUSTOMER)]).toEqual([
      true,
      ["unsubscribe"],
      "skipped unsubscribed",
    ]);
  });

  it("keeps it of somebody who had no address", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    await suppress(workspace, await aPerson(workspace, { identities: CUSTOMER }), "manual");
    await aPerson(workspace, { identities: LEAD });
    await aPerson(workspace, { identities: { ...LEAD, ...CUSTOMER } });
    expect(await mailTo(workspace, CUSTOMER)).toBe("skipped suppressed");
  });

  it("keeps it of a visitor without an address, who is merged away", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const visitor = await aPerson(workspace, { identities: { anonymousId: "device-1" } });
    await suppress(workspace, visitor, "unsubscribe");
    const known = await aPerson(workspace, { identities: ALEX });
    expect(await aPerson(workspace, { identities: { ...ALEX, anonymousId: "device-1" } })).toBe(known);
    expect(await mailTo(workspace, ALEX)).toBe("skipped unsubscribed");
  });

  it("undone gives each what was theirs", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const merging = { identities: { ...LEAD, ...CUSTOMER } };
    await suppress(workspace, await aPerson(workspace, { identities: LEAD }), "unsubscribe");
    const merged = await merge(workspace, {}, { identities: { ...CUSTOMER, email: "c@example.com" } }, merging);
    expect(await undo(merged)).toBe("undone");
    expect([await mailTo(workspace, LEAD), await mailTo(workspace, CUSTOMER)]).toEqual([
      "skipped unsubscribed",
      "granted",
    ]);
  });

  it("undone leaves both what was said while they were one", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const merged = await merge(workspace, {}, { identities: { ...CUSTOMER, email: "c@example.com" } });
    await suppress(workspace, merged.customerId, "unsubscribe");
    expect(await undo(merged)).toBe("undone");
    expect([await mailTo(workspace, LEAD), await mailTo(workspace, CUSTOMER)]).toEqual([
      "skipped unsubscribed",
      "skipped unsubscribed",
    ]);
  });

  it("undone leaves to who has no address, too, what was said while they were one", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const visitor = await aPerson(workspace, { identities: { anonymousId: "device-1" } });
    const known = await aPerson(workspace, { identities: ALEX });
    await aPerson(workspace, { identities: { ...ALEX, anonymousId: "device-1" } });
    vi.setSystemTime(Date.now() + 60_000);
    for (const reason of ["unsubscribe", "bounce"] as const) await suppress(workspace, known, reason);
    const undone = await workspace.cell.unmergeProfile(OPERATOR, known, visitor);
    expect(undone.ok && [undone.value.survivor, undone.value.restored].map(reasonsOf)).toEqual([
      ["bounce", "unsubscribe"],
      ["unsubscribe"],
    ]);
    expect(await mailTo(workspace, { anonymousId: "device-1", email: "visitor@example.com" })).toBe(
      "skipped unsubscribed",
    );
  });

  it("undone leaves nothing to who has no address of what was said before they were one", async () => {
    const workspace = await aSendingWorkspace();
    const visitor = await aPerson(workspace, { identities: { anonymousId: "device-1" } });
    const known = await aPerson(workspace, { identities: ALEX });
    await suppress(workspace, known, "manual");
    vi.setSystemTime(Date.now() + 60_000);
    await aPerson(workspace, { identities: { ...ALEX, anonymousId: "device-1" } });
    const undone = await workspace.cell.unmergeProfile(OPERATOR, known, visitor);
    expect(undone.ok && [undone.value.survivor, undone.value.restored].map(reasonsOf)).toEqual([["manual"], []]);
  });

  it("undone and taken back of one leaves to the other what was said while they were one", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const merged = await merge(workspace, {}, { identities: { ...CUSTOMER, email: "c@example.com" } });
    await suppress(workspace, merged.customerId, "unsubscribe");
    expect(await undo(merged)).toBe("undone");
    await workspace.cell.unsuppressProfile(OPERATOR, merged.customerId);
    expect([await mailTo(workspace, LEAD), await mailTo(workspace, CUSTOMER)]).toEqual([
      "skipped unsubscribed",
      "granted",
    ]);
  });
});

describe("an erasure", () => {
  it("leaves no address, and what stood against writing there holds for whoever comes under it next", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "complaint", "about Alex");
    await erase(workspace, ALEX.email);
    expect([await countInCell(workspace, "suppressions"), await countInCell(workspace, "soft_bounces")]).toEqual([
      0, 0,
    ]);
    const next = await aPerson(workspace, { identities: ALEX });
    expect(await read(workspace, next)).toMatchObject({ suppressed: true, reasons: ["complaint"] });
    expect(await mailTo(workspace, ALEX)).toBe("skipped suppressed");
    expect(await mailTo(workspace, { externalId: "cus_1" })).toBe("skipped no_address");
  });

  it("is known of an address that a question about a journey makes up", async () => {
    const workspace = await aSendingWorkspace();
    await anActiveJourney(workspace.cell, { key: "only", entry: { event: "only" }, steps: [anEmailStep()] });
    await suppress(workspace, await aPerson(workspace), "complaint");
    await erase(workspace, ALEX.email);
    const asked = async (email: string): Promise<string | null> => {
      const person = { kind: "sample" as const, identities: { email }, propertiesJson: "{}" };
      const event = { name: "only", dataJson: null, redactedPaths: [] };
      const cell = workspace.cell as unknown as WorkspaceCalls;
      const answer = await cell.explain(OPERATOR, { key: "only", version: null, person, event });
      return answer.ok ? answer.value.reason : answer.error.code;
    };
    expect([await asked(ALEX.email), await asked("other@example.com")]).toEqual(["suppressed", "enrolled"]);
  });

  it("covers every address of theirs, those that came after they unsubscribed too", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "unsubscribe");
    await aPerson(workspace, { identities: { email: "alex@new.example", externalId: "cus_1" } });
    await erase(workspace, ALEX.email);
    expect(await mailTo(workspace, { email: "alex@new.example" })).toBe("skipped unsubscribed");
  });

  it("of a bounce holds at that address, and at no other of theirs", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "bounce");
    await aPerson(workspace, { identities: { email: "alex@new.example", externalId: "cus_1" } });
    await erase(workspace, ALEX.email);
    expect([await mailTo(workspace, ALEX), await mailTo(workspace, { email: "alex@new.example" })]).toEqual([
      "skipped suppressed",
      "granted",
    ]);
  });

  it("under an older secret is known as long as that secret is on the list", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace);
    await suppress(workspace, id, "manual");
    const [, older] = servicesOf(env).ledgerSecrets;
    expect(await erase(workspace, ALEX.email, [older as KeyObject])).toBe(true);
    expect(await mailTo(workspace, ALEX)).toBe("skipped suppressed");
  });

  it("is taken back for whoever is there by then", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const id = await aPerson(workspace);
    await suppress(workspace, id, "manual");
    await erase(workspace, ALEX.email);
    const next = await aPerson(workspace);
    await workspace.cell.unsuppressProfile(OPERATOR, next);
    expect(await mailTo(workspace, ALEX)).toBe("granted");
    expect(await countInCell(workspace, "suppressed_digests")).toBe(0);
  });

  it("leaves an entry to whom its address leads by now", async () => {
    const workspace = await aWorkspace();
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "bounce");
    await haveMovedOn(workspace, "cus_1");
    const other = await aPerson(workspace, { identities: ALEX });
    expect(other).not.toBe(id);
    await erase(workspace, "cus_1.4@example.com");
    expect(await entriesOf(workspace)).toEqual([["alex@example.com", "bounce", null]]);
  });

  it("leaves an entry to whom it was learned of, though its address has moved on", async () => {
    const workspace = await aWorkspace();
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "unsubscribe");
    await haveMovedOn(workspace, "cus_1");
    await aPerson(workspace, { identities: ALEX });
    await erase(workspace, ALEX.email);
    expect(await entriesOf(workspace)).toEqual([[null, "unsubscribe", id]]);
    expect((await read(workspace, id)).reasons).toEqual(["unsubscribe"]);
  });

  it("leaves nothing of a bounce to whom it was learned of, when its address goes with somebody else", async () => {
    const workspace = await aWorkspace();
    const id = await aPerson(workspace, { identities: { ...ALEX, externalId: "cus_1" } });
    await suppress(workspace, id, "bounce");
    await haveMovedOn(workspace, "cus_1");
    await aPerson(workspace, { identities: ALEX });
    await erase(workspace, ALEX.email);
    expect(await entriesOf(workspace)).toEqual([]);
    expect(await countInCell(workspace, "suppressed_digests")).toBe(1);
  });

  it("leaves no address either that only their messages went to, and what stood against it holds", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: { $state: "/profile/workEmail" } });
    const work = { propertiesJson: '{"workEmail":"Alex@Work.example"}' };
    const soft = { propertiesJson: '{"workEmail":"alex@soft.example"}' };
    for (const [over, kind] of [
      [work, "hard_bounce"],
      [soft, "soft_bounce"],
    ] as const) {
      const { id, target } = await aMessage(workspace, over);
      await attempted(workspace, id, 1);
      const returned = { deliveryId: id, address: target ?? "", kind, diagnosticCode: "550 alex" };
      expect(await workspace.cell.noteReturnedEmail(returned)).toBe(true);
    }
    await erase(workspace, ALEX.email);
    const { suppressions, soft_bounces } = await dumpCell(workspace);
    expect([suppressions, soft_bounces]).toEqual([[], []]);
    const { id } = await aMessage(workspace, { identities: { email: "next@example.com" }, ...work });
    await claim(workspace, id);
    expect(await standOf(workspace, id)).toBe("skipped suppressed");
  });

  it.each([
    ["of somebody else", { email: "team@example.com" }, null],
    ["that was somebody else's", { email: "team@example.com", externalId: "cus_1" }, "cus_1"],
  ])("leaves what stands against an address %s that their messages went to", async (_, identities, movedOn) => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: "team@example.com" });
    const team = await aPerson(workspace, { identities });
    const { id } = await aMessage(workspace);
    await attempted(workspace, id, 1);
    if (movedOn === null) {
      const returned = { address: "team@example.com", kind: "hard_bounce", diagnosticCode: null } as const;
      await workspace.cell.noteReturnedEmail({ deliveryId: id, ...returned });
    } else {
      await suppress(workspace, team, "bounce");
      await haveMovedOn(workspace, movedOn);
    }
    const before = await entriesOf(workspace);
    await erase(workspace, ALEX.email);
    expect(before).toHaveLength(1);
    expect(await entriesOf(workspace)).toEqual(before);
  });

  it("does not undo what the person says afterwards, by the link in an e-mail they have", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const { id } = await aMessage(workspace, { identities: LEAD });
    await attempted(workspace, id, 1);
    // Into another profile, which answers for both from then on.
    await merge(workspace);
    await erase(workspace, LEAD.email);
    await clickUnsubscribe(workspace, id);
    expect(await countInCell(workspace, "suppressions")).toBe(0);
    expect(await mailTo(workspace, { email: LEAD.email })).toBe("skipped unsubscribed");
    expect(await mailTo(workspace, { email: "somebody@else.example" })).toBe("granted");
  });
});

describe("a workspace in which nothing stands against anybody", () => {
  it("looks nothing up when an event is accepted, or a message is to be sent", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    await anActiveJourney(workspace.cell, { key: "only", entry: { event: "only" }, steps: [anEmailStep()] });
    const lookedUp = vi.spyOn(Suppressions.prototype, "entriesOf");
    expect(await mailTo(workspace, ALEX)).toBe("granted");
    await accepted(workspace, { event: "only" });
    expect(lookedUp).not.toHaveBeenCalled();
  });

  it("is the only one that does not: where something does, journeys of nothing but e-mail ask, and no others", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    await anActiveJourney(workspace.cell, { key: "only", entry: { event: "only" }, steps: [anEmailStep()] });
    await suppress(workspace, await aPerson(workspace, { identities: { email: "other@example.com" } }), "manual");
    const lookedUp = vi.spyOn(Suppressions.prototype, "entriesOf");
    await accepted(workspace, { event: "news" });
    expect(lookedUp).not.toHaveBeenCalled();
    await accepted(workspace, { event: "only" });
    expect(lookedUp).toHaveBeenCalledTimes(1);
  });

  it("knows after it woke that something does", async () => {
    const workspace = await aSendingWorkspace();
    await suppress(workspace, await aPerson(workspace), "manual");
    const known = await runInDurableObject(workspace.cell, (object, { storage }) => {
      const asleep = new Suppressions(storage.sql, { newId: () => "", digestKeys: () => [] });
      return [object["parts"].suppressions.empty, asleep.empty];
    });
    expect(known).toEqual([false, false]);
  });

  it("knows nothing of what was taken back with its transaction", async () => {
    const workspace = await aWorkspace();
    const empty = await runInDurableObject(workspace.cell, (object) => {
      const { suppressions } = object["parts"];
      const undoneEntry = { email: "a@example.com", reason: "manual", diagnosticCode: null, profileId: null } as const;
      try {
        object["transaction"](() => {
          suppressions.put(undoneEntry, 1);
          throw new Error("taken back");
        });
      } catch {
        return suppressions.empty;
      }
      return false;
    });
    expect(empty).toBe(true);
  });
});
