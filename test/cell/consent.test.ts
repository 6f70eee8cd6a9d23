// Whether an e-mail may be sent is asked when it is handed out: by the lists, settings and people of that moment.
import { describe, expect, it, vi } from "vitest";
import type { SuppressionReason } from "../../src/domain/consent.ts";
import { NOW_MS } from "../support/clock.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { aMailing, aMessage, anEmailStep, aPerson, aSendingWorkspace, standOf, suppress } from "../support/consent.ts";
import { attempted, attemptsOf, claim, granted, messageOf, messagesOf, report } from "../support/deliveries.ts";
import { anActiveJourney, changeJourney } from "../support/journeys.ts";
import { linesOf, pass, readRun } from "../support/running.ts";
import { runsOf } from "../support/runs.ts";
import { queryCell } from "../support/tables.ts";
import type { TestWorkspace } from "../support/workspace.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Claims a message, and tells how it stands then. */
async function tried(workspace: TestWorkspace, id: string): Promise<string> {
  const { kind } = await claim(workspace, id);
  return kind === "granted" ? kind : await standOf(workspace, id);
}

describe("a message that somebody wants to send", () => {
  it.each<[SuppressionReason, string]>([
    ["unsubscribe", "skipped unsubscribed"],
    ["bounce", "skipped suppressed"],
    ["complaint", "skipped suppressed"],
    ["manual", "skipped suppressed"],
  ])("is not sent after a %s that came while it was in the queue", async (reason, expected) => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const { id, profileId } = await aMessage(workspace);
    await suppress(workspace, profileId, reason);
    expect(await tried(workspace, id)).toBe(expected);
  });

  it.each<[SuppressionReason, string]>([
    ["unsubscribe", "granted"],
    ["bounce", "skipped suppressed"],
    ["complaint", "skipped suppressed"],
    ["manual", "skipped suppressed"],
  ])("and is transactional, after a %s: %s", async (reason, expected) => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { transactional: true });
    const { id, profileId } = await aMessage(workspace);
    await suppress(workspace, profileId, reason);
    expect(await tried(workspace, id)).toBe(expected);
  });

  it("is sent again after its person was unsuppressed", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace);
    const { id, profileId } = await aMessage(workspace);
    await suppress(workspace, profileId, "complaint");
    await workspace.cell.unsuppressProfile(OPERATOR, profileId);
    expect(await tried(workspace, id)).toBe("granted");
  });

  it("says in its run's timeline why it was not sent, and the run goes on", async () => {
    const workspace = await aSendingWorkspace();
    await anActiveJourney(workspace.cell, {
      entry: { event: "news" },
      steps: [anEmailStep(), { id: "rest", type: "delay", for: "P1D" }],
    });
    const { id, profileId } = await aMessage(workspace);
    await suppress(workspace, profileId, "unsubscribe");
    await claim(workspace, id);
    const [run] = await runsOf(workspace);
    const { timeline } = await readRun(workspace, run?.id ?? "");
    expect(timeline.find(({ kind }) => kind === "skipped")?.detail).toMatchObject({ reason: "unsubscribed" });
    expect((await linesOf(workspace, run?.id ?? "")).at(-1)).toBe("skipped news");
  });

  it("has a bounce against it on the very address it goes to", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: { $state: "/profile/work" } });
    const { id, profileId } = await aMessage(workspace, { propertiesJson: '{"work":"Alex@Work.example"}' });
    await suppress(workspace, profileId, "bounce");
    expect(await tried(workspace, id)).toBe("granted");
    const other = await aPerson(workspace, { identities: { email: "alex@work.example" } });
    await suppress(workspace, other, "bounce");
    const again = await aMessage(workspace);
    expect(await tried(workspace, again.id)).toBe("skipped suppressed");
  });

  it("to another address has what its person said against it too", async () => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: "partner@example.com" });
    const { id, profileId } = await aMessage(workspace);
    await suppress(workspace, profileId, "unsubscribe");
    expect(await tried(workspace, id)).toBe("skipped unsubscribed");
  });

  it.each<[SuppressionReason, string]>([
    ["unsubscribe", "skipped unsubscribed"],
    ["manual", "skipped suppressed"],
    ["bounce", "granted"],
  ])("to an address of somebody else has what was said by them against it too: %s", async (reason, expected) => {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", { to: "Partner@New.example" });
    const partner = await aPerson(workspace, { identities: { email: "partner@example.com", externalId: "partner" } });
    await suppress(workspace, partner, reason);
    await aPerson(workspace, { identities: { email: "partner@new.example", externalId: "partner" } });
    expect(await tried(workspace, (await aMessage(workspace)).id)).toBe(expected);
  });
});

