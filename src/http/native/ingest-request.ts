// What pages send, and the command it becomes. The contract's item and the older, Segment-like one are both read: an
// anonymousId is passed over where somebody is named beside it, and a messageId may be missing.
// Shapes: the published identified-ingest contract, version 1.
import * as v from "valibot";
import type { AcceptCommand } from "../../cell/command.ts";
import type { KeyClaim } from "../../crypto/claim.ts";
import type { RequestIssue } from "../../domain/errors.ts";
import { hasOwn, isJsonObject, type Json, type JsonObject } from "../../domain/json.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { objectOf } from "../../domain/shapes.ts";
import { readIdentities } from "../compat/vendor-identities.ts";
import { vendorCommand } from "../compat/vendor-accept.ts";
import type { HttpContext } from "../context.ts";
import { Failure } from "../errors.ts";
import { checkShape, invalidBody, NATIVE_LIMITS, parseJson, readText } from "../json-body.ts";
import type { SentItem } from "../json-items.ts";
import { findRoundedNumber } from "../json-numbers.ts";
import { useKey } from "../middleware/credentials.ts";
import type { Access } from "../operation.ts";
import { check, jsonObject, shortText } from "../validation.ts";
import { dateTime } from "./track-request.ts";

export const MAX_BATCH_ITEMS = 500;

/** A page carries its key where no header is needed: a beacon has none, and a simple request needs no preflight. */
export const WRITE_KEY = { kind: "write_key_in_body", scopes: ["events:write"] } as const satisfies Access;

/** What names a tenant or a person of ours: a page's public key must not be able to choose either. */
const NEVER_ACCEPTED = ["organizationId", "sourceInstanceId", "identityNamespace", "profileId"];

const text = v.string("Must be a string.");

const item = {
  /** Names the item over retries: the first use wins. */
  messageId: v.nullish(shortText),
  email: v.nullish(text),
  userId: v.nullish(text),
  timestamp: v.nullish(dateTime),
  /** `wordpress`, `woocommerce`, `sdk`, `shopify`, or another name. */
  source: v.nullish(shortText),
  context: v.nullish(jsonObject),
};
const identifyFields = { ...item, email: text, traits: v.nullish(jsonObject) };
const trackFields = { ...item, event: shortText, properties: v.nullish(jsonObject) };
const pageFields = { ...item, name: v.nullish(text), properties: v.nullish(jsonObject) };

const ingestItem = v.variant("type", [
  v.object({ type: v.literal("identify"), ...identifyFields }),
  v.object({ type: v.literal("track"), ...trackFields }),
  v.object({ type: v.literal("page"), ...pageFields }),
]);

type IngestItem = v.InferOutput<typeof ingestItem>;

/** What the visitor agreed to. Not said is agreed: then the site asks nobody, or its consent tool sends nothing. */
const consent = v.nullish(
  objectOf(
    {
      analytics: v.nullish(v.boolean("Must be true or false.")),
      marketing: v.nullish(v.boolean("Must be true or false.")),
    },
    "Must be an object.",
  ),
);

const frame = { writeKey: v.string(), consent };

const sentConsent = v.object({ consent });

export const batchRequest = v.object({
  ...frame,
  batch: v.pipe(v.array(ingestItem), v.minLength(1), v.maxLength(MAX_BATCH_ITEMS)),
});

export const identifyRequest = v.object({ ...frame, ...identifyFields });

export const trackRequest = v.object({ ...frame, ...trackFields });

export interface Consent {
  analytics?: boolean;
  marketing?: boolean;
}

export interface KeyedBody {
  body: JsonObject;
  /** What it was parsed from. */
  text: string;
}

/**
 * Reads a body, whatever its content type says, and lets its write key in.
 *
 * @throws Failure `payload_too_large`, `invalid_request` when it is no JSON object, `unauthorized`,
 *         `insufficient_scope`
 */
export async function readKeyedBody(c: HttpContext, maxBytes: number): Promise<KeyedBody> {
  const sent = await readText(c.req.raw, maxBytes);
  const body = parseJson(sent);
  if (!isJsonObject(body)) throw invalidBody("The body is not a JSON object.");
  const writeKey = hasOwn(body, "writeKey") ? body["writeKey"] : null;
  useKey(c, "write", typeof writeKey === "string" ? writeKey : "", WRITE_KEY.scopes);
  return { body, text: sent };
}

