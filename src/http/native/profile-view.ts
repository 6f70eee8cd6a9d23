// A profile as it is answered, from its cell and from D1's row: the same shape, and its properties' stored text as
// it is.
import * as v from "valibot";
import { EVENT_SOURCES } from "../../domain/event.ts";
import { SUPPRESSION_REASONS } from "../../domain/consent.ts";
import type { ProfileRow } from "../../domain/profile.ts";
import { describeSuppression, type DeliverySuppression, type KnownProfile } from "../../domain/suppression.ts";
import { anyObject, id, instant } from "../answer-fields.ts";

export const profileAnswer = v.object({
  id,
  email: v.nullable(v.string()),
  phone: v.nullable(v.string()),
  externalId: v.nullable(v.string()),
  /** What else leads to this profile. */
  aliases: v.array(v.object({ kind: v.picklist(["email", "anonymousId"]), value: v.string() })),
  sources: v.array(v.picklist(EVENT_SOURCES)),
  properties: anyObject,
  segments: v.array(v.never()),
  /** What stands against writing to the person; by whose word, and with what consequence: docs/consent.md. */
  deliverySuppression: v.object({
    /** Whether anything does: an unsubscribe too, over which transactional e-mails pass. */
    suppressed: v.boolean(),
    reasons: v.array(v.picklist(SUPPRESSION_REASONS)),
    email: v.nullable(v.string()),
    suppressedAt: v.nullable(instant),
    /** `soft` stops nothing. */
    latestBounceReason: v.nullable(v.picklist(["hard", "soft"])),
    latestBounceDiagnosticCode: v.nullable(v.string()),
  }),
  mergedFrom: v.array(id),
  createdAt: instant,
  updatedAt: instant,
});

/** JSON text of a profile as its cell has it. */
export function profileJson(profile: KnownProfile): string {
  const { externalId, phone, emails, anonymousIds } = profile.identities;
  const [email = null, ...otherEmails] = emails;
  return textOf({
    id: profile.id,
    email,
    phone,
    externalId,
    aliasesJson: JSON.stringify([
      ...otherEmails.map((value) => ({ kind: "email", value })),
      ...anonymousIds.map((value) => ({ kind: "anonymousId", value })),
    ]),
    sourcesJson: JSON.stringify(profile.sources),
    propertiesJson: profile.propertiesJson,
    suppression: profile.deliverySuppression,
    mergedFromJson: JSON.stringify(profile.mergedFrom),
    createdAt: new Date(profile.createdAt).toISOString(),
    updatedAt: new Date(profile.updatedAt).toISOString(),
  });
}

/**
 * JSON text of a profile as D1 has it.
 *
 * @param suppression  what its cell knows of it; without it, nothing stands against writing to the person
 */
export function profileRowJson(row: ProfileRow, suppression?: DeliverySuppression): string {
  return textOf({
    id: row.profile_id,
    email: row.email,
    phone: row.phone,
    externalId: row.external_id,
    aliasesJson: row.aliases,
    sourcesJson: row.sources,
    propertiesJson: row.properties,
    suppression: suppression ?? describeSuppression(row.email, [], null),
    mergedFromJson: row.merged_from,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  });
}

interface ProfileTexts {
  id: string;
  email: string | null;
  phone: string | null;
  externalId: string | null;
  aliasesJson: string;
  sourcesJson: string;
  propertiesJson: string;
  suppression: DeliverySuppression;
  mergedFromJson: string;
  createdAt: string;
  updatedAt: string;
}

function textOf(profile: ProfileTexts): string {
  const text = JSON.stringify;
  const { suppressedAt, ...suppression } = profile.suppression;
  const deliverySuppression = {
    ...suppression,
    suppressedAt: suppressedAt === null ? null : new Date(suppressedAt).toISOString(),
  };
  return (
    `{"id":${text(profile.id)},"email":${text(profile.email)},"phone":${text(profile.phone)},` +
    `"externalId":${text(profile.externalId)},"aliases":${profile.aliasesJson},"sources":${profile.sourcesJson},` +
    `"properties":${profile.propertiesJson},"segments":[],"deliverySuppression":${text(deliverySuppression)},` +
    `"mergedFrom":${profile.mergedFromJson},"createdAt":${text(profile.createdAt)},` +
    `"updatedAt":${text(profile.updatedAt)}}`
  );
}
