// Greenflash's door: `POST /events` with a secret key. A repeated insertId is the first event again, never an error.
// An event may be about nobody: a conversation or an organization is found by its referenceId.
// Source: Greenflash's API reference, "Create event"; what it leaves open: docs/moving-from/greenflash.md.
import { Hono } from "hono";
import { firstWinsClaims, type KeyClaim } from "../../../crypto/claim.ts";
import { askCell, workspaceOf } from "../../cell-access.ts";
import type { HttpContext, HttpEnv } from "../../context.ts";
import { Failure } from "../../errors.ts";
import { useKey } from "../../middleware/credentials.ts";
import { newId } from "../../new-id.ts";
import { check } from "../../validation.ts";
import type { Adapter } from "../adapter.ts";
import { acceptAll, type VendorOutcome } from "../vendor-accept.ts";
import { readVendorObject, type VendorBodyLimits } from "../vendor-body.ts";
import { renderGreenflashError } from "./errors.ts";
import { isSampledOut, sampledOutEventId } from "./sampling.ts";
import { createEvent } from "./schema.ts";
import { commandOf } from "./translate.ts";

/** None is published; ours. */
const BODY_LIMITS: VendorBodyLimits = { maxBytes: 1024 * 1024, maxDepth: 100 };

const BEARER = /^bearer +(.+)$/i;

const routes = new Hono<HttpEnv>();

routes.on("POST", ["/events", "/events/"], create);

export const greenflash: Adapter = { path: "/greenflash/api/v1", routes, renderError: renderGreenflashError };

async function create(c: HttpContext): Promise<Response> {
  const [, key = ""] = BEARER.exec(c.req.header("authorization") ?? "") ?? [];
  useKey(c, "secret", key.trim(), ["events:write"]);
  const body = await readVendorObject(c.req.raw, BODY_LIMITS);
  const sent = check(createEvent, body);
  const workspaceId = workspaceOf(c);
  // An empty text is what a client sends that has no id: taken for one, it would make all its events the same event.
  const insertId = sent.insertId === "" ? undefined : sent.insertId;

  const { ledgerSecrets } = c.get("services");
  const claims =
    insertId === undefined ? [] : firstWinsClaims(ledgerSecrets, "greenflash.event", workspaceId, insertId);
  if (isSampledOut(workspaceId, sent)) {
    const eventId = insertId === undefined ? newId() : await sampledOutAnswer(c, insertId, claims);
    return c.json({ success: true, eventId }, 200);
  }
  const [outcome] = await acceptAll(c, [commandOf(sent, body, claims)]);
  const { eventId, replayed } = acceptedOrFail(outcome);
  return c.json({ success: true, eventId }, replayed ? 200 : 201);
}

/** An event that was stored under the same insertId is the answer, whatever the rate has become since. */
async function sampledOutAnswer(c: HttpContext, insertId: string, claims: KeyClaim[]): Promise<string> {
  const stored = await askCell(c, async (cell, caller) => await cell.findAccepted(caller, claims));
  return stored ?? sampledOutEventId(workspaceOf(c), insertId);
}

function acceptedOrFail(outcome: VendorOutcome | undefined): Extract<VendorOutcome, { kind: "accepted" }> {
  if (outcome?.kind === "accepted") return outcome;
  if (outcome?.kind === "profile_not_found") throw new Failure({ code: "not_found" });
  // This door writes no properties and refuses no conflict of identities.
  throw new Error(`an event was answered ${outcome?.kind}`);
}
