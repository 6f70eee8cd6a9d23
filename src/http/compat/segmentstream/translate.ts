// What a SegmentStream hit becomes here: the event less its name and user is the data, the user's facts are the
// profile's properties, and everything that stands beside the event is its context. Pure.
import type { AcceptCommand } from "../../../cell/command.ts";
import type { KeyClaim } from "../../../crypto/claim.ts";
import type { Warning } from "../../../domain/event.ts";
import { isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import { vendorCommand } from "../vendor-accept.ts";
import type { Hit } from "./schema.ts";

/** Turns a hit into a command. */
export function commandOf(hit: Hit, claims: KeyClaim[]): AcceptCommand {
  const { identities } = hit.who;
  const properties = propertiesOf(hit);
  return vendorCommand({
    source: "segmentstream",
    event: hit.name,
    claims,
    identities,
    propertiesJson: Object.keys(properties).length === 0 ? null : JSON.stringify(properties),
    dataJson: JSON.stringify(dataOf(hit)),
    occurredAt: hit.occurredAt,
    warnings: warningsOf(hit),
  });
}

/** An e-mail that is no address identifies nobody, and stays a fact about the person. */
function propertiesOf({ user, who }: Hit): JsonObject {
  const { email, ...facts } = user;
  const told = Object.entries(facts).map(([name, value]) => [withoutDollar(name), value] as const);
  const isFact = email !== undefined && who.identities.email === undefined;
  return { ...Object.fromEntries<Json>(told), ...(isFact ? { email } : {}) };
}

function withoutDollar(name: string): string {
  return name.startsWith("$") && name.length > 1 ? name.slice(1) : name;
}

function dataOf({ event, context, integrations, others }: Hit): JsonObject {
  const data: JsonObject = { ...event };
  if (context !== undefined || Object.keys(others).length > 0) {
    data["context"] = { ...objectOf("context", event["context"]), ...others, ...objectOf("context", context) };
  }
  if (integrations !== undefined) {
    data["integrations"] = {
      ...objectOf("integrations", event["integrations"]),
      ...objectOf("integrations", integrations),
    };
  }
  return data;
}

/** A value that is no object stays, under its own name: nothing that was sent is lost. */
function objectOf(name: string, value: Json | undefined): JsonObject {
  if (value === undefined) return {};
  return isJsonObject(value) ? value : { [name]: value };
}

/** An id too long or malformed to be one is no reason to refuse a hit that the other id identifies. */
function warningsOf({ who }: Hit): Warning[] {
  const ignored = who.unusable
    .filter((kind) => kind !== "email")
    .map((kind): Warning => ({ code: "identity_ignored", message: `The ${kind} cannot be used and was ignored.` }));
  return [...who.warnings, ...ignored];
}
