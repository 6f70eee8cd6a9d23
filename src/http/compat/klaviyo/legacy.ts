// `track` and `identify` of the first version of the API: an event or a person as JSON, in base64 in the query or in
// a form, about somebody whose key is in it. Nothing may log such a request's URL: the person is in it.
import { Buffer } from "node:buffer";
import { hasOwn, isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import type { HttpContext } from "../../context.ts";
import { invalidBody } from "../../json-body.ts";
import { parseVendorJson, readVendorText } from "../vendor-body.ts";
import { readDateTime, readUnixSeconds, whyTimeIsRefused } from "./event-time.ts";
import { field, INVALID_PAYLOAD, missing, Problems } from "./json-api.ts";
import { BODY_LIMITS, checkEventProperties } from "./limits.ts";
import { readFlatProfile, type SentProfile } from "./profile.ts";
import { LEGACY_RULES } from "./revision.ts";
import { isMetricName, METRIC_NAME_RULE, readValue, type SentEvent } from "./schema.ts";

/** What an identified person is recorded as. */
export const IDENTIFY_EVENT = "$identify";

/** Reads what was sent, wherever it stands: in the query, in a form's field, or as the body itself. */
export async function readLegacyRequest(c: HttpContext): Promise<JsonObject> {
  const body = c.req.method === "POST" ? (await readVendorText(c.req.raw, BODY_LIMITS.maxBytes)).trim() : "";
  if (body.startsWith("{")) return parsed(body);
  const data = new URLSearchParams(body).get("data") ?? c.req.query("data");
  if (data === undefined) throw invalidBody("There is no data in the request.");
  return parsed(data.trim().startsWith("{") ? data : fromBase64(data));
}

/** Reads what `track` is sent. @throws Failure `invalid_request` */
export function readTrack(request: JsonObject, now: number): SentEvent {
  const problems = new Problems();
  const metric = field(request, "event");
  if (!isMetricName(metric)) problems.add("/event", METRIC_NAME_RULE);
  const sent = field(request, "properties") ?? {};
  if (!isJsonObject(sent)) problems.add("/properties", INVALID_PAYLOAD);
  const properties = isJsonObject(sent) ? sent : {};
  checkEventProperties(properties, LEGACY_RULES.maxProperties, "/properties", problems);

  const time = field(request, "time");
  const timeSeconds = readTime(time);
  const refused = timeSeconds === null ? null : whyTimeIsRefused(timeSeconds, LEGACY_RULES.earliestYear, now);
  if (time !== undefined && timeSeconds === null) problems.add("/time", "The time must be Unix seconds or ISO 8601.");
  if (refused !== null) problems.add("/time", refused);

  const profile = readPerson(request, "customer_properties", problems);
  problems.throwIfAny();
  const eventId = field(properties, "$event_id");
  return {
    metric: metric as string,
    profile: profile as SentProfile,
    properties: withContext(withoutValue(properties), field(request, "ip")),
    timeSeconds,
    value: readValue(field(properties, "$value")),
    currency: null,
    uniqueId: typeof eventId === "string" || typeof eventId === "number" ? String(eventId) || null : null,
    backfill: false,
    profilePointer: "/customer_properties",
    payload: request,
  };
}

/** Reads what `identify` is sent. @throws Failure `invalid_request` */
export function readIdentify(request: JsonObject): SentProfile {
  const problems = new Problems();
  const profile = readPerson(request, "properties", problems);
  problems.throwIfAny();
  return profile as SentProfile;
}

function readPerson(request: JsonObject, name: string, problems: Problems): SentProfile | null {
  const sent = field(request, name);
  if (isJsonObject(sent)) return readFlatProfile(sent, `/${name}`, problems);
  if (sent === undefined) missing(name, "event", "", problems);
  else problems.add(`/${name}`, INVALID_PAYLOAD);
  return null;
}

function parsed(text: string): JsonObject {
  const request = parseVendorJson(text, BODY_LIMITS.maxDepth);
  if (!isJsonObject(request)) throw invalidBody("The data is not a JSON object.");
  return request;
}

/** Reads base64 of either alphabet; a plus sign that was not escaped has become a space on its way. */
function fromBase64(text: string): string {
  const bytes = Buffer.from(text.replaceAll(" ", "+"), "base64");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw invalidBody("The data is neither JSON nor base64 of it.");
  }
}

function readTime(time: Json | undefined): number | null {
  if (typeof time === "number") return readUnixSeconds(time);
  return typeof time === "string" ? (readUnixSeconds(time) ?? readDateTime(time)) : null;
}

/** `$value` becomes the event's value: later versions of the API have a field for it. */
function withoutValue(properties: JsonObject): JsonObject {
  const { $value: _value, ...others } = properties;
  return others;
}

/** The address that the event came from belongs to its context; a property of that name stays. */
function withContext(properties: JsonObject, ip: Json | undefined): JsonObject {
  return ip === undefined || hasOwn(properties, "context") ? properties : { ...properties, context: { ip } };
}
