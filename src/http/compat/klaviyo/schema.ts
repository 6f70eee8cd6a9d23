// The bodies that the endpoints take, read into events: one event, one profile with many events, many of those.
// Source: the vendor's OpenAPI description, revisions 2022-10-17 to 2026-07-15. Fields that came later are taken at
// every revision; `null` is a field that is not there.
import { isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import { numberOrText } from "../../json-numbers.ts";
import { readDateTime, whyTimeIsRefused } from "./event-time.ts";
import { field, INVALID_PAYLOAD, missing, Problems, readData, readResource, refuseUnknown } from "./json-api.ts";
import { checkEventProperties, checkStrings, MAX_BULK_EVENTS, MAX_METRIC_NAME_CHARACTERS } from "./limits.ts";
import { readFlatProfile, readNestedProfile, type SentProfile } from "./profile.ts";
import type { RevisionRules } from "./revision.ts";

/** One event as it was sent, checked. */
export interface SentEvent {
  metric: string;
  profile: SentProfile;
  properties: JsonObject;
  /** Whole Unix seconds; `null` = when it is received. */
  timeSeconds: number | null;
  value: Json;
  currency: string | null;
  uniqueId: string | null;
  backfill: boolean;
  /** JSON Pointer to the profile. */
  profilePointer: string;
  /** What was sent, for whoever has to look at it when it cannot be taken. */
  payload: Json;
}

export interface SchemaContext {
  rules: RevisionRules;
  /** Whether profile and metric are plain objects. */
  flat: boolean;
  /** Unix milliseconds. */
  now: number;
}

const EVENT_FIELDS = ["properties", "time", "value", "value_currency", "unique_id", "backfill", "metric"];
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const CURRENCY = /^[A-Za-z]{3}$/;

/** Reads the body of `events`. @throws Failure `invalid_request` */
export function readEvent(body: JsonObject, context: SchemaContext): SentEvent {
  const problems = new Problems();
  const resource = readResource(field(body, "data"), "event", "/data", problems);
  const event = resource === null ? null : readOneEvent(resource.attributes, resource.pointer, context, problems);
  return takenOrThrow(event, problems);
}

/** Reads the body of `event-bulk-create-jobs`. @throws Failure `invalid_request` */
export function readBulkJob(body: JsonObject, context: SchemaContext): SentEvent[] {
  const problems = new Problems();
  const job = readResource(field(body, "data"), "event-bulk-create-job", "/data", problems);
  const name = "events-bulk-create";
  const items =
    job === null ? undefined : readData(job.attributes, name, "event-bulk-create-job", job.pointer, problems);
  const pointer = `/data/attributes/${name}/data`;
  const read = listOf(items, pointer, problems).map((item, i) =>
    readBulkItem(item, `${pointer}/${i}`, context, problems, `${pointer}/${i}/attributes`),
  );
  return takenOrThrow(boundedEvents(read, pointer, problems), problems);
}

/** Reads the body of the client's `event-bulk-create`. @throws Failure `invalid_request` */
export function readClientBulk(body: JsonObject, context: SchemaContext): SentEvent[] {
  const problems = new Problems();
  const read = readBulkItem(field(body, "data"), "/data", context, problems, null);
  return takenOrThrow(boundedEvents([read], "/data/attributes/events/data", problems), problems);
}

function readOneEvent(
  attributes: JsonObject,
  pointer: string,
  context: SchemaContext,
  problems: Problems,
): SentEvent | null {
  refuseUnknown(attributes, [...EVENT_FIELDS, "profile"], "event", pointer, problems);
  const profilePointer = `${pointer}/profile`;
  const profile = readProfileOf(attributes, pointer, context, problems);
  const fields = readEventFields(attributes, pointer, context, problems);
  return fields === null || profile === null ? null : { ...fields, profile, profilePointer, payload: attributes };
}

function readProfileOf(
  attributes: JsonObject,
  pointer: string,
  { flat }: SchemaContext,
  problems: Problems,
): SentProfile | null {
  if (!flat) {
    const data = readData(attributes, "profile", "event", pointer, problems);
    return data === undefined ? null : readNestedProfile(data, `${pointer}/profile/data`, problems);
  }
  const profile = field(attributes, "profile");
  if (profile === undefined) missing("profile", "event", pointer, problems);
  else if (!isJsonObject(profile)) problems.add(`${pointer}/profile`, INVALID_PAYLOAD);
  else return readFlatProfile(profile, `${pointer}/profile`, problems);
  return null;
}

/** @param fieldsAt  where the profile's fields are told to be, see readNestedProfile */
function readBulkItem(
  item: Json | undefined,
  pointer: string,
  context: SchemaContext,
  problems: Problems,
  fieldsAt: string | null,
): SentEvent[] {
  const resource = readResource(item, "event-bulk-create", pointer, problems);
  if (resource === null) return [];
  const { attributes, pointer: at } = resource;
  refuseUnknown(attributes, ["profile", "events"], "event-bulk-create", at, problems);
  const data = readData(attributes, "profile", "event-bulk-create", at, problems);
  const profile = data === undefined ? null : readNestedProfile(data, `${at}/profile/data`, problems, fieldsAt);
  const events = listOf(
    readData(attributes, "events", "event-bulk-create", at, problems),
    `${at}/events/data`,
    problems,
  );
  return events.flatMap((event, i) => {
    const one = readResource(event, "event", `${at}/events/data/${i}`, problems);
    if (one === null) return [];
    refuseUnknown(one.attributes, EVENT_FIELDS, "event", one.pointer, problems);
    const fields = readEventFields(one.attributes, one.pointer, context, problems);
    if (fields === null || profile === null) return [];
    const payload = { profile: data as Json, event: one.attributes };
    return [{ ...fields, profile, profilePointer: `${at}/profile`, payload }];
  });
}

function readEventFields(
  attributes: JsonObject,
  pointer: string,
  { rules, flat, now }: SchemaContext,
  problems: Problems,
): Omit<SentEvent, "profile" | "profilePointer" | "payload"> | null {
  const at = (name: string): string => `${pointer}/${name}`;
  const metric = readMetric(attributes, flat, pointer, problems);

  const properties = field(attributes, "properties");
  if (properties === undefined) missing("properties", "event", pointer, problems);
  else if (!isJsonObject(properties)) problems.add(at("properties"), INVALID_PAYLOAD);
  else checkEventProperties(properties, rules.maxProperties, at("properties"), problems);

  const time = field(attributes, "time");
  const timeSeconds = typeof time === "string" ? readDateTime(time) : null;
  if (time !== undefined && timeSeconds === null) problems.add(at("time"), "The time must be an ISO 8601 date-time.");
  const refused = timeSeconds === null ? null : whyTimeIsRefused(timeSeconds, rules.earliestYear, now);
  if (refused !== null) problems.add(at("time"), refused);

  const value = readValue(field(attributes, "value"));
  // A number that a double cannot hold is text.
  const isNumber = value === null || typeof value === "number" || (typeof value === "string" && NUMBER.test(value));
  if (!isNumber) problems.add(at("value"), "The value must be a number.");

  const currency = field(attributes, "value_currency") ?? null;
  if (currency !== null && !(typeof currency === "string" && CURRENCY.test(currency))) {
    problems.add(at("value_currency"), "The currency must be the three letters of ISO 4217.");
  }
  const uniqueId = field(attributes, "unique_id") ?? "";
  const uniqueText = typeof uniqueId === "number" ? String(uniqueId) : uniqueId;
  if (typeof uniqueText === "string") checkStrings(uniqueText, at("unique_id"), problems);
  else problems.add(at("unique_id"), "The unique id must be a string.");

  const backfill = field(attributes, "backfill") ?? false;
  if (typeof backfill !== "boolean") problems.add(at("backfill"), "Backfill must be true or false.");

  if (metric === null || !isJsonObject(properties) || typeof uniqueText !== "string") return null;
  return {
    metric,
    properties,
    timeSeconds,
    value,
    currency: currency as string | null,
    // An empty one names no event: it would make all of them one.
    uniqueId: uniqueText === "" ? null : uniqueText,
    backfill: backfill === true,
  };
}

/** An event's value: a number also where it was sent as text, so that conditions can compare it. */
export function readValue(value: Json | undefined): Json {
  return typeof value === "string" ? numberOrText(value) : (value ?? null);
}

function readMetric(attributes: JsonObject, flat: boolean, pointer: string, problems: Problems): string | null {
  const at = `${pointer}/metric`;
  if (!flat) {
    const data = readData(attributes, "metric", "event", pointer, problems);
    const resource = data === undefined ? null : readResource(data, "metric", `${at}/data`, problems);
    return resource === null ? null : readMetricName(resource.attributes, resource.pointer, problems);
  }
  const metric = field(attributes, "metric");
  if (metric === undefined) missing("metric", "event", pointer, problems);
  else if (!isJsonObject(metric)) problems.add(at, INVALID_PAYLOAD);
  else return readMetricName(metric, at, problems);
  return null;
}

function readMetricName(metric: JsonObject, pointer: string, problems: Problems): string | null {
  refuseUnknown(metric, ["name", "service"], "metric", pointer, problems);
  const name = field(metric, "name");
  if (name === undefined) missing("name", "metric", pointer, problems);
  else if (isMetricName(name)) return name;
  else problems.add(`${pointer}/name`, METRIC_NAME_RULE);
  return null;
}

export const METRIC_NAME_RULE = "The name of a metric must have 1 to 127 characters of well-formed Unicode.";

/** Whether a value can be a metric's name. Characters are counted as people count them, not as UTF-16 does. */
export function isMetricName(name: Json | undefined): name is string {
  return (
    typeof name === "string" &&
    name.trim() !== "" &&
    name.length <= 2 * MAX_METRIC_NAME_CHARACTERS &&
    Array.from(name).length <= MAX_METRIC_NAME_CHARACTERS &&
    name.isWellFormed() &&
    !name.includes("\0")
  );
}

function listOf(value: Json | undefined, pointer: string, problems: Problems): Json[] {
  if (Array.isArray(value)) return value;
  if (value !== undefined) problems.add(pointer, INVALID_PAYLOAD);
  return [];
}

function boundedEvents(read: readonly SentEvent[][], pointer: string, problems: Problems): SentEvent[] {
  const events = read.flat();
  if (events.length > MAX_BULK_EVENTS) {
    problems.add(pointer, `A request must not have more than ${MAX_BULK_EVENTS} events.`);
  }
  return events;
}

function takenOrThrow<T>(read: T | null, problems: Problems): T {
  problems.throwIfAny();
  if (read === null) throw new Error("nothing was read, and nothing was wrong");
  return read;
}
