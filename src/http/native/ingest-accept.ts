// How a page's items reach the cell: in order, in slices of one transaction each. What an earlier slice took is told
// even when a later one could not be sent: the page repeats what failed, and nothing else.
import { callCell, CellUnavailable } from "../../cell/cell-client.ts";
import type { AcceptCommand, AcceptOutcome } from "../../cell/command.ts";
import { firstWinsClaims } from "../../crypto/claim.ts";
import type { RequestIssue } from "../../domain/errors.ts";
import { commandCharacters, MAX_SLICE_COMMANDS, slicesOf } from "../accept-slices.ts";
import { workspaceOf } from "../cell-access.ts";
import { keepRejected } from "../compat/vendor-accept.ts";
import type { HttpContext } from "../context.ts";
import { Failure, outboxFull } from "../errors.ts";
import type { SentItem } from "../json-items.ts";
import { commandOfItem, messageIdOf, type Consent } from "./ingest-request.ts";
import { CONSENT_REVOKED, INVALID_INPUT, outcomeOf, WRITE_FAILED, type IngestResult } from "./ingest-view.ts";

/** Issues told of one rejected item. */
const MAX_TOLD_ISSUES = 5;

/**
 * Accepts items in order, so that an identify serves the items after it.
 *
 * @returns one result each
 * @throws Failure `unauthorized`; `unavailable`, or CellUnavailable, when of nothing is known that it was taken
 */
export async function acceptItems(
  c: HttpContext,
  items: readonly SentItem[],
  consent: Consent,
): Promise<IngestResult[]> {
  if (consent.analytics === false) {
    // Not even looked into: what a visitor did not agree to is neither judged nor kept.
    return items.map(({ value }) => ({ messageId: messageIdOf(value), outcome: CONSENT_REVOKED, issues: [] }));
  }
  const { ledgerSecrets } = c.get("services");
  const workspaceId = workspaceOf(c);
  const commands = items.map((item) =>
    commandOfItem(item, consent, (id) => firstWinsClaims(ledgerSecrets, "ingest.message", workspaceId, id)),
  );
  const answers = await acceptInSlices(
    c,
    commands.flatMap((command) => (command.ok ? [command.value] : [])),
  );
  let answered = 0;
  return items.map(({ value }, i) => {
    const messageId = messageIdOf(value);
    const command = commands[i];
    if (command?.ok === false) return { messageId, outcome: INVALID_INPUT, issues: command.error };
    const answer = answers[answered];
    answered += 1;
    return { messageId, ...(answer === undefined ? { outcome: WRITE_FAILED, issues: [] } : outcomeOf(answer)) };
  });
}

/** Keeps what a batch that is answered with success could not take. */
export async function keepRejectedItems(
  c: HttpContext,
  items: readonly SentItem[],
  results: readonly IngestResult[],
): Promise<void> {
  const rejected = items.flatMap((item, i) => {
    const { outcome, issues } = results[i] as IngestResult;
    if (outcome.status !== "rejected") return [];
    const message = issues.length === 0 ? "The item names two different people." : toldOf(issues);
    return [{ source: "ingest" as const, reason: outcome.reason, message, payloadJson: payloadOf(item) }];
  });
  try {
    await keepRejected(c, rejected);
  } catch (error) {
    // The page is told of each item in the answer. Failing now would have it repeat what was taken.
    if (!(error instanceof CellUnavailable)) throw error;
  }
}

/** @returns one answer for each command, or fewer when the cell could not take the rest */
async function acceptInSlices(c: HttpContext, commands: readonly AcceptCommand[]): Promise<AcceptOutcome[]> {
  const caller = c.get("caller");
  const answers: AcceptOutcome[] = [];
  const isAnyTaken = (): boolean => answers.some(({ kind }) => kind === "accepted");
  for (const slice of slicesOf(commands, MAX_SLICE_COMMANDS, commandCharacters)) {
    try {
      const answer = await callCell(c.env, workspaceOf(c), async (cell) => await cell.acceptMany(caller, slice));
      c.set("callerChecked", true);
      if (answer.kind === "unauthorized") throw new Failure({ code: "unauthorized" });
      answers.push(...answer.outcomes);
    } catch (error) {
      if (!(error instanceof CellUnavailable) || !isAnyTaken()) throw error;
      break;
    }
    // A later item may need the person of one that failed: tried now, it would be dropped instead of repeated.
    if (answers.at(-1)?.kind === "outbox_full") break;
  }
  if (!isAnyTaken() && answers.some(({ kind }) => kind === "outbox_full")) throw new Failure(outboxFull());
  return answers;
}

/** As it was sent; nothing of what cannot be looked into. */
function payloadOf({ value, issue }: SentItem): string | null {
  return issue === null ? JSON.stringify(value) : null;
}

function toldOf(issues: readonly RequestIssue[]): string {
  return issues
    .slice(0, MAX_TOLD_ISSUES)
    .map(({ path, message }) => `${path}: ${message}`)
    .join(" ");
}
