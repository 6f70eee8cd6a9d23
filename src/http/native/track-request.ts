// The body of `POST /api/v1/events` as published, and what it becomes: a command for the cell.
// Shapes and patterns: the published reference of events.track.
import * as v from "valibot";
import type { AcceptCommand } from "../../cell/command.ts";
import type { KeyClaim } from "../../crypto/claim.ts";
import type { EventSource, Warning } from "../../domain/event.ts";
import { EMAIL_PATTERN, MAX_EMAIL_CHARACTERS } from "../../domain/identity-values.ts";
import { isJunkIdentity } from "../../domain/identity.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { SentIdentities } from "../../domain/profile.ts";
import { parseRedactionPath, redact } from "../../domain/redaction.ts";
import type { RequestIssue } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { listOf, objectOf } from "../../domain/shapes.ts";
import { jsonObject, shortText } from "../validation.ts";

const MAX_REDACTED_PATHS = 100;
/** Paths come back with each event of a list: two hundred events must stay a list that can be sent. */
const MAX_REDACTED_PATH_CHARACTERS = 1_024;

const DATE_TIME_PATTERN =
  /^(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8])))T(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|([+-](?:[01]\d|2[0-3]):[0-5]\d)))$/;

const EVENT_PATH = /^\/event\//;

export const email = v.pipe(
  v.string("Must be a string."),
  v.maxLength(MAX_EMAIL_CHARACTERS, `Must be at most ${MAX_EMAIL_CHARACTERS} characters.`),
  v.regex(EMAIL_PATTERN, "Must be an e-mail address, without surrounding spaces."),
);

export const dateTime = v.pipe(
  v.string("Must be a string."),
  v.regex(DATE_TIME_PATTERN, "Must be an ISO 8601 date-time with Z or an offset, e.g. 2026-05-31T12:00:00.000Z."),
  // Of what is no date-time at all that is said already; so it is of a path below.
  v.check(
    (text) => !DATE_TIME_PATTERN.test(text) || instantOf(text) !== null,
    "Must be within the years 0000 to 9999, in UTC.",
  ),
);

const redactedDataPath = v.pipe(
  v.string("Must be a string."),
  v.maxLength(MAX_REDACTED_PATH_CHARACTERS, `Must be at most ${MAX_REDACTED_PATH_CHARACTERS} characters.`),
  v.regex(EVENT_PATH, "Must begin with /event/."),
  v.check(
    (path) => !EVENT_PATH.test(path) || parseRedactionPath(path).ok,
    "Must be a JSON Pointer: ~ only as ~0 or ~1.",
  ),
);

export const trackRequest = v.object({
  event: shortText,
  profile: objectOf(
    { email: v.optional(email), externalId: v.optional(shortText), properties: v.optional(jsonObject) },
    "Must be an object.",
  ),
  data: v.optional(jsonObject),
  referenceId: v.optional(shortText),
  redactedDataPaths: v.optional(
    listOf(redactedDataPath, MAX_REDACTED_PATHS, `Must be an array of at most ${MAX_REDACTED_PATHS} strings.`),
  ),
  occurredAt: v.optional(dateTime),
});

export type TrackRequest = v.InferOutput<typeof trackRequest>;

/**
 * An idempotency key out of a header. The runtime reads a header as UTF-8 and puts U+FFFD for what is none, so that
 * keys with such bytes in them (`é` in Latin-1, as many clients send it) would be one: the second event would be lost.
 */
export const idempotencyKey = v.pipe(
  shortText,
  v.check((key) => !key.includes("\uFFFD"), "Must be UTF-8: send other characters percent-encoded."),
);

/**
 * What the fingerprint covers: the known fields as they were sent. The redacted paths are a set, and none is an
 * empty one; an absent occurredAt stays absent, or every retry would be another request.
 */
export function fingerprinted(request: TrackRequest): JsonObject {
  const { redactedDataPaths = [], ...others } = request;
  return { ...(others as JsonObject), redactedDataPaths: [...new Set(redactedDataPaths)].toSorted() };
}

/**
 * Turns a request into a command, redacted.
 *
 * @returns an issue when nothing that was sent says who the person is
 */
export function commandOf(
  request: TrackRequest,
  claims: KeyClaim[],
  options: { source: EventSource; wantsReceipt: boolean },
): Result<AcceptCommand, RequestIssue> {
  const { identities, warnings } = identitiesOf(request.profile);
  if (identities.email === undefined && identities.externalId === undefined) {
    return err({
      path: "profile",
      message: "Must have an email or an externalId that identifies a person (not an empty word such as null or 0).",
    });
  }
  const redactedDataPaths = [...new Set(request.redactedDataPaths)];
  const sent = request.data;
  const kept = sent === undefined ? undefined : redact(sent, redactedDataPaths);
  return ok({
    people: "resolve",
    profileId: null,
    claims,
    keyedOn: "request",
    ...options,
    event: request.event,
    identities,
    propertiesJson: request.profile.properties === undefined ? null : JSON.stringify(request.profile.properties),
    listEditsJson: null,
    dataJson: kept === undefined ? null : JSON.stringify(kept),
    // Redacting shares what it does not change: another object means that something was taken out.
    unredactedJson: kept === sent ? null : JSON.stringify(sent),
    referenceId: request.referenceId ?? null,
    occurredAt: request.occurredAt === undefined ? null : instantOf(request.occurredAt),
    redactedDataPaths,
    startsJourneys: true,
    warnings,
  });
}

function identitiesOf(profile: TrackRequest["profile"]): { identities: SentIdentities; warnings: Warning[] } {
  const identities: SentIdentities = {};
  const warnings: Warning[] = [];
  if (profile.email !== undefined) identities.email = profile.email.toLowerCase();
  if (profile.externalId !== undefined) {
    if (isJunkIdentity(profile.externalId)) {
      warnings.push({ code: "identity_ignored", message: "The externalId names nobody and was ignored." });
    } else {
      identities.externalId = profile.externalId;
    }
  }
  return { identities, warnings };
}

/** ISO 8601 UTC with milliseconds; `null` outside the years 0000–9999. */
function instantOf(dateTimeText: string): string | null {
  const ms = Date.parse(dateTimeText);
  if (Number.isNaN(ms)) return null;
  const iso = new Date(ms).toISOString();
  return iso.length === "0000-00-00T00:00:00.000Z".length ? iso : null;
}
