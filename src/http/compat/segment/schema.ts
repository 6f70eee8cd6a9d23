// A call of the Segment door as the vendor documents it: its types, what each needs, and its limits. What is wrong
// with one call is a reason of its own: the request still succeeds, and the call is kept among the rejected events.
// Source: Segment HTTP API, 2025-11-07.
import { isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import { err, ok, type Result } from "../../../domain/result.ts";
import { checkShape, isTooLong } from "../../json-body.ts";

export const CALL_TYPES = ["track", "identify", "page", "screen", "group", "alias"] as const;
export type CallType = (typeof CALL_TYPES)[number];

/** "32KB per normal request" and per event of a batch, in the larger reading; of a request once it is inflated. */
export const MAX_CALL_BYTES = 32 * 1024;
/** "500KB per request", likewise. */
export const MAX_BATCH_BYTES = 500 * 1024;
/**
 * Of a batch's events together as they are stored, each with the batch's own context, as JSON text: ten times what a
 * batch may be. Without a bound 2,500 small events under a large context would be 80 MB.
 */
export const MAX_MERGED_CHARACTERS = 5_000_000;
/** "2500 events per batch". */
export const MAX_BATCH_EVENTS = 2_500;
/** "messageId < 100 characters". */
const MAX_MESSAGE_ID_CHARACTERS = 99;
const MAX_NAME_CHARACTERS = 255;
/** Objects and arrays inside each other, the call itself included: the vendor names no bound, recursion needs one. */
const MAX_CALL_DEPTH = 100;

export type RejectionReason =
  | "no_user_anon_id"
  | "event_name_missing"
  | "event_name_too_long"
  | "group_id_missing"
  | "previous_id_missing"
  | "user_id_missing"
  | "message_id_too_long"
  | "event_too_large"
  | "event_too_deep"
  | "too_many_events"
  | "unknown_type"
  | "invalid_item"
  | "profile_too_large";

export interface Rejection {
  reason: RejectionReason;
  message: string;
}

/** A call that has what its type needs, but for who it is about. */
export interface SegmentCall {
  type: CallType;
  /** Of a track call; the others have a name of ours. */
  event: string | null;
  messageId: string | null;
  userId: Json | undefined;
  anonymousId: Json | undefined;
  groupId: string | null;
  previousId: Json | undefined;
  /** Of a page or a screen, as sent; `undefined` = none. */
  name: Json | undefined;
  category: Json | undefined;
  properties: JsonObject;
  traits: JsonObject;
  context: JsonObject;
  integrations: JsonObject;
  timestamp: Json | undefined;
  sentAt: Json | undefined;
}

/** What a batch says for each of its calls; a call of its own has none. */
export interface BatchDefaults {
  context: JsonObject;
  integrations: JsonObject;
  sentAt: Json | undefined;
}

/**
 * Reads one call.
 *
 * @param value  as parsed
 * @param type   what the path says it is; `null` = the call says so itself, as in a batch
 */
export function readCall(value: Json, type: CallType | null, defaults: BatchDefaults): Result<SegmentCall, Rejection> {
  if (!isJsonObject(value)) return refused("invalid_item", "An event must be an object.");
  // A call of its own was measured as it came.
  const size = depthRejection(value) ?? (type === null ? sizeRejection(value) : null);
  if (size !== null) return err(size);
  const said = type ?? CALL_TYPES.find((one) => one === value["type"]);
  if (said === undefined) return refused("unknown_type", `type must be one of ${CALL_TYPES.join(", ")}.`);
  const messageId = readMessageId(value["messageId"]);
  if (!messageId.ok) return messageId;
  const event = said === "track" ? readEventName(value["event"]) : ok(null);
  if (!event.ok) return event;
  const groupId = readText(value["groupId"]);
  if (said === "group" && groupId === null) return refused("group_id_missing", "A group call must have a groupId.");

  const objects = readObjects(value, defaults);
  if (!objects.ok) return objects;
  const { userId, anonymousId, previousId, name, category } = value;
  return ok({
    type: said,
    event: event.value,
    messageId: messageId.value,
    userId,
    anonymousId,
    groupId,
    previousId,
    name,
    category,
    ...objects.value,
    timestamp: present(value["timestamp"]) ?? value["originalTimestamp"],
    sentAt: present(value["sentAt"]) ?? defaults.sentAt,
  });
}

/** Whether a part that may be left out is none: `null` is, and so is the empty list that PHP writes for an object. */
function isAbsent(value: Json | undefined): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** Whether a value is nested no deeper than a call may be: what is deeper cannot be written as text again. */
export function isShallow(value: Json): boolean {
  const maxBytes = Number.POSITIVE_INFINITY;
  const shape = { maxBytes, maxDepth: MAX_CALL_DEPTH, maxKeys: maxBytes, maxStringBytes: maxBytes };
  return checkShape(value, shape) === null;
}

function depthRejection(value: JsonObject): Rejection | null {
  if (isShallow(value)) return null;
  return { reason: "event_too_deep", message: `The event is nested deeper than ${MAX_CALL_DEPTH} levels.` };
}

function sizeRejection(value: JsonObject): Rejection | null {
  if (!isTooLong(JSON.stringify(value), MAX_CALL_BYTES)) return null;
  return { reason: "event_too_large", message: `The event is larger than ${MAX_CALL_BYTES} bytes.` };
}

function readMessageId(value: Json | undefined): Result<string | null, Rejection> {
  if (value === undefined || value === null || value === "") return ok(null);
  if (typeof value !== "string" && typeof value !== "number") {
    return refused("invalid_item", "messageId must be a string.");
  }
  const text = String(value);
  if (text.length > MAX_MESSAGE_ID_CHARACTERS) {
    return refused("message_id_too_long", `messageId must be at most ${MAX_MESSAGE_ID_CHARACTERS} characters.`);
  }
  // As bytes two lone surrogates are one: the second event would be taken for the first.
  return text.isWellFormed() ? ok(text) : refused("invalid_item", "messageId must be well-formed Unicode.");
}

function readEventName(value: Json | undefined): Result<string, Rejection> {
  if (typeof value !== "string" || value === "") {
    return refused("event_name_missing", "A track call must have an event: a string that is not empty.");
  }
  if (value.length > MAX_NAME_CHARACTERS) {
    return refused("event_name_too_long", `event must be at most ${MAX_NAME_CHARACTERS} characters.`);
  }
  return value.isWellFormed() && !value.includes("\0")
    ? ok(value)
    : refused("invalid_item", "event must be well-formed Unicode without the character U+0000.");
}

function readObjects(
  value: JsonObject,
  defaults: BatchDefaults,
): Result<Pick<SegmentCall, "properties" | "traits" | "context" | "integrations">, Rejection> {
  for (const name of ["properties", "traits", "context", "integrations"]) {
    const part = value[name];
    if (!isAbsent(part) && !isJsonObject(part)) return refused("invalid_item", `${name} must be an object.`);
  }
  const context = { ...defaults.context, ...objectOf(value["context"]) };
  const { traits } = context;
  if (!isAbsent(traits) && !isJsonObject(traits)) return refused("invalid_item", "context.traits must be an object.");
  return ok({
    properties: objectOf(value["properties"]),
    traits: objectOf(value["traits"]),
    context,
    integrations: { ...defaults.integrations, ...objectOf(value["integrations"]) },
  });
}

/** A part that may be left out, as an object. */
export function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** A text, or a number as its text; `null` when there is none. */
function readText(value: Json | undefined): string | null {
  return (typeof value === "string" && value !== "") || typeof value === "number" ? String(value) : null;
}

function present(value: Json | undefined): Json | undefined {
  return value === null ? undefined : value;
}

function refused(reason: RejectionReason, message: string): Result<never, Rejection> {
  return err({ reason, message });
}
