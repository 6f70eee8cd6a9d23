// `POST /api/v1/templates/{key}/preview`: the e-mail that a template would be, rendered by what sends it. Stores
// nothing and sends nothing.
import { Hono } from "hono";
import * as v from "valibot";
import type { UserEventRow } from "../../domain/event.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import type { Profile } from "../../domain/profile.ts";
import { profileScope } from "../../domain/profile-scope.ts";
import { ok } from "../../domain/result.ts";
import { objectOf } from "../../domain/shapes.ts";
import { templateDefinitionSchema } from "../../domain/template.ts";
import { askCell } from "../cell-access.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { PREVIEW_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey, requireFieldScopes } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check, jsonObject, shortText } from "../validation.ts";
import { findEvent } from "./find-event.ts";
import { EXAMPLE_DEFINITION } from "./template-view.ts";

const NO_ID = "00000000-0000-7000-8000-000000000000";

const previewRequest = v.object({
  /** Without it: what the template says now. */
  definition: v.exactOptional(templateDefinitionSchema),
  /** An event that was accepted, or the data of one made up. Without both: an event without data. */
  eventId: v.exactOptional(shortText),
  data: v.exactOptional(jsonObject),
  /** A person who is here, or one made up. Without both: whom the event is about. */
  profileId: v.exactOptional(shortText),
  profile: v.exactOptional(jsonObject),
});

/** Rendering shows what is stored to whoever reads the answer: it takes what reading it takes. */
const FIELD_SCOPES = { eventId: "events:read", profileId: "profiles:read" } as const;

type PreviewRequest = v.InferOutput<typeof previewRequest>;

/** Of a profile that is made up, what is not simply a property. */
const sampleIdentities = objectOf(
  {
    email: v.exactOptional(v.nullable(shortText)),
    externalId: v.exactOptional(v.nullable(shortText)),
    properties: v.exactOptional(jsonObject),
  },
  "Must be an object.",
);

const previewAnswer = v.object({
  subject: v.string(),
  preheader: v.nullable(v.string()),
  from: v.nullable(v.string()),
  replyTo: v.nullable(v.string()),
  html: v.string(),
  text: v.string(),
  /** What the template read and had nothing to show, in the order in which it was read. */
  missingPaths: v.array(v.string()),
});

export const templatePreview = new Hono<HttpEnv>();

templatePreview.post(
  "/:key/preview",
  apiKey("templates:read"),
  described(
    {
      id: "previewTemplate",
      summary: "Render a template without sending it",
      description:
        "With a stored event (`eventId`, as it is kept) or sample `data`; about somebody who is here (`profileId`), made " +
        "up (`profile`: `email`, `externalId`, `properties`; other names in it are properties too), or whom the event " +
        "is about. A `definition` is rendered instead of the stored one. Its unsubscribe link ends nothing. 422 " +
        "`not_eligible` when the e-mail would be too large.",
      body: {
        schema: previewRequest,
        example: {
          definition: EXAMPLE_DEFINITION,
          data: { orderId: "ord_1001", items: [{ name: "Mug" }] },
          profile: { email: "alex@example.com", properties: { firstName: "Alex" } },
        },
      },
      answers: { 200: { description: "The e-mail.", body: previewAnswer } },
      fieldScopes: FIELD_SCOPES,
      errors: ["not_eligible"],
    },
    async (c) => {
      const key = c.req.param("key");
      const request = check(previewRequest, await readJsonObject(c.req.raw, PREVIEW_LIMITS));
      requireOneOfEach(request);
      requireFieldScopes(c, FIELD_SCOPES, request);
      const template = await askCell(c, async (cell, caller) => await cell.readTemplate(caller, key));
      const stored = request.eventId === undefined ? null : await findEvent(c, request.eventId);
      if (request.eventId !== undefined && stored === null) throw new Failure({ code: "not_found" });
      const state = {
        event: stored === null ? (request.data ?? {}) : dataOf(stored),
        profile: await profileOf(c, request, stored),
        journey: sampleJourney(c),
      };
      const { renderEmail } = c.get("services");
      const rendered = await renderEmail(request.definition ?? template.definition, state);
      if (rendered.ok) return c.json(rendered.value, 200);
      const { message } = rendered.error;
      throw new Failure({ code: "not_eligible", reason: "render_failed", message });
    },
  ),
);

function requireOneOfEach({ eventId, data, profileId, profile }: PreviewRequest): void {
  const issues = [];
  if (eventId !== undefined && data !== undefined) {
    issues.push({ path: "data", message: "Leave out either data or eventId." });
  }
  if (profileId !== undefined && profile !== undefined) {
    issues.push({ path: "profile", message: "Leave out either profile or profileId." });
  }
  if (issues.length > 0) throw new Failure({ code: "invalid_request", issues });
}

/** An erased event has no data left. */
function dataOf({ data }: UserEventRow): Json {
  return data === null ? {} : (JSON.parse(data) as Json);
}

async function profileOf(c: HttpContext, request: PreviewRequest, stored: UserEventRow | null): Promise<JsonObject> {
  if (request.profile !== undefined) return sampleProfile(request.profile);
  const id = request.profileId ?? stored?.profile_id ?? null;
  if (id === null) return {};
  const profile = await askCell<Profile | null>(c, async (cell, caller) => {
    const answer = await cell.readProfile(caller, id);
    // Whom an event is about may have been erased since; who was asked for has to be here.
    const isGone = !answer.ok && answer.error.code === "not_found" && request.profileId === undefined;
    return isGone ? ok(null) : answer;
  });
  if (profile === null) return {};
  const { emails, externalId } = profile.identities;
  return profileScope(JSON.parse(profile.propertiesJson) as JsonObject, { email: emails[0] ?? null, externalId });
}

function sampleProfile(profile: JsonObject): JsonObject {
  const { email = null, externalId = null, properties = {} } = check(sampleIdentities, profile, "profile");
  // A rest keeps every name as data, whatever it is called.
  const { email: _email, externalId: _externalId, properties: _properties, ...others } = profile;
  return profileScope({ ...others, ...properties }, { email, externalId });
}

/** What a message would have; its link ends nothing, for it is of no message. */
function sampleJourney(c: HttpContext): JsonObject {
  return {
    key: "preview",
    version: 1,
    name: "Preview",
    stepId: "preview",
    enrollmentId: NO_ID,
    deliveryId: NO_ID,
    unsubscribeUrl: `${new URL(c.req.url).origin}/u/preview`,
  };
}
