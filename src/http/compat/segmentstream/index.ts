// SegmentStream's door: `POST /track` as its HTTP API documents it, and `POST /collect`, which only its browser SDK
// calls. Every call that can be read is a 204; a hit that cannot be taken is kept among the rejected events.
// Source: SegmentStream's HTTP Tracking API; what its SDK sends; what both leave open: docs/moving-from/segmentstream.md.
import { Hono } from "hono";
import { firstWinsClaims } from "../../../crypto/claim.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { REJECTED_EVENTS_HEADER } from "../../answer-fields.ts";
import { workspaceOf } from "../../cell-access.ts";
import type { HttpContext, HttpEnv } from "../../context.ts";
import { useKey } from "../../middleware/credentials.ts";
import type { Adapter } from "../adapter.ts";
import { acceptAll, keepRejected } from "../vendor-accept.ts";
import { readVendorObject, type VendorBodyLimits } from "../vendor-body.ts";
import { renderSegmentStreamError } from "./errors.ts";
import { PROFILE_TOO_LARGE, readHit, type Refusal } from "./schema.ts";
import { commandOf } from "./translate.ts";

/** "Max request size is 64kb per call." The depth is ours: none is published. */
const BODY_LIMITS: VendorBodyLimits = { maxBytes: 64 * 1024, maxDepth: 100 };

const BASIC = /^basic +(\S+)\s*$/i;

const routes = new Hono<HttpEnv>();

routes.on("POST", ["/track", "/track/"], track);
routes.on("POST", ["/collect", "/collect/"], collect);

export const segmentstream: Adapter = {
  path: "/segmentstream",
  routes,
  renderError: renderSegmentStreamError,
  cors: {
    methods: ["POST", "OPTIONS"],
    allowHeaders: ["authorization", "content-type"],
    exposeHeaders: ["x-request-id", REJECTED_EVENTS_HEADER],
    // The SDK asks for it: without it the page's own code sees a failed request.
    credentials: true,
  },
};

async function track(c: HttpContext): Promise<Response> {
  useWriteKey(c, tokenOf(c.req.header("authorization") ?? ""));
  return await take(c, await readVendorObject(c.req.raw, BODY_LIMITS));
}

/** The SDK has no credential but the project's id, which is in the body. */
async function collect(c: HttpContext): Promise<Response> {
  const body = await readVendorObject(c.req.raw, BODY_LIMITS);
  useWriteKey(c, typeof body["projectId"] === "string" ? body["projectId"] : "");
  return await take(c, body);
}

async function take(c: HttpContext, body: JsonObject): Promise<Response> {
  const hit = readHit(body);
  if (!hit.ok) return await reject(c, body, hit.error);
  const { ledgerSecrets } = c.get("services");
  const { hitId } = hit.value;
  const claims = hitId === null ? [] : firstWinsClaims(ledgerSecrets, "segmentstream.hit", workspaceOf(c), hitId);
  const [outcome] = await acceptAll(c, [commandOf(hit.value, claims)]);
  if (outcome?.kind === "profile_too_large") return await reject(c, body, PROFILE_TOO_LARGE);
  // This door finds or makes everybody it names, and refuses no conflict of identities.
  if (outcome?.kind !== "accepted") throw new Error(`a hit was answered ${outcome?.kind}`);
  return c.body(null, 204);
}

async function reject(c: HttpContext, body: JsonObject, refusal: Refusal): Promise<Response> {
  await keepRejected(c, [{ source: "segmentstream", ...refusal, payloadJson: JSON.stringify(body) }]);
  return c.body(null, 204);
}

function useWriteKey(c: HttpContext, key: string): void {
  useKey(c, "write", key, ["events:write"]);
}

/** The token of `Basic base64(token + ":")`; the empty text when there is none. */
function tokenOf(header: string): string {
  const [, encoded = ""] = BASIC.exec(header) ?? [];
  try {
    const [token = ""] = atob(encoded).split(":");
    return token;
  } catch {
    return "";
  }
}
