import { beforeEach, describe, expect, it, vi } from "vitest";
import type { DryRun, Explanation, ExplainQuestion } from "../../src/cell/asking.ts";
import type { AcceptCommand } from "../../src/cell/command.ts";
import type { WorkspaceCalls } from "../../src/cell/cell-client.ts";
import type { ReceiptEntry } from "../../src/domain/event.ts";
import { NOW_MS } from "../support/clock.ts";
import { aCommand, accepted, OPERATOR } from "../support/commands.ts";
import { decisionsOf, reasonOf } from "../support/decisions.ts";
import { aJourney, anActiveJourney, changeJourney, editJourney } from "../support/journeys.ts";
import { BOTH, CUSTOMER, endAll, LEAD, order, publish, withRules } from "../support/rule-journeys.ts";
import { dumpCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";

const MINUTE_MS = 60_000;
const LONG_PAST = { id: "rest", type: "delay", for: "P365D" };
function calls(workspace: TestWorkspace): WorkspaceCalls {
  return workspace.cell as unknown as WorkspaceCalls;
}

type Rehearsed = Extract<DryRun, { kind: "rehearsed" }>;

async function dryRun(workspace: TestWorkspace, over: Partial<AcceptCommand> = {}): Promise<Rehearsed> {
  const answer = await calls(workspace).dryRun(OPERATOR, aCommand(over));
  if (answer.kind !== "rehearsed") throw new Error(`expected a rehearsed event: ${answer.kind}`);
  return answer;
}

const reasonsIn = ({ receipt }: Rehearsed): string => receipt.journeys.map(({ reason }) => reason).join(" ");

async function explain(workspace: TestWorkspace, over: Partial<ExplainQuestion>): Promise<Explanation> {
  const answer = await calls(workspace).explain(OPERATOR, {
    key: "order-follow-up",
    version: null,
    person: { kind: "sample", identities: LEAD, propertiesJson: "{}" },
    event: { name: "order.created", dataJson: null, redactedPaths: [] },
    ...over,
  });
  if (!answer.ok) throw new Error(answer.error.code);
  return answer.value;
}

const clausesIn = ({ clausesJson }: Explanation): Record<string, unknown>[] => JSON.parse(clausesJson) as [];

describe("a dry run", () => {
  let workspace: TestWorkspace;
  beforeEach(async () => {
    workspace = await withRules({ reentry: "once" });
  });

  it("says what accepting the event then says, but for the run's id", async () => {
    const dry = await dryRun(workspace);
    const entries = await decisionsOf(workspace);
    expect(dry.receipt.journeys).toEqual(entries.map((entry): ReceiptEntry => ({ ...entry, enrollmentId: null })));
    expect([entries[0]?.reason, await reasonOf(workspace), reasonsIn(await dryRun(workspace))]).toEqual([
      "enrolled",
      "already_active",
      "already_active",
    ]);
  });

  it("names the profile the event would go to, and none that it would make", async () => {
    expect((await dryRun(workspace, { identities: LEAD })).profileId).toBeNull();
    const { profileId } = await accepted(workspace, { identities: LEAD });
    expect((await dryRun(workspace, { identities: LEAD })).profileId).toBe(profileId);
    expect((await dryRun(workspace, { identities: BOTH })).profileId).toBe(profileId);
  });

  it("leaves every row as it was when it would make, patch and merge people and enroll them", async () => {
    await accepted(workspace, { identities: LEAD, propertiesJson: '{"plan":"Free"}' });
    await accepted(workspace, { identities: CUSTOMER });
    const before = await dumpCell(workspace);
    const merging = await dryRun(workspace, { identities: BOTH, propertiesJson: '{"plan":"Pro"}' });
    expect(merging.receipt.warnings).toEqual([expect.objectContaining({ code: "merged" })]);
    await dryRun(workspace, { identities: { email: "new@example.com" } });
    expect(await dumpCell(workspace)).toEqual(before);
  });

  it("leaves what is kept in memory as it was", async () => {
    await accepted(workspace, { identities: LEAD });
    const customer = await accepted(workspace, { identities: CUSTOMER });
    const others = { event: "page.viewed" };
    await dryRun(workspace, { identities: BOTH });
    // The e-mail is still the lead's own, and the customer is still another person.
    const lead = await accepted(workspace, { ...others, identities: LEAD });
    expect(lead.profileId).not.toBe(customer.profileId);
    expect((await accepted(workspace, { ...others, identities: CUSTOMER })).profileId).toBe(customer.profileId);
    await dryRun(workspace, { identities: { email: "new@example.com" } });
    expect(await reasonOf(workspace, { identities: { email: "new@example.com" } })).toBe("enrolled");
  });

  it("forgets how people would have stood if they had been made one", async () => {
    await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { event: "page.viewed", identities: CUSTOMER });
    expect(reasonsIn(await dryRun(workspace, { identities: BOTH }))).toBe("already_active");
    expect(await reasonOf(workspace, { identities: CUSTOMER })).toBe("enrolled");
  });

  it("counts the runs of people whom the event would make one, less the run that would end", async () => {
    await publish(workspace, { reentry: "always", maxActive: 2 });
    await accepted(workspace, { identities: LEAD });
    await accepted(workspace, { identities: CUSTOMER });
    expect(reasonsIn(await dryRun(workspace, { identities: BOTH }))).toBe("enrolled");
    expect(await reasonOf(workspace, { identities: BOTH })).toBe("enrolled");
    expect(reasonsIn(await dryRun(workspace, { identities: BOTH }))).toBe("already_active");
  });

  it("lets filters see the person as the event would change them, and the payload before redaction", async () => {
    const filter = [
      { $state: "/profile/plan", eq: "Pro" },
      { $state: "/event/card", eq: "4242" },
    ];
    await anActiveJourney(workspace.cell, { key: "cards", entry: { event: "card.used", filter } });
    const used = { event: "card.used", dataJson: "{}", redactedDataPaths: ["/event/card"] };
    const whole = { ...used, unredactedJson: '{"card":"4242"}', propertiesJson: '{"plan":"Pro"}' };
    expect(reasonsIn(await dryRun(workspace, whole))).toBe("enrolled");
    expect((await dryRun(workspace, { ...whole, propertiesJson: null })).receipt.journeys[0]?.detail).toEqual({
      path: "/profile/plan",
      operator: "eq",
    });
  });

  it("does not stop a journey that would run away", async () => {
    await anActiveJourney(workspace.cell, {
      key: "busy",
      entry: { event: "busy" },
      runaway: { enrollments: 1, per: "PT1M" },
    });
    const busy = (email: string) => ({ event: "busy", identities: { email } });
    await accepted(workspace, busy("a@example.com"));
    expect(reasonsIn(await dryRun(workspace, busy("b@example.com")))).toBe("runaway_stopped");
    vi.setSystemTime(NOW_MS + MINUTE_MS);
    expect(await reasonOf(workspace, busy("b@example.com"))).toBe("enrolled");
  });

  it("lists drafts and paused journeys that would listen, by their newest version", async () => {
    await aJourney(workspace.cell, { key: "draft" });
    await anActiveJourney(workspace.cell, { key: "paused" });
    await changeJourney(workspace.cell, "paused", "pause");
    await anActiveJourney(workspace.cell, { key: "gone" });
    await changeJourney(workspace.cell, "gone", "archive");
    await aJourney(workspace.cell, { key: "moved" });
    await editJourney(workspace.cell, "moved", { entry: { event: "order.paid" } });
    expect((await dryRun(workspace)).inactive).toEqual([
      { key: "draft", status: "draft" },
      { key: "paused", status: "paused" },
    ]);
  });

  it("tells names that journeys listen to and that were probably meant", async () => {
    await aJourney(workspace.cell, { key: "draft", entry: { event: "order.createe" } });
    expect((await dryRun(workspace, { event: "Order_Created" })).similarEvents).toEqual(["order.created"]);
    expect((await dryRun(workspace)).similarEvents).toEqual([]);
  });

  it("answers a refusal as accepting would", async () => {
    const big = JSON.stringify({ big: "x".repeat(600_000) });
    expect(await calls(workspace).dryRun(OPERATOR, aCommand({ propertiesJson: big }))).toEqual({
      kind: "profile_too_large",
    });
  });
});

