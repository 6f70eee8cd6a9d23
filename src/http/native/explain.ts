// `POST /api/v1/journeys/{key}/explain`: why a version of a journey takes an event or not, clause by clause.
import { Hono } from "hono";
import * as v from "valibot";
import type { AskedPerson, ExplainQuestion } from "../../cell/asking.ts";
import type { ReceiptEntry, UserEventRow } from "../../domain/event.ts";
import { SKIP_REASONS } from "../../domain/event.ts";
import { isJunkIdentity } from "../../domain/identity.ts";
import { IDENTITY_KINDS, type IdentityKind, type SentIdentities } from "../../domain/profile.ts";
import { unpackReceipt } from "../../domain/receipt.ts";
import { normalisePhone } from "../../domain/identity-values.ts";
import { objectOf } from "../../domain/shapes.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check, jsonObject, shortText } from "../validation.ts";
import { failedClause } from "./event-view.ts";
import { findEvent } from "./find-event.ts";
import { askedVersion, versionNumber } from "./journey-view.ts";
import { dateTime, email } from "./track-request.ts";

const phone = v.pipe(
  v.string("Must be a string."),
  v.check((text) => normalisePhone(text) !== null, "Must be a phone number with its country, such as +14155550100."),
);

const explainRequest = v.object({
  version: askedVersion,
  /** A person who is here, or one made up, who was never in any journey. Without both: whom the event is about. */
  profileId: v.exactOptional(shortText),
  profile: v.exactOptional(
    objectOf(
      {
        email: v.exactOptional(email),
        externalId: v.exactOptional(shortText),
        phone: v.exactOptional(phone),
        anonymousId: v.exactOptional(shortText),
        properties: v.exactOptional(jsonObject),
      },
      "Must be an object.",
    ),
  ),
  /** An event that was accepted, or one made up. */
  eventId: v.exactOptional(shortText),
  event: v.exactOptional(
    objectOf(
      { event: shortText, data: v.exactOptional(jsonObject), occurredAt: v.exactOptional(dateTime) },
      "Must be an object.",
    ),
  ),
});

type ExplainRequest = v.InferOutput<typeof explainRequest>;

const outcome = v.picklist(["enrolled", "skipped"]);
const reason = v.picklist(["enrolled", ...SKIP_REASONS]);

const explainAnswer = v.object({
  outcome: v.picklist(["enrolled", "skipped", "not_listening", "unknown_redacted"]),
  /** `null` with `not_listening` and `unknown_redacted`. */
  reason: v.nullable(reason),
  /** As the receipt would have it. */
  detail: v.nullable(failedClause),
  /** The version that was asked. */
  version: versionNumber,
  clauses: v.array(
    v.object({
      path: v.nullable(v.string()),
      operator: v.string(),
      /** The filter wants the comparison not to hold. */
      not: v.exactOptional(v.literal(true)),
      expected: v.unknown(),
      /** Where `expected` was read, if it is no literal. */
      expectedPath: v.exactOptional(v.string()),
      actual: v.unknown(),
      /** A value that was declared secret would stand here. */
      redacted: v.exactOptional(v.literal(true)),
      /** A value is too large to be shown. */
      omitted: v.exactOptional(v.literal(true)),
      /** Whether the clause is as the filter wants it; `null` = that hangs on a value that is no longer kept. */
      passed: v.nullable(v.boolean()),
    }),
  ),
  /** What a stored event's receipt says of this journey. */
  recorded: v.nullable(v.object({ outcome, reason, version: versionNumber })),
});

export const explain = new Hono<HttpEnv>();

