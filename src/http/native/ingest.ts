// Browser ingest: what known people do on a page, and who they say they are. The key is in the body and public, so a
// page may add people only by identify, with an e-mail address, and may never say which tenant or profile is meant.
// Shapes: the published identified-ingest contract, version 1.
import { Hono } from "hono";
import type { WaypostError } from "../../domain/errors.ts";
import type { Json } from "../../domain/json.ts";
import { REJECTED_EVENTS_HEADER } from "../answer-fields.ts";
import type { Adapter } from "../compat/adapter.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure, renderError } from "../errors.ts";
import { NATIVE_LIMITS } from "../json-body.ts";
import { itemsOf, type ListLimits } from "../json-items.ts";
import { admitting, described, type Operation } from "../operation.ts";
import { acceptItems, keepRejectedItems } from "./ingest-accept.ts";
import {
  batchRequest,
  identifyRequest,
  MAX_BATCH_ITEMS,
  messageIdOf,
  readConsent,
  readKeyedBody,
  singleItem,
  trackRequest,
  WRITE_KEY,
} from "./ingest-request.ts";
import { batchAnswer, batchBody, SINGLE_ERROR_ANSWERS, singleAnswer, singleErrors } from "./ingest-view.ts";

/** Limits of a batch. @see docs/errors.md#limits */
const BATCH_LIMITS: ListLimits = { maxBytes: 1024 * 1024, maxItems: MAX_BATCH_ITEMS, item: NATIVE_LIMITS };

const PATH = "/api/v1/ingest";

const WRITE_KEY_EXAMPLE = "wp_wk_…";
const IDENTIFY_EXAMPLE = { messageId: "m-1", email: "alex@example.com", userId: "cus_123", traits: { plan: "Pro" } };
const TRACK_EXAMPLE = { messageId: "m-2", email: "alex@example.com", event: "cart.updated", properties: { items: 2 } };

const routes = new Hono<HttpEnv>();

routes.post(
  "/batch",
  admitting(
    WRITE_KEY,
    described(
      {
        id: "ingestBatch",
        summary: "Take up to 500 items from a page",
        description:
          "In order, each judged for itself. `track` and `page` are about people who are known already and never make " +
          "one; `identify` needs an e-mail address. Send what is `retryable` again, under the same `messageId`. With " +
          "`consent.analytics: false` every item is dropped unseen. After a 503 send the whole batch again.",
        body: {
          schema: batchRequest,
          example: {
            writeKey: WRITE_KEY_EXAMPLE,
            batch: [
              { type: "identify", ...IDENTIFY_EXAMPLE },
              { type: "track", ...TRACK_EXAMPLE },
              { type: "page", messageId: "m-3", userId: "cus_123", name: "Pricing" },
            ],
            consent: { analytics: true, marketing: false },
          },
        },
        answers: {
          200: {
            description: "What became of each item.",
            body: batchAnswer,
            headers: { [REJECTED_EVENTS_HEADER]: "How many were rejected, and are kept among the rejected events." },
          },
        },
      },
      async (c) => {
        const { body, text } = await readKeyedBody(c, BATCH_LIMITS.maxBytes);
        const consent = readConsent(body);
        const items = itemsOf(body, text, "batch", BATCH_LIMITS);
        const results = await acceptItems(c, items, consent);
        await keepRejectedItems(c, items, results);
        return c.json(batchBody(results));
      },
    ),
  ),
);

routes.post(
  "/identify",
  admitting(
    WRITE_KEY,
    described(
      single({
        id: "ingestIdentify",
        summary: "Take one identify from a page",
        description: "Finds or makes the person with this e-mail address, and merges `traits` into their properties.",
        body: { schema: identifyRequest, example: { writeKey: WRITE_KEY_EXAMPLE, ...IDENTIFY_EXAMPLE } },
        errors: ["identity_conflict"],
      }),
      async (c) => await takeSingle(c, "identify"),
    ),
  ),
);

routes.post(
  "/track",
  admitting(
    WRITE_KEY,
    described(
      single({
        id: "ingestTrack",
        summary: "Take one event from a page",
        description:
          "About somebody who is known already: otherwise it is `dropped`, and its `messageId` stays unused.",
        body: { schema: trackRequest, example: { writeKey: WRITE_KEY_EXAMPLE, ...TRACK_EXAMPLE } },
      }),
      async (c) => await takeSingle(c, "track"),
    ),
  ),
);

/** The door: its paths, and the frame around them, for every page on every site. */
export const ingest: Adapter = {
  path: PATH,
  routes,
  renderError: (error: WaypostError, c: HttpContext): Response => {
    if (c.req.path === `${PATH}/identify` || c.req.path === `${PATH}/track`) return singleErrors(null)(error, c);
    const { status, headers, body } = renderError(error);
    return c.json(body, status, headers);
  },
  cors: {
    methods: ["POST"],
    // Whatever a page's client asks for.
    allowHeaders: [],
    exposeHeaders: ["x-request-id", REJECTED_EVENTS_HEADER, "retry-after", "x-should-retry"],
    credentials: false,
  },
};

/** What the two calls that take one item have in common. */
function single(
  operation: Pick<Operation, "id" | "summary" | "description" | "errors"> & {
    body: { schema: typeof identifyRequest | typeof trackRequest; example: Json };
  },
): Operation {
  const { 400: invalid, 409: conflict, 503: unavailable } = SINGLE_ERROR_ANSWERS;
  return {
    ...operation,
    answers: {
      200: { description: "What became of it.", body: singleAnswer },
      400: invalid,
      ...(operation.errors === undefined ? {} : { 409: conflict }),
      503: unavailable,
    },
  };
}

async function takeSingle(c: HttpContext, type: "identify" | "track"): Promise<Response> {
  const sent = await readKeyedBody(c, NATIVE_LIMITS.maxBytes);
  const messageId = messageIdOf(sent.body);
  c.set("renderError", singleErrors(messageId));
  const results = await acceptItems(c, [singleItem(type, sent)], readConsent(sent.body));
  for (const { outcome, issues } of results) {
    if (outcome.status !== "rejected") return c.json({ messageId, ...outcome });
    throw new Failure(
      outcome.reason === "identity_conflict" ? { code: "identity_conflict" } : { code: "invalid_request", issues },
    );
  }
  throw new Error("an item was not judged");
}
