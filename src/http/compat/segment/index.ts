// The door for Segment's and RudderStack's clients. A call that is JSON, not too large and under a known key is
// answered with success, whatever is wrong with it: what cannot be taken is kept among the rejected events.
// Source: Segment HTTP API, 2025-11-07; paths with one letter and `import`: the vendor's clients.
import { Hono } from "hono";
import type { JsonObject } from "../../../domain/json.ts";
import type { HttpContext, HttpEnv } from "../../context.ts";
import { Failure } from "../../errors.ts";
import { invalidBody, isTooLong } from "../../json-body.ts";
import type { Adapter } from "../adapter.ts";
import { readVendorObject } from "../vendor-body.ts";
import { renderSegmentError } from "./errors.ts";
import { isShallow, MAX_BATCH_BYTES, MAX_CALL_BYTES, objectOf, type BatchDefaults, type CallType } from "./schema.ts";
import { takeCalls } from "./take-calls.ts";
import { useBasicKey, useBodyKey } from "./write-key.ts";

/** Each call's path, and the letter that the browser's client uses for it. */
const CALL_PATHS: Record<CallType, readonly string[]> = {
  track: ["track", "t"],
  identify: ["identify", "i"],
  page: ["page", "p"],
  screen: ["screen", "s"],
  group: ["group", "g"],
  alias: ["alias", "a"],
};
/** `import` is what the PHP client calls a batch. */
const BATCH_PATHS = ["batch", "b", "import"];

const NO_DEFAULTS: BatchDefaults = { context: {}, integrations: {}, sentAt: undefined };

const routes = new Hono<HttpEnv>();

for (const [type, names] of Object.entries(CALL_PATHS) as [CallType, readonly string[]][]) {
  routes.on("POST", spellings(names), async (c) => {
    const body = await readKeyedBody(c, MAX_CALL_BYTES);
    await takeCalls(c, [body], type, NO_DEFAULTS);
    return c.json({ success: true });
  });
}

routes.on("POST", spellings(BATCH_PATHS), async (c) => {
  const body = await readKeyedBody(c, MAX_BATCH_BYTES);
  const { batch } = body;
  if (!Array.isArray(batch)) throw invalidBody("batch must be an array of events.");
  await takeCalls(c, batch, null, defaultsOf(body));
  return c.json({ success: true });
});

export const segment: Adapter = {
  path: "/segment",
  routes,
  renderError: renderSegmentError,
  cors: {
    methods: ["POST"],
    allowHeaders: ["authorization", "content-type", "x-retry-count"],
    exposeHeaders: ["retry-after", "x-rejected-events", "x-request-id"],
    // The browser's client can be told to send them.
    credentials: true,
  },
};

/** Reads a body and lets in its key: one in a header before the body is read. @throws Failure */
async function readKeyedBody(c: HttpContext, maxBytes: number): Promise<JsonObject> {
  const isKeyed = useBasicKey(c);
  // How deep an event may be is that event's own question.
  const body = await readVendorObject(c.req.raw, { maxBytes, maxDepth: Number.POSITIVE_INFINITY });
  if (!isKeyed) useBodyKey(c, body);
  return body;
}

/** What a batch says for all of its events. It is stored with each of them, so it is no larger than one may be. */
function defaultsOf({ context, integrations, sentAt }: JsonObject): BatchDefaults {
  const shared = { context: objectOf(context), integrations: objectOf(integrations) };
  if (!isShallow(shared)) throw invalidBody("The batch's context or integrations are nested too deep.");
  if (isTooLong(JSON.stringify(shared), MAX_CALL_BYTES)) {
    throw new Failure({ code: "payload_too_large", maxBytes: MAX_CALL_BYTES });
  }
  return { ...shared, sentAt };
}

function spellings(names: readonly string[]): string[] {
  return names.flatMap((name) => [`/v1/${name}`, `/v1/${name}/`]);
}