describe("explaining", () => {
  it("decides by the published version, or by the one that is named, drafts included", async () => {
    const workspace = await withRules({ requires: ["email"] });
    await editJourney(workspace.cell, "order-follow-up", { eligibility: { requires: ["phone"] } });
    const named = await explain(workspace, { version: 2 });
    expect([await explain(workspace, {}), named].map(({ version, reason }) => [version, reason])).toEqual([
      [1, "enrolled"],
      [2, "identity_required"],
    ]);
    expect(named.detail).toEqual({ path: "/profile/phone", operator: "exists" });
    await aJourney(workspace.cell, { key: "draft" });
    expect((await explain(workspace, { key: "draft" })).outcome).toBe("enrolled");
  });

  it("counts what a person has behind them, and nothing for one who is made up", async () => {
    const workspace = await withRules({
      reentry: "always",
      key: "/event/orderId",
      cap: { enrollments: 2, per: "P1D" },
    });
    const { profileId } = await accepted(workspace, order("1", { identities: LEAD }));
    await accepted(workspace, order("2", { identities: LEAD }));
    const event = (orderId: string) => ({
      name: "order.created",
      dataJson: `{"orderId":"${orderId}"}`,
      redactedPaths: [],
    });
    const person = { kind: "profile" as const, id: profileId ?? "" };
    const reasons = await Promise.all([
      explain(workspace, { person, event: event("1") }),
      explain(workspace, { person, event: event("3") }),
      explain(workspace, { event: event("3") }),
      explain(workspace, { person: { kind: "nobody" }, event: event("3") }),
      explain(workspace, { person }),
    ]);
    expect(reasons.map(({ reason }) => reason)).toEqual([
      "already_active",
      "capped",
      "enrolled",
      "identity_required",
      "key_missing",
    ]);
  });

  it("answers for the person that a profile was merged into", async () => {
    const workspace = await withRules({ reentry: "once" });
    const lead = await accepted(workspace, { event: "page.viewed", identities: LEAD });
    await accepted(workspace, { identities: CUSTOMER });
    const person = { kind: "profile" as const, id: lead.profileId ?? "" };
    expect((await explain(workspace, { person })).reason).toBe("enrolled");
    await accepted(workspace, { event: "page.viewed", identities: BOTH });
    expect((await explain(workspace, { person })).reason).toBe("already_active");
  });

  it("counts what began before people were made one", async () => {
    const workspace = await withRules({ reentry: "once" });
    await accepted(workspace, { identities: LEAD });
    await endAll(workspace);
    await accepted(workspace, { event: "page.viewed", identities: CUSTOMER });
    const { profileId } = await accepted(workspace, { event: "page.viewed", identities: BOTH });
    const person = { kind: "profile" as const, id: profileId ?? "" };
    expect((await explain(workspace, { person })).reason).toBe("already_enrolled");
  });

  it("says that another event is not listened to", async () => {
    const workspace = await withRules({});
    const event = { name: "order.paid", dataJson: null, redactedPaths: [] };
    expect(await explain(workspace, { event })).toMatchObject({
      outcome: "not_listening",
      reason: null,
      clausesJson: "[]",
    });
  });

  it("does not know where a value that is no longer kept decides, and does where it does not", async () => {
    const workspace = await aWorkspace();
    const filter = {
      $and: [
        { $state: "/event/card", startsWith: "42" },
        { $state: "/event/total", gte: 40 },
      ],
    };
    await anActiveJourney(workspace.cell, { entry: { event: "order.created", filter }, steps: [LONG_PAST] });
    const kept = (total: number) => ({
      name: "order.created",
      dataJson: `{"total":${total}}`,
      redactedPaths: ["/event/card"],
    });
    const unknown = await explain(workspace, { event: kept(50) });
    expect([unknown.outcome, unknown.reason, clausesIn(unknown)]).toEqual([
      "unknown_redacted",
      null,
      [
        { path: "/event/card", operator: "startsWith", expected: "42", actual: null, redacted: true, passed: null },
        { path: "/event/total", operator: "gte", expected: 40, actual: 50, passed: true },
      ],
    ]);
    expect(await explain(workspace, { event: kept(30) })).toMatchObject({
      outcome: "skipped",
      reason: "filter_failed",
      detail: { path: "/event/total", operator: "gte" },
    });
  });

  it("knows no journey, version or profile that is not there", async () => {
    const workspace = await withRules({});
    for (const over of [{ key: "nothing" }, { version: 2 }, { person: { kind: "profile" as const, id: "nobody" } }]) {
      await expect(explain(workspace, over)).rejects.toThrow("not_found");
    }
  });
});
