// Events: accept one, read one, list. A batch of them: events-batch.ts.
import { Hono } from "hono";
import * as v from "valibot";
import { callCell } from "../../cell/cell-client.ts";
import type { Accepted, AcceptOutcome } from "../../cell/command.ts";
import { claimsFor } from "../../crypto/claim.ts";
import { listEvents, type EventFilters } from "../../d1/user-events.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { askReadModel, requireStanding, workspaceOf } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { listOf, readPage, writeCursor } from "../pagination.ts";
import { check, profileId, shortText } from "../validation.ts";
import {
  acceptedAnswer,
  acceptedFields,
  acceptedWithReceipt,
  eventAnswer,
  eventJson,
  listedEventAnswer,
  receiptJsonOf,
} from "./event-view.ts";
import { answerDryRun, dryRunAnswer } from "./dry-run.ts";
import { eventsBatch } from "./events-batch.ts";
import { findEvent } from "./find-event.ts";
import { familyOf } from "./profile-family.ts";
import { errorOf } from "./refused-event.ts";
import { commandOf, dateTime, fingerprinted, idempotencyKey, trackRequest } from "./track-request.ts";

/** `?include=receipt` varies the answer; `?dryRun=true` asks what the answer would be. */
const acceptQuery = v.object({
  include: v.optional(v.literal("receipt", "Must be receipt, or left out.")),
  dryRun: v.optional(v.picklist(["true", "false"], "Must be true or false.")),
});

const listQuery = v.object({
  event: v.optional(shortText),
  profileId: v.optional(profileId),
  referenceId: v.optional(shortText),
  from: v.optional(dateTime),
  to: v.optional(dateTime),
});

const EXAMPLE_EVENT = {
  event: "order.created",
  profile: { email: "alex@example.com", externalId: "cus_123", properties: { plan: "Pro" } },
  data: { orderId: "ord_1001", total: 49 },
  referenceId: "ord_1001",
};

export const events = new Hono<HttpEnv>();

events.post(
  "/",
  apiKey("events:write"),
  described(
    {
      id: "trackEvent",
      summary: "Accept a business event",
      description:
        "Resolves the person, stores the event exactly once, decides which journeys it starts, and answers with that " +
        "decision. The same request again under the same key answers the same bytes, with `idempotent-replayed: true`. " +
        "`dryRun=true` answers what would happen and stores nothing; it needs no key, and takes no notice of one.",
      headers: v.object({ "idempotency-key": idempotencyKey }),
      query: acceptQuery,
      body: { schema: trackRequest, example: EXAMPLE_EVENT },
      answers: {
        200: { description: "With `dryRun=true`: what accepting it would do.", body: dryRunAnswer },
        202: {
          description: "Accepted; with `include=receipt` also why each journey took the event or not.",
          body: acceptedAnswer,
          headers: { "idempotent-replayed": "`true` when this is the answer to an earlier request." },
        },
      },
      errors: ["idempotency_key_reuse"],
    },
    async (c) => {
      const { ledgerSecrets } = c.get("services");
      const query = check(acceptQuery, c.req.query(), "query");
      if (query.dryRun === "true") {
        return await answerDryRun(c, check(trackRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS)));
      }
      const key = check(idempotencyKey, c.req.header("idempotency-key"), "headers.idempotency-key");
      const request = check(trackRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const workspaceId = workspaceOf(c);
      const claims = claimsFor(ledgerSecrets, "events.track", workspaceId, key, fingerprinted(request));
      const command = commandOf(request, claims, { source: "api", wantsReceipt: query.include !== undefined });
      if (!command.ok) throw new Failure({ code: "invalid_request", issues: [command.error] });

      const caller = c.get("caller");
      const outcome = await callCell(c.env, workspaceId, async (cell) => await cell.accept(caller, command.value));
      c.set("callerChecked", true);
      const accepted = acceptedOrFail(outcome);
      const fields = acceptedFields(accepted);
      if (accepted.replayed) c.header("idempotent-replayed", "true");
      if (query.include === undefined) return c.json(fields, 202);
      const receiptJson = accepted.receiptJson ?? (await findReceiptJson(c, accepted.eventId));
      return c.body(acceptedWithReceipt(fields, receiptJson), 202, { "content-type": "application/json" });
    },
  ),
);

// Before what reads an event by its id, which would take the name for one.
events.route("/batch", eventsBatch);

events.get(
  "/",
  apiKey("events:read"),
  described(
    {
      id: "listEvents",
      summary: "List events, newest first",
      description:
        "`from` (inclusive) and `to` (exclusive) are instants of receipt; `profileId` covers merged profiles too. " +
        "Eventual: an event is listed within about a second.",
      query: listQuery,
      paged: true,
      answers: { 200: { description: "A page of events.", body: listOf(listedEventAnswer) } },
    },
    async (c) => {
      const page = readPage(c, (text) => UUID_PATTERN.test(text));
      const query = check(listQuery, c.req.query(), "query");
      const filters: EventFilters = {};
      if (query.event !== undefined) filters.event = query.event;
      if (query.referenceId !== undefined) filters.referenceId = query.referenceId;
      if (query.from !== undefined) filters.fromMs = Date.parse(query.from);
      if (query.to !== undefined) filters.toMs = Date.parse(query.to);
      if (query.profileId !== undefined) filters.profileIds = await familyOf(c, query.profileId);
      return await eventPage(c, filters, page);
    },
  ),
);

events.get(
  "/:eventId",
  apiKey("events:read"),
  described(
    {
      id: "readEvent",
      summary: "Read an event with its receipt",
      description: "Readable as soon as it was accepted.",
      answers: { 200: { description: "The event.", body: eventAnswer } },
    },
    async (c) => {
      const event = await findEvent(c, c.req.param("eventId"));
      if (event === null) throw new Failure({ code: "not_found" });
      return c.body(eventJson(event, `,"receipt":${receiptJsonOf(event)}`), 200, {
        "content-type": "application/json",
      });
    },
  ),
);

/** Answers one page of events, newest first. */
export async function eventPage(
  c: HttpContext,
  filters: EventFilters,
  page: { limit: number; before: string | null },
): Promise<Response> {
  await requireStanding(c);
  const { rows, next } = await askReadModel(
    async () => await listEvents(c.get("services").db, workspaceOf(c), filters, page),
  );
  const items = rows.map((row) => eventJson(row, row.data_omitted === 1 ? ',"dataOmitted":true' : ""));
  const body = `{"items":[${items.join(",")}],"nextCursor":${JSON.stringify(writeCursor(next))}}`;
  return c.body(body, 200, { "content-type": "application/json" });
}

/** JSON text of the receipt of an event that was accepted before; `null` when the event is no longer kept. */
async function findReceiptJson(c: HttpContext, eventId: string): Promise<string | null> {
  const event = await findEvent(c, eventId);
  return event === null ? null : receiptJsonOf(event);
}

function acceptedOrFail(outcome: AcceptOutcome | { kind: "unauthorized" }): Accepted {
  if (outcome.kind === "accepted") return outcome;
  throw new Failure(outcome.kind === "unauthorized" ? { code: "unauthorized" } : errorOf(outcome));
}
