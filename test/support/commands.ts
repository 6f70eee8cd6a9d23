// Commands as a door makes them: valid as they come, with what a test is about laid over.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Accepted, AcceptCommand, AcceptOutcome, Caller } from "../../src/cell/command.ts";
import type { WorkspaceCell } from "../../src/cell/workspace-cell.ts";
import { claimsFor, type KeyClaim } from "../../src/crypto/claim.ts";
import { parseSecretList } from "../../src/crypto/secret-list.ts";
import type { Json } from "../../src/domain/json.ts";
import { servicesOf } from "../../src/services.ts";
import type { TestWorkspace } from "./workspace.ts";

export const OPERATOR: Caller = { kind: "operator" };

/** The suite's ledger secrets by age: the list a deployment has before a rotation, and after it. */
export const LEDGER_SECRETS = {
  before: env.LEDGER_SECRETS.split(",")[1] as string,
  after: env.LEDGER_SECRETS,
} as const;

export function aCommand(over: Partial<AcceptCommand> = {}): AcceptCommand {
  return {
    people: "resolve",
    profileId: null,
    claims: [],
    keyedOn: "request",
    source: "api",
    event: "order.created",
    identities: { email: "alex@example.com" },
    propertiesJson: null,
    listEditsJson: null,
    dataJson: null,
    unredactedJson: null,
    referenceId: null,
    occurredAt: null,
    redactedDataPaths: [],
    startsJourneys: true,
    wantsReceipt: true,
    warnings: [],
    ...over,
  };
}

/** Claims of a key for a request, newest secret first. */
export function claimsOf(
  workspaceId: string,
  key: string,
  request: Json = {},
  secrets = servicesOf(env).ledgerSecrets,
): KeyClaim[] {
  return claimsFor(secrets, "events.track", workspaceId, key, request);
}

/** Claims as a deployment with this setting makes them. */
export function claimsUnder(setting: string, workspaceId: string, key: string, request: Json = {}): KeyClaim[] {
  return claimsOf(workspaceId, key, request, parseSecretList("LEDGER_SECRETS", setting));
}

/** Sends a command to a cell. */
export async function accept(workspace: TestWorkspace, command: AcceptCommand): Promise<AcceptOutcome> {
  const outcome = await workspace.cell.accept(OPERATOR, command);
  if (outcome.kind === "unauthorized") throw new Error("the operator was refused");
  return outcome;
}

/** Sends a command that must be accepted. */
export async function accepted(workspace: TestWorkspace, over: Partial<AcceptCommand> = {}): Promise<Accepted> {
  const outcome = await accept(workspace, aCommand(over));
  if (outcome.kind !== "accepted") throw new Error(`expected an accepted event: ${outcome.kind}`);
  return outcome;
}

/**
 * Calls a cell from inside its object, and gives what it threw: an exception that crosses an RPC is reported as
 * unhandled a second time.
 */
export async function thrownBy(
  workspace: TestWorkspace,
  call: (cell: WorkspaceCell) => Promise<unknown>,
): Promise<string | null> {
  return await runInDurableObject<WorkspaceCell, string | null>(workspace.cell, async (cell) => {
    try {
      await call(cell);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  });
}
