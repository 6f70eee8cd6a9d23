// Journeys and their versions as they are answered, and what a request may hold.
import * as v from "valibot";
import type { JourneyVersion } from "../../cell/journey-store.ts";
import { checkDefinition, journeyDefinitionSchema, type JourneyDefinition } from "../../domain/journey.ts";
import { webhookAddressIssues } from "../../domain/steps/webhook.ts";
import type { Json } from "../../domain/json.ts";
import { count, id, instant } from "../answer-fields.ts";
import type { Services } from "../context.ts";
import { Failure } from "../errors.ts";

/** A small document that runs, for the API's description. */
export const EXAMPLE_JOURNEY = {
  key: "order-follow-up",
  name: "Order follow-up",
  entry: { event: "order.created", filter: { $state: "/event/total", gte: 40 } },
  eligibility: { reentry: { after: "P7D" }, key: "/event/orderId", requires: ["email"] },
  steps: [
    { id: "rest", type: "delay", for: "P1D" },
    { id: "thanks", type: "email", template: "order-thanks" },
  ],
};

/** The number of a version, as it is answered. */
export const versionNumber = v.pipe(v.number(), v.integer(), v.minValue(1));

const VERSION_MESSAGE = "Must be the number of a version.";

/** A version that is asked for. Without it: the published one, else the newest. */
export const askedVersion = v.exactOptional(
  v.pipe(v.number(VERSION_MESSAGE), v.safeInteger(VERSION_MESSAGE), v.minValue(1, VERSION_MESSAGE)),
);

export const journeyAnswer = v.object({
  id,
  key: v.string(),
  name: v.string(),
  status: v.picklist(["draft", "active", "paused", "archived"]),
  /** The newest version, published or not. */
  version: versionNumber,
  publishedVersion: v.nullable(versionNumber),
  /** Since when the runaway guard lets nobody more in, until the journey is released. */
  stoppedAt: v.nullable(instant),
  definition: journeyDefinitionSchema,
  counts: v.object({
    matched: count,
    enrolled: count,
    skipped: count,
    active: count,
    completed: count,
    exited: count,
    failed: count,
    cancelled: count,
    converted: count,
  }),
  createdAt: instant,
  updatedAt: instant,
});

export const journeyVersionAnswer = v.object({
  version: versionNumber,
  definition: journeyDefinitionSchema,
  createdAt: instant,
  publishedAt: v.nullable(instant),
});

/** A version of a journey as it is answered. */
export function journeyVersionView({ version, definition, createdAt, publishedAt }: JourneyVersion) {
  return {
    version,
    definition,
    createdAt: new Date(createdAt).toISOString(),
    publishedAt: publishedAt === null ? null : new Date(publishedAt).toISOString(),
  };
}

/**
 * Checks a body as a journey document, and whether this deployment would call its webhooks.
 *
 * @throws Failure `invalid_request` when it cannot even be filed, `invalid_journey` when it could not run
 */
export function definitionOf(body: Json, { allowLoopbackWebhooks: loopback }: Services): JourneyDefinition {
  const checked = checkDefinition(body);
  if (checked.ok) {
    const issues = webhookAddressIssues(checked.value.steps, { loopback });
    if (issues.length > 0) throw new Failure({ code: "invalid_journey", issues });
    return checked.value;
  }
  if (checked.error.kind === "definition") throw new Failure({ code: "invalid_journey", issues: checked.error.issues });
  const issues = checked.error.issues.map(({ path, message }) => ({ path: path === "" ? "body" : path, message }));
  throw new Failure({ code: "invalid_request", issues });
}
