// An e-mail whose workspace begins or ends to redirect between two attempts: each attempt is told with whom it was
// addressed to, and the message with whom it was that took it.
import { describe, expect, it } from "vitest";
import { aMailing, aMessage, aSendingWorkspace } from "../support/consent.ts";
import { claim, granted, messageOf, report, storeTemplate } from "../support/deliveries.ts";
import { erase } from "../support/erasures.ts";
import { pass } from "../support/running.ts";
import { queryCell } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";
const PERSON = "alex@example.com";
const TESTER = "trial@example.com";
const LEASE_MS = 31_000;
const TRANSACTIONAL = { transactional: true };

async function aTransactionalMessage(redirectTo: string | null): Promise<{ workspace: TestWorkspace; id: string }> {
  const workspace = await aSendingWorkspace({ redirectTo });
  await storeTemplate(workspace, "news");
  await aMailing(workspace, "news", TRANSACTIONAL);
  return { workspace, id: (await aMessage(workspace)).id };
}

async function redirect({ cell }: TestWorkspace, redirectTo: string | null): Promise<void> {
  await cell.changeWorkspace({ settings: { redirectTo } });
}

/** Claims an attempt and never reports it. @returns whom it was addressed to, and whether instead of the person */
async function lost(workspace: TestWorkspace, id: string, attempt: number): Promise<[string, boolean]> {
  const addressed = await address(workspace, id, attempt);
  await pass(workspace, LEASE_MS);
  await pass(workspace, 10_000);
  return addressed;
}

async function address(workspace: TestWorkspace, id: string, attempt: number): Promise<[string, boolean]> {
  const job = await granted(workspace, id, attempt);
  if (job.channel !== "email") throw new Error("expected an e-mail");
  return [job.to, job.redirected];
}

async function toldBy(workspace: TestWorkspace, id: string, attempt: number, to: [string, boolean]): Promise<void> {
  const [target, redirected] = to;
  await report(workspace, id, attempt, { providerId: `p-${attempt}`, sentTo: { target, redirected } });
}

async function logOf(workspace: TestWorkspace): Promise<string[]> {
  const rows = await queryCell<{ outcome: string; target: string | null }>(
    workspace,
    `SELECT outcome, target FROM delivery_attempts ORDER BY attempt`,
  );
  return rows.map(({ outcome, target }) => `${outcome} ${target}`);
}

describe("an e-mail of a workspace that begins to redirect between two attempts", () => {
  it("never goes to the person again, and says where each attempt went", async () => {
    const { workspace, id } = await aTransactionalMessage(null);
    expect(await lost(workspace, id, 1)).toEqual([PERSON, false]);
    await redirect(workspace, TESTER);
    const second = await address(workspace, id, 2);
    expect(second).toEqual([TESTER, true]);
    await toldBy(workspace, id, 2, second);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: "redirected", target: TESTER });
    expect(await logOf(workspace)).toEqual([`expired ${PERSON}`, `sent ${TESTER}`]);
  });

  it("was sent to the person when it turns out that the first attempt was", async () => {
    const { workspace, id } = await aTransactionalMessage(null);
    const first = await lost(workspace, id, 1);
    await redirect(workspace, TESTER);
    const second = await address(workspace, id, 2);
    await toldBy(workspace, id, 1, first);
    const sent = { status: "sent", reason: null, target: PERSON, provider_id: "p-1" };
    expect(await messageOf(workspace)).toMatchObject(sent);
    await toldBy(workspace, id, 2, second);
    expect(await messageOf(workspace)).toMatchObject(sent);
    expect(await logOf(workspace)).toEqual([`sent ${PERSON}`, `sent ${TESTER}`]);
  });

  it("goes nowhere then, and says that the first attempt may have gone to the person", async () => {
    const { workspace, id } = await aTransactionalMessage(null);
    const first = await lost(workspace, id, 1);
    await redirect(workspace, "nowhere");
    expect(await claim(workspace, id, 2)).toEqual({ kind: "dropped" });
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: "redirected", target: "nowhere" });
    expect(await logOf(workspace)).toEqual([`expired ${PERSON}`]);
    await toldBy(workspace, id, 1, first);
    expect(await logOf(workspace)).toEqual([`sent ${PERSON}`]);
  });
});

describe("an e-mail of a workspace that ends to redirect between two attempts", () => {
  it("goes to the person, and says where each attempt went", async () => {
    const { workspace, id } = await aTransactionalMessage(TESTER);
    expect(await lost(workspace, id, 1)).toEqual([TESTER, true]);
    await redirect(workspace, null);
    const second = await address(workspace, id, 2);
    expect(second).toEqual([PERSON, false]);
    await toldBy(workspace, id, 2, second);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: null, target: PERSON });
    expect(await logOf(workspace)).toEqual([`expired ${TESTER}`, `sent ${PERSON}`]);
  });

  it("was redirected when it turns out that the first attempt was sent", async () => {
    const { workspace, id } = await aTransactionalMessage(TESTER);
    const first = await lost(workspace, id, 1);
    await redirect(workspace, null);
    await address(workspace, id, 2);
    await toldBy(workspace, id, 1, first);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: "redirected", target: TESTER });
  });
});

describe("a bounce of an attempt before the last", () => {
  it("stops that attempt's address, though the message went elsewhere in the end", async () => {
    const { workspace, id } = await aTransactionalMessage(null);
    await lost(workspace, id, 1);
    await redirect(workspace, TESTER);
    await toldBy(workspace, id, 2, await address(workspace, id, 2));
    const bounce = { deliveryId: id, kind: "hard_bounce", diagnosticCode: "5.1.1" } as const;
    expect(await workspace.cell.noteReturnedEmail({ ...bounce, address: "nobody@example.com" })).toBe(false);
    expect(await workspace.cell.noteReturnedEmail({ ...bounce, address: PERSON })).toBe(true);
    expect(await queryCell(workspace, `SELECT email, reason FROM suppressions`)).toEqual([
      { email: PERSON, reason: "bounce" },
    ]);
  });
});

describe("the log of attempts", () => {
  it("holds no address of a person who was erased", async () => {
    const { workspace, id } = await aTransactionalMessage(null);
    await lost(workspace, id, 1);
    await redirect(workspace, TESTER);
    await erase(workspace, PERSON);
    expect(await logOf(workspace)).toEqual(["expired null"]);
  });
});
