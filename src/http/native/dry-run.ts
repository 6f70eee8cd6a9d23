// `POST /api/v1/events?dryRun=true`: what an event would do. Nothing is stored and no key is used up.
import * as v from "valibot";
import type { DryRun } from "../../cell/asking.ts";
import { callCell } from "../../cell/cell-client.ts";
import { count, id } from "../answer-fields.ts";
import { workspaceOf } from "../cell-access.ts";
import type { HttpContext } from "../context.ts";
import { Failure } from "../errors.ts";
import { receiptAnswer } from "./event-view.ts";
import { errorOf } from "./refused-event.ts";
import { commandOf, type TrackRequest } from "./track-request.ts";

export const dryRunAnswer = v.object({
  dryRun: v.literal(true),
  /** `null` if a new profile would be made. */
  profileId: v.nullable(id),
  matchedJourneys: count,
  enrolledJourneys: count,
  skippedJourneys: count,
  receipt: receiptAnswer,
  /** Journeys that would listen to this name if they were active. */
  inactive: v.array(v.object({ key: v.string(), status: v.picklist(["draft", "paused"]) })),
  /** Names that active journeys listen to and that differ only slightly from this one, the most alike first. */
  similarEvents: v.array(v.string()),
});

/** Answers what accepting a request would do. */
export async function answerDryRun(c: HttpContext, request: TrackRequest): Promise<Response> {
  const command = commandOf(request, [], { source: "api", wantsReceipt: true });
  if (!command.ok) throw new Failure({ code: "invalid_request", issues: [command.error] });
  const caller = c.get("caller");
  const answer = await callCell(c.env, workspaceOf(c), async (cell) => await cell.dryRun(caller, command.value));
  c.set("callerChecked", true);
  const { profileId, receipt, inactive, similarEvents } = rehearsedOrFail(answer);
  const matched = receipt.journeys.length;
  const enrolled = receipt.journeys.filter(({ outcome }) => outcome === "enrolled").length;
  return c.json(
    {
      dryRun: true,
      profileId,
      matchedJourneys: matched,
      enrolledJourneys: enrolled,
      skippedJourneys: matched - enrolled,
      receipt,
      inactive,
      similarEvents,
    },
    200,
  );
}

function rehearsedOrFail(answer: DryRun | { kind: "unauthorized" }): Extract<DryRun, { kind: "rehearsed" }> {
  if (answer.kind === "rehearsed") return answer;
  throw new Failure(answer.kind === "unauthorized" ? { code: "unauthorized" } : errorOf(answer));
}
