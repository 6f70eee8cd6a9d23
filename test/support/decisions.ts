// What journeys decided about an event, as its receipt says it.
import type { AcceptCommand } from "../../src/cell/command.ts";
import type { ReceiptEntry } from "../../src/domain/event.ts";
import type { Json } from "../../src/domain/json.ts";
import { accepted } from "./commands.ts";
import type { TestWorkspace } from "./workspace.ts";

/** Sends an event and gives the receipt's entries. */
export async function decisionsOf(
  workspace: TestWorkspace,
  over: Partial<AcceptCommand> = {},
): Promise<ReceiptEntry[]> {
  const { receiptJson } = await accepted(workspace, over);
  return (JSON.parse(receiptJson ?? "") as { journeys: ReceiptEntry[] }).journeys;
}

/** Sends an event and gives the reasons, journey by journey. */
export async function reasonOf(workspace: TestWorkspace, over: Partial<AcceptCommand> = {}): Promise<string> {
  return (await decisionsOf(workspace, over)).map(({ reason }) => reason).join(" ");
}

/** An event's data, as a command carries it. */
export function withData(data: Json): Partial<AcceptCommand> {
  return { dataJson: JSON.stringify(data) };
}