describe("a message whose unsubscribe link would lead nowhere", () => {
  async function withoutOrigin(over: Record<string, unknown>): Promise<{ workspace: TestWorkspace; id: string }> {
    const workspace = await aSendingWorkspace();
    await aMailing(workspace, "news", over);
    await queryCell(workspace, `UPDATE sending SET origin = NULL`);
    return { workspace, id: (await aMessage(workspace)).id };
  }

  it("is not sent, and says what is missing", async () => {
    const { workspace, id } = await withoutOrigin({});
    expect(await tried(workspace, id)).toBe("failed rejected");
    expect(await attemptsOf(workspace, id)).toEqual(["failed no_public_url"]);
  });

  it("is sent when it is transactional, for it has none", async () => {
    const { workspace, id } = await withoutOrigin({ transactional: true });
    expect(await granted(workspace, id)).toMatchObject({ unsubscribeUrl: null });
  });

  it("can be sent once the origin is known", async () => {
    const { workspace, id } = await withoutOrigin({});
    await claim(workspace, id);
    await changeJourney(workspace.cell, "news", "activate");
    await workspace.cell.redeliver(OPERATOR, id);
    expect(await granted(workspace, id, 2)).toMatchObject({
      unsubscribeUrl: expect.stringMatching(/^http:\/\/waypost\.test\/u\/[0-9A-Za-z]{65}$/),
    });
  });
});

describe("the frequency cap", () => {
  const CAP = { frequencyCap: { messages: 2, per: "P1D" } };

  it("holds over all journeys of a person, and for each person alone", async () => {
    const workspace = await aSendingWorkspace(CAP);
    for (const key of ["one", "two", "three"]) await aMailing(workspace, key);
    for (const event of ["one", "two"]) await attempted(workspace, (await aMessage(workspace, { event })).id, 1);
    const third = await aMessage(workspace, { event: "three" });
    const others = await aMessage(workspace, { event: "three", identities: { email: "other@example.com" } });
    expect([await tried(workspace, third.id), await tried(workspace, others.id)]).toEqual([
      "skipped frequency_capped",
      "granted",
    ]);
  });

  it("counts what is with a sender right now", async () => {
    const workspace = await aSendingWorkspace(CAP);
    await aMailing(workspace);
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) ids.push((await aMessage(workspace)).id);
    const answers = await Promise.all(ids.map(async (id) => await tried(workspace, id)));
    expect(answers.filter((answer) => answer === "granted")).toHaveLength(2);
    expect(answers.filter((answer) => answer === "skipped frequency_capped")).toHaveLength(10);
  });

  it("does not count what was not sent after all", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    const refused = await aMessage(workspace);
    await attempted(workspace, refused.id, 1, { outcome: "failed", reason: "rejected", code: "550" });
    const next = await aMessage(workspace);
    expect(await tried(workspace, next.id)).toBe("granted");
  });

  it("does not count a message against itself when it is tried again", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    const { id } = await aMessage(workspace);
    await attempted(workspace, id, 1, { outcome: "retry", code: "503" });
    vi.setSystemTime(NOW_MS + HOUR_MS);
    expect((await claim(workspace, id, 2)).kind).toBe("granted");
  });

  it("lets a message go exactly when the first one is its whole time ago, and not a millisecond sooner", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    await attempted(workspace, (await aMessage(workspace)).id, 1);
    vi.setSystemTime(NOW_MS + DAY_MS - 1);
    const early = await aMessage(workspace);
    expect(await tried(workspace, early.id)).toBe("skipped frequency_capped");
    vi.setSystemTime(NOW_MS + DAY_MS);
    const late = await aMessage(workspace);
    expect(await tried(workspace, late.id)).toBe("granted");
  });

  it("is passed over by transactional e-mails, which it does not count either", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    await aMailing(workspace, "receipt", { transactional: true });
    for (let i = 0; i < 3; i++) await attempted(workspace, (await aMessage(workspace, { event: "receipt" })).id, 1);
    await attempted(workspace, (await aMessage(workspace)).id, 1);
    const receipt = await aMessage(workspace, { event: "receipt" });
    const news = await aMessage(workspace);
    expect([await tried(workspace, receipt.id), await tried(workspace, news.id)]).toEqual([
      "granted",
      "skipped frequency_capped",
    ]);
  });

  it("counts what was sent to a profile that was merged", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    await attempted(workspace, (await aMessage(workspace)).id, 1);
    await aPerson(workspace, { identities: { externalId: "cus_1" } });
    await aPerson(workspace, { identities: { externalId: "cus_1", email: "alex@example.com" } });
    const message = await aMessage(workspace, { identities: { externalId: "cus_1" } });
    expect(await tried(workspace, message.id)).toBe("skipped frequency_capped");
  });

  it("is the one of the moment: taken away, it stops nothing", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    await attempted(workspace, (await aMessage(workspace)).id, 1);
    const { id } = await aMessage(workspace);
    await workspace.cell.changeWorkspace({ settings: { frequencyCap: null } });
    expect(await tried(workspace, id)).toBe("granted");
  });

  it("comes before the quiet hours: what is over it does not wait for the morning", async () => {
    const workspace = await aSendingWorkspace({ frequencyCap: { messages: 1, per: "P1D" } });
    await aMailing(workspace);
    await attempted(workspace, (await aMessage(workspace)).id, 1);
    await workspace.cell.changeWorkspace({ settings: { quietHours: { from: "11:00", to: "13:00" } } });
    const { id } = await aMessage(workspace);
    expect(await tried(workspace, id)).toBe("skipped frequency_capped");
  });
});

