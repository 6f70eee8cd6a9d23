// Rows that the read model refuses: what they are, and what is to become of them.
import { Hono } from "hono";
import * as v from "valibot";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { id, instant } from "../answer-fields.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { cursorAfter, listOf, readPage } from "../pagination.ts";

const quarantinedRow = v.object({
  id,
  at: instant,
  /** The read model's table that refuses it. */
  table: v.string(),
  /** The id of the event, profile or enrollment. */
  rowId: v.string(),
  /** The read model's code for what is wrong; never a value. */
  error: v.string(),
});

export const quarantine = new Hono<HttpEnv>();

quarantine.get(
  "/",
  apiKey("events:read"),
  described(
    {
      id: "listQuarantine",
      summary: "List rows that the read model refuses, newest first",
      description: "They were accepted and are kept whole; only lists and searches lack them.",
      paged: true,
      answers: { 200: { description: "A page of rows.", body: listOf(quarantinedRow) } },
    },
    async (c) => {
      const { limit, before } = readPage(c, (text) => UUID_PATTERN.test(text));
      const page = await askCell(c, async (cell, caller) => await cell.listQuarantine(caller, limit, before));
      const items = page.items.map((row) => ({ ...row, at: new Date(row.at).toISOString() }));
      return c.json({ items, nextCursor: cursorAfter(page, (last) => last.id) }, 200);
    },
  ),
);

quarantine.post(
  "/:id/retry",
  apiKey("events:write"),
  described(
    {
      id: "retryQuarantined",
      summary: "Ask the read model again",
      description: "Refused again, the row is back in quarantine under another id.",
      answers: { 204: { description: "The row is on its way." } },
    },
    async (c) => {
      const rowId = c.req.param("id");
      await askCell(c, async (cell, caller) => await cell.retryQuarantined(caller, rowId), false);
      return c.body(null, 204);
    },
  ),
);

quarantine.post(
  "/:id/drop",
  apiKey("events:write"),
  described(
    {
      id: "dropQuarantined",
      summary: "Give a row up",
      description: "Final: an event is then nowhere, but for its idempotency key and what it started.",
      answers: { 204: { description: "The row is gone." } },
    },
    async (c) => {
      const rowId = c.req.param("id");
      await askCell(c, async (cell, caller) => await cell.dropQuarantined(caller, rowId), false);
      return c.body(null, 204);
    },
  ),
);