explain.post(
  "/:key/explain",
  apiKey("journeys:read"),
  described(
    {
      id: "explainJourney",
      summary: "Say why a journey takes an event, or why not",
      description:
        "Decides a stored event (`eventId`) or a sample (`event`) about somebody who is here (`profileId`) or made up " +
        "(`profile`), by any version, drafts included, on profiles and enrollments as they are now. Stores nothing.",
      body: {
        schema: explainRequest,
        example: {
          profile: { email: "alex@example.com", properties: { plan: "Pro" } },
          event: { event: "order.created", data: { orderId: "ord_1001", total: 49 } },
        },
      },
      answers: {
        200: { description: "The decision, and what each clause of the filter compared.", body: explainAnswer },
      },
    },
    async (c) => {
      const key = c.req.param("key");
      const request = check(explainRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      requireOneOfEach(request);
      const stored = request.eventId === undefined ? null : await findEvent(c, request.eventId);
      if (request.eventId !== undefined && stored === null) throw new Failure({ code: "not_found" });
      const question: ExplainQuestion = {
        key,
        version: request.version ?? null,
        person: personOf(request, stored),
        event: stored === null ? sampleOf(request) : storedOf(stored),
      };
      const answer = await askCell(c, async (cell, caller) => await cell.explain(caller, question));
      const recorded = stored === null ? null : recordedBy(stored, answer.journeyId);
      const { journeyId: _, clausesJson, ...decision } = answer;
      const body = `${JSON.stringify(decision).slice(0, -1)},"clauses":${clausesJson},"recorded":${JSON.stringify(recorded)}}`;
      return c.body(body, 200, { "content-type": "application/json" });
    },
  ),
);

function requireOneOfEach({ profileId, profile, eventId, event }: ExplainRequest): void {
  const issues = [];
  if (profileId !== undefined && profile !== undefined) {
    issues.push({ path: "profile", message: "Leave out either profile or profileId." });
  }
  if (eventId !== undefined && event !== undefined) {
    issues.push({ path: "event", message: "Leave out either event or eventId." });
  }
  if (eventId === undefined && event === undefined) {
    issues.push({ path: "event", message: "Is required, or else eventId." });
  }
  if (eventId === undefined && profileId === undefined && profile === undefined) {
    issues.push({ path: "profile", message: "Is required, or else profileId: a sample event is about nobody." });
  }
  if (issues.length > 0) throw new Failure({ code: "invalid_request", issues });
}

function personOf({ profileId, profile }: ExplainRequest, stored: UserEventRow | null): AskedPerson {
  if (profile !== undefined) {
    const { properties = {}, ...sent } = profile;
    return { kind: "sample", identities: identitiesOf(sent), propertiesJson: JSON.stringify(properties) };
  }
  const id = profileId ?? stored?.profile_id ?? null;
  return id === null ? { kind: "nobody" } : { kind: "profile", id };
}

/** Words that name nobody identify nobody here either. */
function identitiesOf(sent: SentIdentities): SentIdentities {
  const identities: SentIdentities = {};
  for (const kind of IDENTITY_KINDS) {
    const value = sent[kind];
    if (value !== undefined && !isJunkIdentity(value)) identities[kind] = normalised(kind, value);
  }
  return identities;
}

function normalised(kind: IdentityKind, value: string): string {
  if (kind === "email") return value.toLowerCase();
  return kind === "phone" ? (normalisePhone(value) ?? value) : value;
}

function sampleOf({ event }: ExplainRequest): ExplainQuestion["event"] {
  const { data } = event ?? {};
  const dataJson = data === undefined ? null : JSON.stringify(data);
  return { name: event?.event ?? "", dataJson, redactedPaths: [] };
}

function storedOf({ event, data, redacted_data_paths: paths }: UserEventRow): ExplainQuestion["event"] {
  return { name: event, dataJson: data, redactedPaths: paths === null ? [] : (JSON.parse(paths) as string[]) };
}

function recordedBy(
  { receipt }: UserEventRow,
  journeyId: string,
): Pick<ReceiptEntry, "outcome" | "reason" | "version"> | null {
  const entry = unpackReceipt(receipt).journeys.find((one) => one.journeyId === journeyId);
  return entry === undefined ? null : { outcome: entry.outcome, reason: entry.reason, version: entry.version };
}