describe("quiet hours", () => {
  // The clock stands at 12:00 UTC: 14:00 in Berlin, 21:00 in Tokyo.
  const QUIET = { quietHours: { from: "13:30", to: "15:00" } };

  it("let an e-mail wait, which then says until when and why, and is sent when they are over", async () => {
    const workspace = await aSendingWorkspace(QUIET);
    await aMailing(workspace);
    const { id } = await aMessage(workspace, { propertiesJson: '{"timezone":"Europe/Berlin"}' });
    expect(await tried(workspace, id)).toBe("pending quiet_hours");
    const end = NOW_MS + HOUR_MS;
    expect(await messageOf(workspace)).toMatchObject({ state: "waiting", due_at: end, next_attempt_at: end });
    vi.setSystemTime(end - 1);
    expect(await tried(workspace, id)).toBe("pending quiet_hours");
    vi.setSystemTime(end);
    await attempted(workspace, id, 1);
    expect(await standOf(workspace, id)).toBe("sent");
  });

  it("ask everything again when they are over", async () => {
    const workspace = await aSendingWorkspace(QUIET);
    await aMailing(workspace);
    const { id, profileId } = await aMessage(workspace, { propertiesJson: '{"timezone":"Europe/Berlin"}' });
    await claim(workspace, id);
    await suppress(workspace, profileId, "unsubscribe");
    vi.setSystemTime(NOW_MS + HOUR_MS);
    expect(await tried(workspace, id)).toBe("skipped unsubscribed");
  });

  it.each([
    ["the person's own", '{"timezone":"Europe/Berlin"}', "UTC", "pending quiet_hours"],
    ["the person's own before the workspace's", '{"timezone":"Asia/Tokyo"}', "Europe/Berlin", "granted"],
    ["the workspace's for a person without one", "{}", "Europe/Berlin", "pending quiet_hours"],
    ["the workspace's where a person's is none", '{"timezone":"Mars/Olympus"}', "Europe/Berlin", "pending quiet_hours"],
    ["the workspace's where a person's is no text", '{"timezone":7}', "Europe/Berlin", "pending quiet_hours"],
  ])("are by a clock: %s", async (_, propertiesJson, timezone, expected) => {
    const workspace = await aSendingWorkspace(QUIET);
    await workspace.cell.changeWorkspace({ timezone });
    await aMailing(workspace);
    const { id } = await aMessage(workspace, { propertiesJson });
    expect(await tried(workspace, id)).toBe(expected);
  });

  it("do not hold up a transactional e-mail", async () => {
    const workspace = await aSendingWorkspace({ quietHours: { from: "11:00", to: "13:00" } });
    await aMailing(workspace, "news", { transactional: true });
    expect(await tried(workspace, (await aMessage(workspace)).id)).toBe("granted");
  });
});

