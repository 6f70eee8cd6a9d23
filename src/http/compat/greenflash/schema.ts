// The body of Greenflash's "Create event", field by field as published. Texts say what to change, and never repeat
// what was sent. Limits of ours where the vendor has none: what becomes a name or an id here has 255 characters.
import * as v from "valibot";
import { isIdentityText } from "../../../domain/identity-values.ts";
import { jsonObject, shortText } from "../../validation.ts";
import { readInstant } from "../vendor-instants.ts";

/** Any version: the vendor says no more than "uuid". */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** RFC 3339, "date-time": the offset is part of it. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;

const text = v.string("Must be a string.");
/** In lower case: two spellings are one id. */
const uuid = v.pipe(text, v.regex(UUID, "Must be a UUID."), v.toLowerCase());
/** An id of the caller's own; an empty one is taken for none. */
const externalId = v.pipe(
  text,
  v.check(
    (id) => id.trim() === "" || isIdentityText(id.trim()),
    "Must be at most 255 characters of well-formed Unicode, without the character U+0000.",
  ),
);

function numberFrom(least: number, most: number) {
  const message = `Must be a number from ${least} to ${most}.`;
  return v.pipe(v.number(message), v.minValue(least, message), v.maxValue(most, message));
}

function oneOf<const T extends readonly string[]>(options: T) {
  return v.picklist(options, `Must be one of ${options.join(", ")}.`);
}

export const createEvent = v.object({
  eventType: shortText,
  productId: uuid,
  value: text,
  externalUserId: v.optional(externalId),
  userId: v.optional(uuid),
  externalOrganizationId: v.optional(externalId),
  organizationId: v.optional(uuid),
  externalConversationId: v.optional(externalId),
  conversationId: v.optional(uuid),
  influence: v.optional(oneOf(["positive", "negative", "neutral"]), "neutral"),
  qualityImpactScore: v.optional(numberFrom(-1, 1)),
  valueType: v.optional(oneOf(["currency", "numeric", "text", "boolean"]), "text"),
  eventAt: v.optional(
    v.pipe(
      text,
      v.check(
        (instant) => DATE_TIME.test(instant) && readInstant(instant) !== null,
        "Must be an ISO 8601 date-time with Z or an offset, e.g. 2026-05-31T12:00:00Z.",
      ),
    ),
  ),
  properties: v.optional(jsonObject),
  insertId: v.optional(
    v.pipe(
      text,
      v.check((id) => id.isWellFormed(), "Must be well-formed Unicode."),
    ),
  ),
  sampleRate: v.optional(numberFrom(0, 1), 1),
  forceSample: v.optional(v.boolean("Must be true or false."), false),
});

export type CreateEvent = v.InferOutput<typeof createEvent>;
