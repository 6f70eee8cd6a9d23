// `POST …/trigger`: starts a run of a journey for one person, by the journey's key. Contract: the published trigger of
// journeys; its idempotency keys are a space of their own.
import { Hono } from "hono";
import * as v from "valibot";
import type { AcceptCommand } from "../../cell/command.ts";
import { TRIGGER_STATUSES } from "../../cell/trigger.ts";
import { claimsFor, type KeyClaim } from "../../crypto/claim.ts";
import type { Warning } from "../../domain/event.ts";
import { isJunkIdentity } from "../../domain/identity.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { SentIdentities } from "../../domain/profile.ts";
import { objectOf } from "../../domain/shapes.ts";
import { TRIGGER_EVENT } from "../../domain/simulate.ts";
import { id } from "../answer-fields.ts";
import { askCell, workspaceOf } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check, jsonObject, shortText } from "../validation.ts";
import { errorOf } from "./refused-event.ts";
import { email, idempotencyKey } from "./track-request.ts";

export const triggerRequest = v.object({
  profile: objectOf(
    {
      email: v.optional(email),
      externalId: v.optional(shortText),
      /** Another name of externalId. */
      userId: v.optional(shortText),
      anonymousId: v.optional(shortText),
      properties: v.optional(jsonObject),
    },
    "Must be an object.",
  ),
  /** The data of the event, which the journey's steps read under `/event`. */
  variables: v.optional(jsonObject),
});

type TriggerRequest = v.InferOutput<typeof triggerRequest>;

export const triggerAnswer = v.object({
  /** The enrollment's id. */
  runId: id,
  status: v.picklist(TRIGGER_STATUSES),
});

export const journeyTrigger = new Hono<HttpEnv>();

journeyTrigger.post(
  "/:key/trigger",
  apiKey("journeys:trigger"),
  described(
    {
      id: "triggerJourney",
      summary: "Start a run of a journey for one person",
      description:
        "Finds, creates or merges the person as an event would, and starts the published version, passing over its entry " +
        "filter. It makes an event `$trigger` with `variables` as its data. 422 `not_eligible`: the rules of entry keep " +
        "the person out, by the reason that a receipt would have. What is refused stores nothing. The same request again " +
        "under the same key answers the same bytes, with `idempotent-replayed: true`.",
      headers: v.object({ "idempotency-key": idempotencyKey }),
      body: {
        schema: triggerRequest,
        example: {
          profile: { email: "alex@example.com", userId: "cus_123", properties: { plan: "Pro" } },
          variables: { orderId: "ord_1001" },
        },
      },
      answers: {
        202: {
          description: "The run, and how it stood when it was answered first: `running`, unless it ended at once.",
          body: triggerAnswer,
          headers: { "idempotent-replayed": "`true` when this is the answer to an earlier request." },
        },
      },
      errors: ["idempotency_key_reuse", "journey_archived", "journey_not_active", "not_eligible"],
    },
    async (c) => {
      const { ledgerSecrets } = c.get("services");
      const journeyKey = c.req.param("key");
      const key = check(idempotencyKey, c.req.header("idempotency-key"), "headers.idempotency-key");
      const request = check(triggerRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS));
      const asked: JsonObject = { ...(request as JsonObject), journey: journeyKey };
      const claims = claimsFor(ledgerSecrets, "journeys.trigger", workspaceOf(c), key, asked);
      const command = { journeyKey, event: eventOf(request, claims) };
      const outcome = await askCell(c, async (cell, caller) => await cell.trigger(caller, command));
      if (outcome.kind !== "triggered") throw new Failure(errorOf(outcome));
      const { runId, status, replayed } = outcome;
      if (replayed) c.header("idempotent-replayed", "true");
      return c.json({ runId, status }, 202);
    },
  ),
);

/** The event that a trigger makes. @throws Failure `invalid_request` when nothing that was sent says who the person is */
function eventOf({ profile, variables }: TriggerRequest, claims: KeyClaim[]): AcceptCommand {
  const { identities, warnings } = identitiesOf(profile);
  return {
    people: "resolve",
    profileId: null,
    claims,
    keyedOn: "request",
    source: "trigger",
    event: TRIGGER_EVENT,
    identities,
    propertiesJson: profile.properties === undefined ? null : JSON.stringify(profile.properties),
    listEditsJson: null,
    dataJson: variables === undefined ? null : JSON.stringify(variables),
    unredactedJson: null,
    referenceId: null,
    occurredAt: null,
    redactedDataPaths: [],
    startsJourneys: true,
    wantsReceipt: false,
    warnings,
  };
}

function identitiesOf(profile: TriggerRequest["profile"]): { identities: SentIdentities; warnings: Warning[] } {
  const { email: address, externalId, userId, anonymousId } = profile;
  if (userId !== undefined && externalId !== undefined && userId !== externalId) {
    throw invalidProfile("profile.userId", "Must be the externalId, or left out: both are names of one identity.");
  }
  const sent = { externalId: externalId ?? userId, email: address?.toLowerCase(), anonymousId };
  const identities: SentIdentities = {};
  const warnings: Warning[] = [];
  for (const kind of ["externalId", "email", "anonymousId"] as const) {
    const value = sent[kind];
    if (value === undefined) continue;
    if (!isJunkIdentity(value)) identities[kind] = value;
    else warnings.push({ code: "identity_ignored", message: `The ${kind} names nobody and was ignored.` });
  }
  if (Object.keys(identities).length === 0) {
    const message =
      "Must have an email, externalId, userId or anonymousId that identifies a person (not an empty word such as null or 0).";
    throw invalidProfile("profile", message);
  }
  return { identities, warnings };
}

function invalidProfile(path: string, message: string): Failure {
  return new Failure({ code: "invalid_request", issues: [{ path, message }] });
}