describe("a workspace that redirects its messages", () => {
  it("sends e-mails to the one address, and says so of each", async () => {
    const workspace = await aSendingWorkspace({ redirectTo: "trial@example.com" });
    await aMailing(workspace);
    const { id } = await aMessage(workspace);
    expect(await granted(workspace, id)).toMatchObject({ to: "trial@example.com" });
    await report(workspace, id, 1);
    expect(await messageOf(workspace)).toMatchObject({
      status: "sent",
      reason: "redirected",
      target: "trial@example.com",
    });
  });

  it("says so too of an e-mail of which it turns out late that it was sent", async () => {
    const workspace = await aSendingWorkspace({ redirectTo: "trial@example.com" });
    await aMailing(workspace);
    const { id } = await aMessage(workspace);
    await granted(workspace, id);
    await pass(workspace, 30_000);
    await report(workspace, id, 1);
    expect(await messageOf(workspace)).toMatchObject({
      status: "sent",
      reason: "redirected",
      target: "trial@example.com",
    });
  });

  it("says so no more of an e-mail that is sent after the redirection has ended", async () => {
    const workspace = await aSendingWorkspace({ redirectTo: "trial@example.com" });
    await aMailing(workspace);
    const { id } = await aMessage(workspace);
    await attempted(workspace, id, 1, { outcome: "retry" });
    await workspace.cell.changeWorkspace({ settings: { redirectTo: null } });
    await pass(workspace, 6_000);
    await attempted(workspace, id, 2);
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: null, target: "alex@example.com" });
  });

  it("asks for its person's consent all the same", async () => {
    const workspace = await aSendingWorkspace({ redirectTo: "trial@example.com" });
    await aMailing(workspace);
    const { id, profileId } = await aMessage(workspace);
    await suppress(workspace, profileId, "unsubscribe");
    expect(await tried(workspace, id)).toBe("skipped unsubscribed");
  });

  it("does not ask for the consent of the address it redirects to", async () => {
    const workspace = await aSendingWorkspace({ redirectTo: "trial@example.com" });
    await aMailing(workspace);
    const tester = await aPerson(workspace, { identities: { email: "trial@example.com" } });
    await suppress(workspace, tester, "manual");
    expect(await tried(workspace, (await aMessage(workspace)).id)).toBe("granted");
  });

  it.each(["nowhere", "trial@example.com"])("to %s calls no webhook, and takes it for sent", async (redirectTo) => {
    const workspace = await aSendingWorkspace({ redirectTo });
    await anActiveJourney(workspace.cell, {
      entry: { event: "news" },
      steps: [{ id: "call", type: "webhook", url: "https://crm.example.com/orders" }],
    });
    const { id } = await aMessage(workspace);
    expect((await claim(workspace, id)).kind).toBe("dropped");
    expect(await messageOf(workspace)).toMatchObject({ status: "sent", reason: "redirected", target: "nowhere" });
  });

  it("to nowhere withholds e-mails, and takes them for sent", async () => {
    const workspace = await aSendingWorkspace({ redirectTo: "nowhere" });
    await aMailing(workspace);
    const { id } = await aMessage(workspace);
    expect(await tried(workspace, id)).toBe("sent redirected");
    expect((await messagesOf(workspace)).map(({ target }) => target)).toEqual(["nowhere"]);
  });
});

describe("a journey of nothing but e-mail", () => {
  /** What a person with something against them gets of a journey. */
  async function decided(reason: SuppressionReason, steps: unknown[]): Promise<string | undefined> {
    const workspace = await aSendingWorkspace();
    await anActiveJourney(workspace.cell, { entry: { event: "news" }, steps });
    await suppress(workspace, await aPerson(workspace), reason);
    const { receiptJson } = await accepted(workspace, { event: "news" });
    return (JSON.parse(receiptJson ?? "") as { journeys: { reason: string }[] }).journeys[0]?.reason;
  }
  const TRANSACTIONAL = anEmailStep({ id: "receipt", transactional: true });

  it.each<[SuppressionReason, string, string]>([
    ["unsubscribe", "suppressed", "enrolled"],
    ["bounce", "suppressed", "suppressed"],
    ["complaint", "suppressed", "suppressed"],
    ["manual", "suppressed", "suppressed"],
  ])("after a %s: %s, and with a transactional one among them: %s", async (reason, plain, transactional) => {
    expect(await decided(reason, [anEmailStep()])).toBe(plain);
    expect(await decided(reason, [anEmailStep(), TRANSACTIONAL])).toBe(transactional);
  });
});
