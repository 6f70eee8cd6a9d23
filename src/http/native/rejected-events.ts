// What doors answered with success and could not take: kept for a week, with the reason.
import { Hono } from "hono";
import * as v from "valibot";
import { EVENT_SOURCES } from "../../domain/event.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { instant } from "../answer-fields.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { listOf, readPage, writeCursor } from "../pagination.ts";

const rejectedEventAnswer = v.object({
  at: instant,
  source: v.picklist(EVENT_SOURCES),
  reason: v.string(),
  message: v.string(),
  /** As it was sent, less its keys; `null` when it cannot be written as text again. */
  payload: v.unknown(),
});

export const rejectedEvents = new Hono<HttpEnv>();

rejectedEvents.get(
  "/",
  apiKey("events:read"),
  described(
    {
      id: "listRejectedEvents",
      summary: "List events that a vendor's door could not take, newest first",
      description:
        "Some vendors answer a call with success and drop what they cannot take. Here it is kept for seven days with " +
        "the reason; the answer to such a call has `x-rejected-events` with how many.",
      paged: true,
      answers: { 200: { description: "A page of rejected events.", body: listOf(rejectedEventAnswer) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const { items, more } = await askCell(c, async (cell, caller) => await cell.listRejected(caller, limit, before));
      const rendered = items.map(
        ({ at, source, reason, message, payloadJson }) =>
          `${JSON.stringify({ at: new Date(at).toISOString(), source, reason, message }).slice(0, -1)},"payload":${payloadJson ?? "null"}}`,
      );
      const next = writeCursor(more ? (items.at(-1)?.id ?? null) : null);
      return c.body(`{"items":[${rendered.join(",")}],"nextCursor":${JSON.stringify(next)}}`, 200, {
        "content-type": "application/json",
      });
    },
  ),
);
