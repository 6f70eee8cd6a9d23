// E-mails that were asked for while two people were taken for one: once they are parted, neither is written to at the
// address of the other.
import { describe, expect, it } from "vitest";
import { accepted, OPERATOR } from "../support/commands.ts";
import { aMailing, aMessage, anEmailStep, aSendingWorkspace, clickUnsubscribe, standOf } from "../support/consent.ts";
import { attempted, claim, granted, messageOf, messagesOf, report } from "../support/deliveries.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { CUSTOMER, LEAD, merge, undo } from "../support/merges.ts";
import { pass } from "../support/running.ts";
import { queryCell, rowsInD1 } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";
const KNOWN = { ...CUSTOMER, email: "cus_1@example.com" };
const MOVED = { ...CUSTOMER, email: "cus_1@new.example" };
const HOUR_MS = 3_600_000;

async function aMailingWorkspace(): Promise<TestWorkspace> {
  const workspace = await aSendingWorkspace();
  await aMailing(workspace);
  return workspace;
}

/** A message of a run that the lead began, asked for at the newest address of both, which stays with the customer. */
async function aMessageOfTheLead() {
  const workspace = await aSendingWorkspace();
  await anActiveJourney(workspace.cell, {
    entry: { event: "visited" },
    steps: [{ id: "rest", type: "delay", for: "PT1H" }, anEmailStep(), { id: "year", type: "delay", for: "P365D" }],
  });
  await accepted(workspace, { event: "visited", identities: LEAD });
  const merged = await merge(workspace, {}, { identities: KNOWN });
  await accepted(workspace, { event: "seen", identities: MOVED });
  await pass(workspace, HOUR_MS);
  return { workspace, merged, message: await messageOf(workspace) };
}

async function recipientOf(workspace: TestWorkspace, id: string, attempt = 1): Promise<string | null> {
  const job = await granted(workspace, id, attempt);
  return job.channel === "email" ? job.to : null;
}

async function targetOf(workspace: TestWorkspace, id: string): Promise<string | null> {
  return (await messagesOf(workspace)).find((message) => message.id === id)?.target ?? null;
}

describe("an e-mail that was asked for while two people were one", () => {
  it("goes to the survivor's own address once they are parted", async () => {
    const workspace = await aMailingWorkspace();
    const merged = await merge(workspace, {}, { identities: KNOWN });
    const { id, target } = await aMessage(workspace, { identities: CUSTOMER });
    expect(target).toBe(LEAD.email);
    expect(await undo(merged)).toBe("undone");
    expect(await targetOf(workspace, id)).toBe(KNOWN.email);
    expect(await recipientOf(workspace, id)).toBe(KNOWN.email);
    await pass(workspace, 1_000);
    expect(await rowsInD1(workspace, "deliveries")).toMatchObject([{ delivery_id: id, target: KNOWN.email }]);
  });

  it("goes to nobody when the survivor has no address of their own", async () => {
    const workspace = await aMailingWorkspace();
    const merged = await merge(workspace);
    const { id } = await aMessage(workspace, { identities: CUSTOMER });
    expect(await undo(merged)).toBe("undone");
    expect(await claim(workspace, id)).toEqual({ kind: "dropped" });
    expect(await standOf(workspace, id)).toBe("skipped no_address");
    expect(await targetOf(workspace, id)).toBeNull();
  });

  it("goes to the address of whom its run goes back to", async () => {
    const { workspace, merged, message } = await aMessageOfTheLead();
    expect(message.target).toBe(MOVED.email);
    expect(await undo(merged)).toBe("undone");
    expect(await recipientOf(workspace, message.id)).toBe(LEAD.email);
  });

  it.each(["unsubscribes", "complains"])("is theirs when whom its run went back to %s", async (how) => {
    const { workspace, merged, message } = await aMessageOfTheLead();
    expect(await undo(merged)).toBe("undone");
    await attempted(workspace, message.id, 1);
    const returned = { deliveryId: message.id, address: LEAD.email, kind: "complaint", diagnosticCode: null } as const;
    if (how === "complains") await workspace.cell.noteReturnedEmail(returned);
    else await clickUnsubscribe(workspace, message.id);
    const reasonsOf = async (id: string): Promise<string[]> => {
      const found = await workspace.cell.readProfile(OPERATOR, id);
      return found.ok ? found.value.deliverySuppression.reasons : [];
    };
    const reason = how === "complains" ? "complaint" : "unsubscribe";
    expect([await reasonsOf(merged.leadId), await reasonsOf(merged.customerId)]).toEqual([[reason], []]);
    expect(await queryCell(workspace, `SELECT email, profile_id FROM suppressions`)).toEqual([
      { email: LEAD.email, profile_id: merged.leadId },
    ]);
  });

  it("goes there too when it has failed and is sent once more", async () => {
    const workspace = await aMailingWorkspace();
    const merged = await merge(workspace, {}, { identities: KNOWN });
    const { id } = await aMessage(workspace, { identities: CUSTOMER });
    await attempted(workspace, id, 1, { outcome: "failed", reason: "rejected", code: "550" });
    expect(await undo(merged)).toBe("undone");
    // Where it went stays told.
    expect(await targetOf(workspace, id)).toBe(LEAD.email);
    await workspace.cell.redeliver(OPERATOR, id);
    expect(await recipientOf(workspace, id, 2)).toBe(KNOWN.email);
  });

  it("is told to have gone where it went when its sender has it already", async () => {
    const workspace = await aMailingWorkspace();
    const merged = await merge(workspace, {}, { identities: KNOWN });
    const { id } = await aMessage(workspace, { identities: CUSTOMER });
    await granted(workspace, id);
    expect(await undo(merged)).toBe("undone");
    await report(workspace, id, 1);
    expect(await targetOf(workspace, id)).toBe(LEAD.email);
  });
});

describe("an e-mail that was asked for before two people were one", () => {
  it("goes where its step said, though that is the other's address", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: LEAD.email });
    const { id } = await aMessage(workspace, { identities: KNOWN });
    const merged = await merge(workspace, {}, { identities: KNOWN });
    expect(await undo(merged)).toBe("undone");
    expect(await recipientOf(workspace, id)).toBe(LEAD.email);
  });
});
