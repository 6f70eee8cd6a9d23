// Messages in a cell: how they stand, claims and reports as who sends makes them, and a way to settle one directly.
import { runInDurableObject } from "cloudflare:test";
import type { Claim, DeliveryJob, MessageAttempt, SendReport } from "../../src/domain/delivery.ts";
import { ok } from "../../src/domain/result.ts";
import type { DeliveryOutcome } from "../../src/domain/run.ts";
import type { TemplateDefinition } from "../../src/domain/template.ts";
import { OPERATOR } from "./commands.ts";
import { queryCell } from "./tables.ts";
import type { TestWorkspace } from "./workspace.ts";

/** Tells a run how a message of it went, without anybody having sent it. @returns whether there is such a message */
export async function settleDelivery(
  { cell }: Pick<TestWorkspace, "cell">,
  id: string,
  outcome: DeliveryOutcome,
): Promise<boolean> {
  return await runInDurableObject(cell, (object) => {
    const { driver } = object["parts"];
    const settled = object["moveRuns"](OPERATOR, () => ok(driver.settle(id, outcome, Date.now())));
    return settled.ok && settled.value;
  });
}

export type DeliveryState = {
  id: string;
  status: string;
  reason: string | null;
  attempts: number;
  target: string | null;
  provider_id: string | null;
  next_attempt_at: number | null;
  /** Of the work that is left; `null` = none is. */
  state: string | null;
  due_at: number | null;
  attempt: number | null;
};

/** Every message with what is left to do about it, oldest first. */
export async function messagesOf(workspace: Pick<TestWorkspace, "cell">): Promise<DeliveryState[]> {
  return await queryCell<DeliveryState>(
    workspace,
    `SELECT d.id, d.status, d.reason, d.attempts, d.target, d.provider_id, d.next_attempt_at, w.state, w.due_at,
       w.attempt FROM deliveries d LEFT JOIN delivery_work w ON w.delivery_id = d.id ORDER BY d.id`,
  );
}

/** The one message of a workspace. */
export async function messageOf(workspace: Pick<TestWorkspace, "cell">): Promise<DeliveryState> {
  const [message, ...others] = await messagesOf(workspace);
  if (message === undefined || others.length > 0) throw new Error("expected one message");
  return message;
}

/** How each attempt of a message ended, oldest first: `retry 500`, `expired`, … */
export async function attemptsOf(workspace: Pick<TestWorkspace, "cell">, id: string): Promise<string[]> {
  const rows = await queryCell<{ outcome: string; code: string | null }>(
    workspace,
    `SELECT outcome, code FROM delivery_attempts WHERE delivery_id = ? ORDER BY attempt`,
    id,
  );
  return rows.map(({ outcome, code }) => (code === null ? outcome : `${outcome} ${code}`));
}

/** The recursive type of a job is too deep for a stub's types to unfold. */
type ClaimCalls = { claimDeliveries: (asked: MessageAttempt[]) => Promise<Claim[]> };

/** Claims a message. */
export async function claim({ cell }: Pick<TestWorkspace, "cell">, id: string, attempt = 1): Promise<Claim> {
  const [answer] = await (cell as unknown as ClaimCalls).claimDeliveries([{ deliveryId: id, attempt }]);
  if (answer === undefined) throw new Error("expected an answer");
  return answer;
}

/** Claims a message that must be granted. */
export async function granted(workspace: Pick<TestWorkspace, "cell">, id: string, attempt = 1): Promise<DeliveryJob> {
  const answer = await claim(workspace, id, attempt);
  if (answer.kind !== "granted") throw new Error("expected the message to be handed out");
  return answer.job;
}

export function aReport(over: Partial<SendReport> = {}): SendReport {
  return {
    outcome: "sent",
    reason: null,
    code: null,
    message: null,
    providerId: null,
    retryAfterMs: null,
    durationMs: 12,
    ...over,
  };
}

/** Reports how an attempt went. */
export async function report(
  { cell }: Pick<TestWorkspace, "cell">,
  id: string,
  attempt: number,
  over: Partial<SendReport> = {},
): Promise<void> {
  await cell.reportDeliveries([{ deliveryId: id, attempt, report: aReport(over) }]);
}

/** Claims an attempt and reports how it went. */
export async function attempted(
  workspace: Pick<TestWorkspace, "cell">,
  id: string,
  attempt: number,
  over: Partial<SendReport> = {},
): Promise<void> {
  await granted(workspace, id, attempt);
  await report(workspace, id, attempt, over);
}

/** Files a template that greets. */
export async function storeTemplate(
  { cell }: Pick<TestWorkspace, "cell">,
  key: string,
  over: Partial<TemplateDefinition> = {},
): Promise<void> {
  const definition: TemplateDefinition = {
    subject: "Hello",
    body: { root: "html", elements: { html: { type: "Html", props: {}, children: [] } } },
    ...over,
  };
  await runInDurableObject(cell, (object, { storage }) => {
    const { templates, newId } = object["parts"];
    storage.transactionSync(() => {
      templates.insert({ id: newId(), snapshotId: newId() }, { key, name: key, definition }, Date.now());
    });
  });
}
