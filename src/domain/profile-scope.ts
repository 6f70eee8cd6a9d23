// What `/profile/*` reads: a person's properties, with two of their identities laid over them.
import { hasOwn, type JsonObject } from "./json.ts";

/** The identities that conditions and steps can read; `null` = the person has none of that kind. */
export interface ReadableIdentities {
  email: string | null;
  externalId: string | null;
}

/**
 * Lays the identities over the properties: `/profile/email` and `/profile/externalId` are the identity, whatever a
 * property of that name says, and nothing when there is none.
 */
export function profileScope(properties: JsonObject, { email, externalId }: ReadableIdentities): JsonObject {
  const scope: JsonObject = { ...properties, email, externalId };
  for (const name of ["email", "externalId"]) if (hasOwn(scope, name) && scope[name] === null) delete scope[name];
  return scope;
}
