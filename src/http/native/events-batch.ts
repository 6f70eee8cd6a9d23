// A batch of events: each item is answered by its own merits, in order. Taken in slices, one transaction each; when a
// later slice cannot be taken the whole batch is a 503, and what was taken replays when it is sent again.
import { Hono } from "hono";
import * as v from "valibot";
import { callCell } from "../../cell/cell-client.ts";
import type { AcceptCommand, AcceptOutcome } from "../../cell/command.ts";
import { claimsFor, type KeyClaim } from "../../crypto/claim.ts";
import type { RequestIssue, WaypostError } from "../../domain/errors.ts";
import { isJsonObject } from "../../domain/json.ts";
import { err, type Result } from "../../domain/result.ts";
import { commandCharacters, MAX_SLICE_COMMANDS, slicesOf } from "../accept-slices.ts";
import { count } from "../answer-fields.ts";
import { workspaceOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { ENVELOPES } from "../error-answers.ts";
import { Failure, renderError, type Envelope } from "../errors.ts";
import { NATIVE_LIMITS } from "../json-body.ts";
import { readJsonItems, type ListLimits, type SentItem } from "../json-items.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check, shortText } from "../validation.ts";
import { acceptedAnswer, acceptedFields } from "./event-view.ts";
import { errorOf } from "./refused-event.ts";
import { commandOf, fingerprinted, trackRequest } from "./track-request.ts";

const MAX_BATCH_ITEMS = 500;

/** Limits of a batch. @see docs/errors.md#limits */
const BATCH_LIMITS: ListLimits = {
  maxBytes: 5 * 1024 * 1024,
  maxItems: MAX_BATCH_ITEMS,
  item: NATIVE_LIMITS,
  label: "idempotencyKey",
};

/** Issues told of one item: of five hundred items all together still make an answer that can be sent. */
const MAX_ITEM_ISSUES = 10;

const batchQuery = v.object({
  dryRun: v.optional(v.literal("false", "A batch cannot be run dry: leave it out.")),
});

/** HTTP takes white space off the ends of a header: kept here, a key would be another one than in the single call. */
const batchKey = v.pipe(
  shortText,
  v.check(
    (key) => !/^[\t\n\r ]|[\t\n\r ]$/.test(key),
    "Must not begin or end with white space: a header would lose it.",
  ),
);

const batchItem = v.object({ idempotencyKey: batchKey, ...trackRequest.entries });

const batchRequest = v.object({
  events: v.pipe(v.array(batchItem), v.minLength(1), v.maxLength(MAX_BATCH_ITEMS)),
});

const { receipt: _, ...acceptedEntries } = acceptedAnswer.entries;

const result = v.variant("status", [
  v.object({ index: count, status: v.picklist(["accepted", "replayed"]), ...acceptedEntries }),
  v.object({ index: count, status: v.literal("conflict"), error: ENVELOPES.idempotency_key_reuse }),
  v.object({ index: count, status: v.literal("invalid"), error: ENVELOPES.invalid_request }),
]);

const batchAnswer = v.object({
  results: v.array(result),
  summary: v.object({ accepted: count, replayed: count, conflict: count, invalid: count }),
});

type ItemResult = { index: number } & (
  | ({ status: "accepted" | "replayed" } & ReturnType<typeof acceptedFields>)
  | { status: "conflict" | "invalid"; error: Envelope }
);

/** A command and where in the batch it stands. */
interface Place {
  index: number;
  command: AcceptCommand;
}

const EXAMPLE_BATCH = {
  events: [
    { idempotencyKey: "signed-up:cus_123", event: "signed.up", profile: { externalId: "cus_123" } },
    {
      idempotencyKey: "order.created:1001",
      event: "order.created",
      profile: { externalId: "cus_123" },
      data: { total: 49 },
    },
  ],
};

export const eventsBatch = new Hono<HttpEnv>();

eventsBatch.post(
  "/",
  apiKey("events:write"),
  described(
    {
      id: "trackEvents",
      summary: "Accept up to 500 business events",
      description:
        "Each item is the body of a single event and its `idempotencyKey`, and is answered by its own merits, in order. " +
        "Keys are those of the single call: what was accepted there is a replay here. With a 503 some items may have " +
        "been accepted: send the whole batch again under the same keys, and those replay.",
      query: batchQuery,
      body: { schema: batchRequest, example: EXAMPLE_BATCH },
      answers: { 200: { description: "What became of each item.", body: batchAnswer } },
    },
    async (c) => {
      check(batchQuery, c.req.query(), "query");
      const results = await acceptItems(c, await readJsonItems(c.req.raw, "events", BATCH_LIMITS));
      const summary = { accepted: 0, replayed: 0, conflict: 0, invalid: 0 };
      for (const { status } of results) summary[status] += 1;
      return c.json({ results, summary });
    },
  ),
);

eventsBatch.all("/", () => {
  throw new Failure({ code: "method_not_allowed", allow: ["POST"] });
});

async function acceptItems(c: HttpContext, items: readonly SentItem[]): Promise<ItemResult[]> {
  const { ledgerSecrets } = c.get("services");
  const workspaceId = workspaceOf(c);
  const results: ItemResult[] = [];
  function* places(): Generator<Place> {
    for (const [index, item] of items.entries()) {
      const command = commandOfItem(item, (key, request) =>
        claimsFor(ledgerSecrets, "events.track", workspaceId, key, fingerprinted(request)),
      );
      if (command.ok) yield { index, command: command.value };
      else results[index] = refused(index, { code: "invalid_request", issues: command.error });
    }
  }
  for (const slice of slicesOf(places(), MAX_SLICE_COMMANDS, ({ command }) => commandCharacters(command))) {
    await acceptSlice(c, slice, results);
  }
  return results;
}

/**
 * Accepts one slice, and puts its results where they belong.
 *
 * @throws Failure `unauthorized` for a revoked key, `unavailable` when the outbox is full
 */
async function acceptSlice(c: HttpContext, slice: readonly Place[], results: ItemResult[]): Promise<void> {
  const caller = c.get("caller");
  const commands = slice.map(({ command }) => command);
  const answer = await callCell(c.env, workspaceOf(c), async (cell) => await cell.acceptMany(caller, commands));
  c.set("callerChecked", true);
  if (answer.kind === "unauthorized") throw new Failure({ code: "unauthorized" });
  for (const [i, outcome] of answer.outcomes.entries()) {
    const { index } = slice[i] as Place;
    results[index] = resultOf(index, outcome);
  }
}

function resultOf(index: number, outcome: AcceptOutcome): ItemResult {
  if (outcome.kind !== "accepted") return refused(index, errorOf(outcome));
  return { index, status: outcome.replayed ? "replayed" : "accepted", ...acceptedFields(outcome) };
}

/** @throws Failure when the error is not the item's own: the batch cannot go on */
function refused(index: number, error: WaypostError): ItemResult {
  const { body } = renderError(error);
  if (error.code === "idempotency_key_reuse") return { index, status: "conflict", error: body };
  if (error.code === "invalid_request") return { index, status: "invalid", error: body };
  throw new Failure(error);
}

function commandOfItem(
  { value, issue }: SentItem,
  claim: (key: string, request: v.InferOutput<typeof trackRequest>) => KeyClaim[],
): Result<AcceptCommand, RequestIssue[]> {
  if (issue !== null) return err([issue]);
  if (!isJsonObject(value)) return err([{ path: "item", message: "Must be a JSON object." }]);
  const checked = checkItem(value);
  if (!checked.ok) return checked;
  const { idempotencyKey, ...request } = checked.value;
  const command = commandOf(request, claim(idempotencyKey, request), { source: "batch", wantsReceipt: false });
  return command.ok ? command : err([command.error]);
}

function checkItem(value: unknown): Result<v.InferOutput<typeof batchItem>, RequestIssue[]> {
  try {
    return { ok: true, value: check(batchItem, value) };
  } catch (error) {
    if (!(error instanceof Failure) || error.error.code !== "invalid_request") throw error;
    const { issues } = error.error;
    if (issues.length <= MAX_ITEM_ISSUES) return err(issues);
    const more = { path: "item", message: "More is wrong with it: change what is told above first." };
    return err([...issues.slice(0, MAX_ITEM_ISSUES - 1), more]);
  }
}
