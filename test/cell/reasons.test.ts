// Every reason there is, once each, with what the receipt says of it: in the answer, and as the outbox keeps it.
import { describe, expect, it } from "vitest";
import type { AcceptCommand } from "../../src/cell/command.ts";
import { SKIP_REASONS, type FailedClause, type SkipReason } from "../../src/domain/event.ts";
import { unpackReceipt } from "../../src/domain/receipt.ts";
import { accepted, OPERATOR } from "../support/commands.ts";
import { decisionsOf } from "../support/decisions.ts";
import { anActiveJourney } from "../support/journeys.ts";
import { endRun, runsOf } from "../support/runs.ts";
import { queryCell } from "../support/tables.ts";
import { aWorkspace, type TestWorkspace } from "../support/workspace.ts";
interface ReasonCase {
  reason: SkipReason;
  journey?: Record<string, unknown>;
  /** What happens before the event that is decided. */
  before?: (workspace: TestWorkspace) => Promise<void>;
  event?: Partial<AcceptCommand>;
  detail: FailedClause | null;
}

const enter = async (workspace: TestWorkspace): Promise<void> => void (await accepted(workspace));
const enterAndEnd = async (workspace: TestWorkspace): Promise<void> => {
  await accepted(workspace);
  for (const { id } of await runsOf(workspace)) await endRun(workspace, id);
};
const otherEnters = async (workspace: TestWorkspace): Promise<void> => {
  await accepted(workspace, { identities: { email: "other@example.com" } });
};
const suppress = async (workspace: TestWorkspace): Promise<void> => {
  const { profileId } = await accepted(workspace, { event: "seen" });
  const request = { reason: "manual" as const, diagnosticCode: null };
  await workspace.cell.suppressProfile(OPERATOR, profileId ?? "", request);
};
const NOBODY: Partial<AcceptCommand> = { people: "optional", identities: {} };
const MAIL = [{ id: "hello", type: "email", template: "hello" }];

const CASES: ReasonCase[] = [
  {
    reason: "filter_failed",
    journey: { entry: { event: "order.created", filter: { $state: "/event/total", gte: 40 } } },
    event: { dataJson: '{"total":39}' },
    detail: { path: "/event/total", operator: "gte" },
  },
  {
    reason: "filter_failed",
    journey: { entry: { event: "order.created", filter: { $state: "/event/total", gte: 40, not: true } } },
    event: { dataJson: '{"total":41}' },
    detail: { path: "/event/total", operator: "gte", not: true },
  },
  {
    reason: "key_missing",
    journey: { eligibility: { key: "/event/order/id" } },
    event: { dataJson: '{"order":{}}' },
    detail: { path: "/event/order/id", operator: "exists" },
  },
  {
    reason: "key_missing",
    journey: { eligibility: { key: "/event/orderId" } },
    event: { dataJson: "{}", unredactedJson: '{"orderId":"o-1"}', redactedDataPaths: ["/orderId"] },
    detail: { path: "/event/orderId", operator: "exists" },
  },
  { reason: "identity_required", event: NOBODY, detail: null },
  {
    reason: "identity_required",
    journey: { eligibility: { requires: ["email", "externalId"] } },
    detail: { path: "/profile/externalId", operator: "exists" },
  },
  { reason: "suppressed", journey: { steps: MAIL }, before: suppress, detail: null },
  { reason: "already_active", before: enter, detail: null },
  { reason: "already_enrolled", before: enterAndEnd, detail: null },
  {
    reason: "cooldown",
    journey: { eligibility: { reentry: { after: "PT1H" } } },
    before: enterAndEnd,
    detail: null,
  },
  {
    reason: "capped",
    journey: { eligibility: { reentry: "always", maxActive: 9, cap: { enrollments: 1, per: "PT1H" } } },
    before: enter,
    detail: null,
  },
  {
    reason: "runaway_stopped",
    journey: { runaway: { enrollments: 1, per: "PT1M" } },
    before: otherEnters,
    detail: null,
  },
];

describe("the receipt", () => {
  it("is shown every reason there is", () => {
    expect([...new Set(CASES.map(({ reason }) => reason))]).toEqual([...SKIP_REASONS]);
  });

  it.each(CASES)("says $reason, with its detail", async ({ reason, journey = {}, before, event = {}, detail }) => {
    const workspace = await aWorkspace();
    const { id, key } = await anActiveJourney(workspace.cell, journey);
    await before?.(workspace);
    const entries = await decisionsOf(workspace, event);
    expect(entries).toEqual([
      { journeyId: id, key, version: 1, outcome: "skipped", reason, enrollmentId: null, detail },
    ]);
    const [stored] = await queryCell<{ row: string }>(
      workspace,
      `SELECT row FROM outbox_events ORDER BY place DESC LIMIT 1`,
    );
    const { receipt } = JSON.parse(stored?.row ?? "") as { receipt: string };
    expect(unpackReceipt(receipt).journeys).toEqual(entries);
  });

  it("says enrolled, with the enrollment and no detail", async () => {
    const workspace = await aWorkspace();
    const { id, key } = await anActiveJourney(workspace.cell, { steps: MAIL });
    const entries = await decisionsOf(workspace);
    const [run] = await runsOf(workspace);
    const enrolled = { outcome: "enrolled", reason: "enrolled", enrollmentId: run?.id, detail: null };
    expect(entries).toEqual([{ journeyId: id, key, version: 1, ...enrolled }]);
  });

  it("lets a person into every other kind of journey whom no e-mail may reach", async () => {
    const workspace = await aWorkspace();
    await anActiveJourney(workspace.cell, { key: "mail", steps: MAIL });
    await anActiveJourney(workspace.cell, {
      key: "call",
      steps: [...MAIL, { id: "call", type: "webhook", url: "https://crm.example.com" }],
    });
    await suppress(workspace);
    const entries = await decisionsOf(workspace);
    expect(entries.map(({ key, reason }) => [key, reason])).toEqual([
      ["mail", "suppressed"],
      ["call", "enrolled"],
    ]);
  });
});
