// The profile inside an event, in the flat shape of the first revisions and as a resource of its own: who the person
// is, which properties they get, and what is done to their lists.
import type { Warning } from "../../../domain/event.ts";
import { hasOwn, isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import type { IdentityKind, SentIdentities } from "../../../domain/profile.ts";
import { jsonBytes, MAX_PROPERTIES_BYTES } from "../../../domain/properties.ts";
import { readIdentities } from "../vendor-identities.ts";
import { field, INVALID_PAYLOAD, readResource, refuseUnknown, type Problems } from "./json-api.ts";
import { checkStrings } from "./limits.ts";
import { NO_PATCH, readPatch, type ProfilePatch } from "./profile-patch.ts";

export interface SentProfile {
  /** Our own id of the person. */
  profileId: string | null;
  identities: SentIdentities;
  warnings: Warning[];
  /** Whether a phone number that is none was passed over. */
  phoneIgnored: boolean;
  /** JSON text, see AcceptCommand. */
  propertiesJson: string | null;
  listEditsJson: string | null;
}

type IdentityNames = Record<IdentityKind, string>;

const SPECIAL_NAMES: IdentityNames = {
  externalId: "$id",
  email: "$email",
  phone: "$phone_number",
  anonymousId: "$anonymous",
};
const PLAIN_NAMES: IdentityNames = {
  externalId: "external_id",
  email: "email",
  phone: "phone_number",
  anonymousId: "anonymous_id",
};
/** The vendor's own token for a person: it says nothing to anybody else, and is not kept. */
const EXCHANGE_TOKENS = ["_kx", "$exchange_id"];

const RESOURCE_FIELDS = [
  ...Object.values(PLAIN_NAMES),
  "_kx",
  "first_name",
  "last_name",
  "organization",
  "locale",
  "title",
  "image",
  "location",
  "properties",
  "meta",
];
/** Attributes that are no property of the person. */
const NOT_PROPERTIES = new Set([...Object.values(PLAIN_NAMES), ...EXCHANGE_TOKENS, "properties", "meta"]);

const UNUSABLE: Record<IdentityKind, string> = {
  externalId: "The external id must be 1 to 255 characters of well-formed Unicode.",
  email: "The email address is not valid.",
  phone: "The phone number must be in the E.164 format: a plus sign, the country's digits and the number.",
  anonymousId: "The anonymous id must be 1 to 255 characters of well-formed Unicode.",
};
const NOBODY =
  "The profile must have an identifier that names a person: id, email, phone_number, external_id or anonymous_id.";
const TOO_LARGE = `The properties of a profile must not take up more than ${MAX_PROPERTIES_BYTES} bytes.`;

/**
 * Reads a flat profile: special fields begin with `$`, every other one is a property. Without one of the special
 * identifiers the plain names are taken for them.
 *
 * @param pointer  JSON Pointer to it
 */
export function readFlatProfile(profile: JsonObject, pointer: string, problems: Problems): SentProfile {
  const special = Object.values(SPECIAL_NAMES).some((name) => isGiven(profile, name));
  const names = special ? SPECIAL_NAMES : PLAIN_NAMES;
  const passedOver = new Set([...Object.values(SPECIAL_NAMES), ...Object.values(names), ...EXCHANGE_TOKENS]);
  const properties = Object.entries(profile).filter(([name]) => !passedOver.has(name));
  const [specials, plain] = [properties.filter(isSpecial), properties.filter((entry) => !isSpecial(entry))];
  // A special field wins over a property of the same name.
  const entries = [...plain, ...specials.map(([name, value]) => [name.slice(1), value] as const)];
  checkStrings(profile, pointer, problems);
  return completed(null, profile, names, pointer, entries, NO_PATCH, problems);
}

/**
 * Reads a profile that is a resource.
 *
 * @param data       what its relation holds
 * @param pointer    JSON Pointer to that
 * @param fieldsAt   JSON Pointer to what its fields are told under; `null` = to its attributes
 */
export function readNestedProfile(
  data: Json | undefined,
  pointer: string,
  problems: Problems,
  fieldsAt: string | null = null,
): SentProfile | null {
  const resource = readResource(data, "profile", pointer, problems, false);
  if (resource === null) return null;
  const at = fieldsAt ?? resource.pointer;
  const { attributes } = resource;
  refuseUnknown(attributes, RESOURCE_FIELDS, "profile", at, problems);
  checkStrings(attributes, at, problems);
  const custom = field(attributes, "properties") ?? {};
  if (!isJsonObject(custom)) {
    problems.add(`${at}/properties`, INVALID_PAYLOAD);
    return null;
  }
  const patch = readPatch([field(attributes, "meta"), resource.meta], at, problems);
  const standard = Object.entries(attributes).filter(([name]) => !NOT_PROPERTIES.has(name));
  // A field of the vendor's wins over a property of the same name, unless it only says that it is empty.
  const [empty, filled] = [standard.filter(isEmpty), standard.filter((entry) => !isEmpty(entry))];
  const entries = [...empty, ...Object.entries(custom), ...filled];
  return completed(resource.id, attributes, PLAIN_NAMES, at, entries, patch, problems);
}

function completed(
  profileId: string | null,
  fields: JsonObject,
  names: IdentityNames,
  pointer: string,
  entries: readonly (readonly [string, Json])[],
  { unset, lists, patchesIdentifiers }: ProfilePatch,
  problems: Problems,
): SentProfile {
  const sent = Object.fromEntries(
    Object.entries(names).map(([kind, name]) => [kind, hasOwn(fields, name) ? fields[name] : undefined]),
  );
  const { identities, warnings, unusable } = readIdentities(sent);
  const isSomebody = profileId !== null || Object.keys(identities).length > 0;
  const phoneIgnored = isSomebody && unusable.includes("phone");
  if (phoneIgnored) {
    warnings.push({ code: "identity_ignored", message: "The phone is not a phone number and was ignored." });
  }
  if (patchesIdentifiers) {
    warnings.push({ code: "identity_ignored", message: "patch_identifiers changes nothing and was ignored." });
  }
  const refused = unusable.filter((kind) => kind !== "phone" || !phoneIgnored);
  for (const kind of refused) problems.add(`${pointer}/${names[kind]}`, UNUSABLE[kind]);
  if (!isSomebody && refused.length === 0) problems.add(pointer, NOBODY);

  // From entries: a property may be called `__proto__`.
  const properties = Object.fromEntries([...unset.map((name) => [name, null] as const), ...entries]);
  const propertiesJson = Object.keys(properties).length === 0 ? null : JSON.stringify(properties);
  const listEditsJson = lists === null ? null : JSON.stringify(lists);
  if ([propertiesJson, listEditsJson].some((text) => text !== null && jsonBytes(text) > MAX_PROPERTIES_BYTES)) {
    problems.add(pointer, TOO_LARGE);
  }
  return { profileId, identities, warnings, phoneIgnored, propertiesJson, listEditsJson };
}

function isGiven(fields: JsonObject, name: string): boolean {
  const value = field(fields, name);
  return value !== undefined && value !== "";
}

function isSpecial([name]: readonly [string, Json]): boolean {
  return name.startsWith("$") && name.length > 1;
}

function isEmpty([, value]: readonly [string, Json]): boolean {
  return value === null;
}
