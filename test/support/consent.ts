// Journeys that write to people, what stands against it, and what became of their messages.
import { runInDurableObject } from "cloudflare:test";
import type { AcceptCommand } from "../../src/cell/command.ts";
import { unsubscribe } from "../../src/cell/consent-commands.ts";
import type { SuppressionReason } from "../../src/domain/consent.ts";
import type { KnownProfile } from "../../src/domain/suppression.ts";
import type { WorkspaceSettings } from "../../src/domain/workspace.ts";
import { accepted, OPERATOR } from "./commands.ts";
import { messagesOf, type DeliveryState } from "./deliveries.ts";
import { anActiveJourney } from "./journeys.ts";
import { aWorkspace, type TestWorkspace } from "./workspace.ts";

/** An e-mail step to the person. */
export function anEmailStep(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { id: "news", type: "email", template: "news", ...over };
}

/** A workspace with some settings. */
export async function aSendingWorkspace(settings: Partial<WorkspaceSettings> = {}): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  await workspace.cell.changeWorkspace({ settings });
  return workspace;
}

/**
 * Starts a journey that begins with an e-mail to the person, as often as its event comes. It ends with a call in a year:
 * a journey of nothing but e-mail would keep out whom it may not write to.
 *
 * @returns its key, which is its event
 */
export async function aMailing(
  workspace: TestWorkspace,
  key = "news",
  over: Record<string, unknown> = {},
): Promise<string> {
  await anActiveJourney(workspace.cell, {
    key,
    entry: { event: key },
    eligibility: { reentry: "always", maxActive: 1_000 },
    steps: [
      anEmailStep(over),
      { id: "year", type: "delay", for: "P365D" },
      { id: "call", type: "webhook", url: "https://crm.example.com/year" },
    ],
  });
  return key;
}

/** Sends the event of a mailing. @returns the message that it made, or how it was kept out */
export async function aMessage(
  workspace: TestWorkspace,
  over: Partial<AcceptCommand> = {},
): Promise<DeliveryState & { profileId: string }> {
  const { profileId } = await accepted(workspace, { event: "news", ...over });
  const message = (await messagesOf(workspace)).at(-1);
  if (message === undefined) throw new Error("expected a message");
  return { ...message, profileId: profileId ?? "" };
}

/** A person, met without any message. @returns the profile's id */
export async function aPerson(workspace: TestWorkspace, over: Partial<AcceptCommand> = {}): Promise<string> {
  return (await accepted(workspace, { event: "seen", ...over })).profileId ?? "";
}

/** Suppresses a person. */
export async function suppress(
  workspace: TestWorkspace,
  profileId: string,
  reason: SuppressionReason,
  diagnosticCode: string | null = null,
): Promise<KnownProfile> {
  const result = await workspace.cell.suppressProfile(OPERATOR, profileId, { reason, diagnosticCode });
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

/** How a message stands: `pending`, `sent redirected`, `skipped unsubscribed`, … */
export async function standOf(workspace: TestWorkspace, id: string): Promise<string> {
  const message = (await messagesOf(workspace)).find((one) => one.id === id);
  if (message === undefined) throw new Error("expected a message");
  return message.reason === null ? message.status : `${message.status} ${message.reason}`;
}

/** Clicks the link in a message. */
export async function clickUnsubscribe({ cell }: TestWorkspace, deliveryId: string): Promise<void> {
  await runInDurableObject(cell, (object, { storage }) => {
    storage.transactionSync(() => unsubscribe(object["parts"], deliveryId, Date.now()));
  });
}
