// Triggers as their door makes them: valid as they come, each under a key of its own, with what a test is about laid over.
import { env } from "cloudflare:workers";
import type { CellResult } from "../../src/cell/cell-result.ts";
import type { AcceptCommand } from "../../src/cell/command.ts";
import type { TriggerCommand, Triggered, TriggerOutcome } from "../../src/cell/trigger.ts";
import { claimsFor, type KeyClaim } from "../../src/crypto/claim.ts";
import { parseSecretList } from "../../src/crypto/secret-list.ts";
import type { Json } from "../../src/domain/json.ts";
import { TRIGGER_EVENT } from "../../src/domain/simulate.ts";
import { aCommand, OPERATOR } from "./commands.ts";
import { send, type TestWorkspace } from "./workspace.ts";

export const KEY = "order-follow-up";

/** Claims of a trigger's key, as a deployment with this setting makes them. */
export function triggerClaims(
  workspaceId: string,
  key: string,
  request: Json = {},
  secrets: string = env.LEDGER_SECRETS,
): KeyClaim[] {
  const list = parseSecretList("LEDGER_SECRETS", secrets);
  return claimsFor(list, "journeys.trigger", workspaceId, key, request);
}

/** What a trigger asks of its cell. */
export function aTrigger(
  workspace: TestWorkspace,
  over: Partial<AcceptCommand> = {},
  journeyKey = KEY,
): TriggerCommand {
  const claims = triggerClaims(workspace.id, crypto.randomUUID());
  const event = aCommand({ claims, source: "trigger", event: TRIGGER_EVENT, wantsReceipt: false, ...over });
  return { journeyKey, event };
}

/** Asks a cell for a run. */
export async function trigger(
  workspace: TestWorkspace,
  over: Partial<AcceptCommand> = {},
  journeyKey = KEY,
): Promise<CellResult<TriggerOutcome>> {
  return await workspace.cell.trigger(OPERATOR, aTrigger(workspace, over, journeyKey));
}

/** Asks a cell for a run that it must begin, or must have begun. */
export async function triggered(
  workspace: TestWorkspace,
  over: Partial<AcceptCommand> = {},
  journeyKey = KEY,
): Promise<Triggered> {
  const result = await trigger(workspace, over, journeyKey);
  if (!result.ok || result.value.kind !== "triggered") throw new Error(`expected a run: ${JSON.stringify(result)}`);
  return result.value;
}

/** Why a cell begins no run: the reason of `not_eligible`, another error's code, or what the outcome is. */
export async function refusalOf(
  workspace: TestWorkspace,
  over: Partial<AcceptCommand> = {},
  journeyKey = KEY,
): Promise<string> {
  const result = await trigger(workspace, over, journeyKey);
  if (result.ok) return result.value.kind;
  return result.error.code === "not_eligible" ? result.error.reason : result.error.code;
}

/** Posts a trigger. */
export async function postTrigger(
  workspace: { apiKey: string },
  body: unknown,
  { key = crypto.randomUUID(), journeyKey = KEY }: { key?: string; journeyKey?: string } = {},
): Promise<Response> {
  return await send(`/api/v1/journeys/${journeyKey}/trigger`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": workspace.apiKey, "idempotency-key": key },
    body: JSON.stringify(body),
  });
}