/** Reads what a body says of consent. @throws Failure `invalid_request`: unclear consent is none */
export function readConsent(body: JsonObject): Consent {
  const { analytics, marketing } = check(sentConsent, body).consent ?? {};
  return {
    ...(typeof analytics === "boolean" ? { analytics } : {}),
    ...(typeof marketing === "boolean" ? { marketing } : {}),
  };
}

/** The one item of a call whose path says what it is. */
export function singleItem(type: "identify" | "track", { body, text: sent }: KeyedBody): SentItem {
  const issue = checkShape(body, NATIVE_LIMITS) ?? findRoundedNumber(sent);
  if (hasOwn(body, "type") && body["type"] !== type) {
    return { value: body, issue: { path: "type", message: `Must be ${type} here, or left out.` } };
  }
  return { value: { ...body, type }, issue };
}

/** An item's messageId, to answer it by, whatever else is wrong with the item. */
export function messageIdOf(value: Json): string | null {
  const messageId = isJsonObject(value) && hasOwn(value, "messageId") ? value["messageId"] : null;
  return typeof messageId === "string" ? messageId : null;
}

/**
 * Turns an item into a command.
 *
 * @param claim  makes the claims of a messageId
 * @returns issues when the item cannot be taken, whoever it is about
 */
export function commandOfItem(
  { value, issue }: SentItem,
  said: Consent,
  claim: (messageId: string) => KeyClaim[],
): Result<AcceptCommand, RequestIssue[]> {
  if (issue !== null) return err([issue]);
  const checked = checkItem(value);
  if (!checked.ok) return checked;
  const sent = checked.value;
  const { messageId, timestamp } = sent;
  const { identities, warnings, unusable } = readIdentities({ email: sent.email, externalId: sent.userId });
  if (unusable.includes("email")) return err([{ path: "email", message: "Must be an e-mail address." }]);
  if (unusable.length > 0) {
    return err([{ path: "userId", message: "Must be at most 255 characters of well-formed Unicode." }]);
  }
  if (sent.type === "identify" && identities.email === undefined) {
    return err([{ path: "email", message: "Is required: an e-mail address says who is identified." }]);
  }
  if (identities.email === undefined && identities.externalId === undefined) {
    return err([{ path: "email", message: "Is required, unless a userId says who the person is." }]);
  }
  const data = dataOf(sent, said);
  return ok(
    vendorCommand({
      source: "ingest",
      event: sent.type === "track" ? sent.event : `$${sent.type}`,
      // Whoever reads a page's source has its key: it may add what known people do, and nobody to the people.
      people: sent.type === "identify" ? "identify" : "find",
      identities,
      claims: messageId == null ? [] : claim(messageId),
      propertiesJson: sent.type === "identify" && sent.traits != null ? JSON.stringify(sent.traits) : null,
      dataJson: data === null ? null : JSON.stringify(data),
      occurredAt: timestamp == null ? null : new Date(timestamp).toISOString(),
      warnings,
    }),
  );
}

function checkItem(value: Json): Result<IngestItem, RequestIssue[]> {
  if (!isJsonObject(value)) return err([{ path: "item", message: "Must be a JSON object." }]);
  const barred = NEVER_ACCEPTED.filter((name) => hasOwn(value, name));
  if (barred.length > 0) {
    const message = "Is never accepted: the key says which workspace, an email or userId says who.";
    return err(barred.map((path) => ({ path, message })));
  }
  try {
    return ok(check(ingestItem, value));
  } catch (error) {
    if (error instanceof Failure && error.error.code === "invalid_request") return err(error.error.issues);
    throw error;
  }
}

/** The event's payload: what the page says of it, and under `context` what it says of itself. */
function dataOf(sent: IngestItem, said: Consent): JsonObject | null {
  const properties: JsonObject = (sent.type === "identify" ? null : sent.properties) ?? {};
  const context: JsonObject = {
    ...sent.context,
    ...(sent.source == null ? {} : { source: sent.source }),
    ...(Object.keys(said).length === 0 ? {} : { consent: { ...said } }),
  };
  const own = hasOwn(properties, "context") && isJsonObject(properties["context"]) ? properties["context"] : {};
  const data: JsonObject = {
    ...properties,
    ...(sent.type === "page" && sent.name != null ? { name: sent.name } : {}),
    ...(Object.keys(context).length === 0 ? {} : { context: { ...own, ...context } }),
  };
  return Object.keys(data).length === 0 ? null : data;
}
