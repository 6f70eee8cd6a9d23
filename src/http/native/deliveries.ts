// Deliveries: listed from D1; one is read in its cell, exactly and with its attempts, and sent once more.
import { Hono } from "hono";
import * as v from "valibot";
import { listDeliveries, type DeliveryFilters } from "../../d1/deliveries.ts";
import { UUID_PATTERN } from "../../domain/ids.ts";
import { askCell, askReadModel, requireStanding, workspaceOf } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { listOf, readPage, writeCursor } from "../pagination.ts";
import { check, profileId, shortText } from "../validation.ts";
import {
  DELIVERY_CHANNELS,
  DELIVERY_STATUSES,
  deliveryAnswer,
  deliveryItem,
  deliveryItemView,
  deliveryView,
} from "./delivery-view.ts";
import { familyOf } from "./profile-family.ts";
import { dateTime } from "./track-request.ts";

const listQuery = v.object({
  status: v.exactOptional(v.picklist(DELIVERY_STATUSES, `Must be one of ${DELIVERY_STATUSES.join(", ")}.`)),
  channel: v.exactOptional(v.picklist(DELIVERY_CHANNELS, `Must be one of ${DELIVERY_CHANNELS.join(", ")}.`)),
  profileId: v.exactOptional(profileId),
  enrollmentId: v.exactOptional(v.pipe(v.string(), v.regex(UUID_PATTERN, "Must be an enrollment's id."))),
  journeyKey: v.exactOptional(shortText),
  from: v.exactOptional(dateTime),
  to: v.exactOptional(dateTime),
});

export const deliveries = new Hono<HttpEnv>();

deliveries.get(
  "/",
  apiKey("deliveries:read"),
  described(
    {
      id: "listDeliveries",
      summary: "List deliveries, newest first",
      description:
        "`from` (inclusive) and `to` (exclusive) are about `createdAt`; `profileId` covers merged profiles too. " +
        "Eventual: a delivery is listed as it is within about a second.",
      query: listQuery,
      paged: true,
      answers: { 200: { description: "A page of deliveries.", body: listOf(deliveryItem) } },
    },
    async (c) => {
      const page = readPage(c, (text) => UUID_PATTERN.test(text));
      const { profileId: person, from, to, ...others } = check(listQuery, c.req.query(), "query");
      const filters: DeliveryFilters = others;
      if (from !== undefined) filters.fromMs = Date.parse(from);
      if (to !== undefined) filters.toMs = Date.parse(to);
      if (person !== undefined) filters.profileIds = await familyOf(c, person);
      await requireStanding(c);
      const { rows, next } = await askReadModel(
        async () => await listDeliveries(c.get("services").db, workspaceOf(c), filters, page),
      );
      return c.json({ items: rows.map(deliveryItemView), nextCursor: writeCursor(next) }, 200);
    },
  ),
);

deliveries.get(
  "/:id",
  apiKey("deliveries:read"),
  described(
    {
      id: "readDelivery",
      summary: "Read a delivery with its attempts",
      answers: { 200: { description: "The delivery.", body: deliveryAnswer } },
    },
    async (c) => {
      const id = c.req.param("id");
      const delivery = await askCell(c, async (cell, caller) => await cell.readDelivery(caller, id));
      return c.json(deliveryView(delivery), 200);
    },
  ),
);

deliveries.post(
  "/:id/redeliver",
  apiKey("deliveries:write"),
  described(
    {
      id: "redeliver",
      summary: "Send a failed delivery once more",
      description:
        "Under the same id, so that a receiver can tell it from another message; `attempts` go on counting, and it is " +
        "tried as often as a new one. 422 `not_redeliverable` unless it failed, or when what it was made of is no " +
        "longer kept.",
      answers: { 202: { description: "The delivery, pending again.", body: deliveryAnswer } },
      errors: ["not_redeliverable"],
    },
    async (c) => {
      const id = c.req.param("id");
      // Not repeated: a second call would find it pending, and refuse.
      const delivery = await askCell(c, async (cell, caller) => await cell.redeliver(caller, id), false);
      return c.json(deliveryView(delivery), 202);
    },
  ),
);
