// PUT of a profile: what a caller knows of a person, without an event. Identities are read as those of an event are.
import { Hono } from "hono";
import * as v from "valibot";
import type { ProfileUpsert } from "../../cell/profile-commands.ts";
import { E164_PATTERN } from "../../domain/identity-values.ts";
import { isJunkIdentity } from "../../domain/identity.ts";
import { IDENTITY_KINDS, type SentIdentities } from "../../domain/profile.ts";
import { askCell } from "../cell-access.ts";
import type { HttpEnv } from "../context.ts";
import { Failure } from "../errors.ts";
import { NATIVE_LIMITS, readJsonObject } from "../json-body.ts";
import { apiKey } from "../middleware/credentials.ts";
import { described } from "../operation.ts";
import { check, jsonObject, shortText } from "../validation.ts";
import { profileAnswer, profileJson } from "./profile-view.ts";
import { email } from "./track-request.ts";

const upsertRequest = v.object({
  email: v.optional(email),
  externalId: v.optional(shortText),
  phone: v.optional(
    v.pipe(
      v.string("Must be a string."),
      v.regex(E164_PATTERN, "Must be a number as E.164 writes it: a plus sign and 7 to 15 digits, nothing between."),
    ),
  ),
  anonymousId: v.optional(shortText),
  properties: v.optional(jsonObject),
});

export const profileUpsert = new Hono<HttpEnv>();

profileUpsert.put(
  "/",
  apiKey("profiles:write"),
  described(
    {
      id: "upsertProfile",
      summary: "Say who a person is and what is known of them",
      description:
        "Finds, creates or merges the person as an event with these identities would, and patches the properties: what " +
        "is not sent stays, `null` removes a name. No event is made and no journey starts. An identity that belongs to " +
        "somebody else stays there: the answer shows what this person has. Repeating it changes nothing more.",
      body: {
        schema: upsertRequest,
        example: { email: "alex@example.com", externalId: "cus_123", properties: { plan: "Pro", trialEndsAt: null } },
      },
      answers: { 200: { description: "The profile as it is now.", body: profileAnswer } },
    },
    async (c) => {
      const upsert = upsertOf(check(upsertRequest, await readJsonObject(c.req.raw, NATIVE_LIMITS)));
      const profile = await askCell(c, async (cell, caller) => await cell.upsertProfile(caller, upsert));
      return c.body(profileJson(profile), 200, { "content-type": "application/json" });
    },
  ),
);

/** @throws Failure `invalid_request` when nothing that was sent says who the person is */
function upsertOf({ properties, ...sent }: v.InferOutput<typeof upsertRequest>): ProfileUpsert {
  const identities: SentIdentities = {};
  for (const kind of IDENTITY_KINDS) {
    const value = sent[kind];
    if (value !== undefined && !isJunkIdentity(value))
      identities[kind] = kind === "email" ? value.toLowerCase() : value;
  }
  if (Object.keys(identities).length === 0) {
    const message =
      "Must have an email, externalId, phone or anonymousId that identifies a person (not an empty word such as null or 0).";
    throw new Failure({ code: "invalid_request", issues: [{ path: "body", message }] });
  }
  return { identities, propertiesJson: properties === undefined ? null : JSON.stringify(properties) };
}
