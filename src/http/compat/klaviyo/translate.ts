// What an event of the vendor's becomes: a command, with a key by which a repeat of it is recognised.
import type { AcceptCommand, PeoplePolicy } from "../../../cell/command.ts";
import type { KeyClaim } from "../../../crypto/claim.ts";
import { hasOwn, type Json, type JsonObject } from "../../../domain/json.ts";
import type { SentIdentities } from "../../../domain/profile.ts";
import { vendorCommand } from "../vendor-accept.ts";
import type { SentEvent } from "./schema.ts";

export interface Translation {
  people: PeoplePolicy;
  /** Claims for the text that stands for an event among those of one person. */
  claimsOf: (key: string) => KeyClaim[];
  /** Digests of who the person is said to be; @see src/crypto/identity-digest.ts */
  digestsOf: (identities: SentIdentities) => Uint8Array[];
  /** Unix milliseconds. */
  now: number;
}

/** Turns an event into a command. */
export function commandOf(sent: SentEvent, { people, claimsOf, digestsOf, now }: Translation): AcceptCommand {
  const { profile, metric } = sent;
  const seconds = sent.timeSeconds ?? Math.floor(now / 1_000);
  const occurredAt = new Date(seconds * 1_000).toISOString();
  return vendorCommand({
    source: "klaviyo",
    people,
    keyedOn: "person",
    claims: claimsOf(keyOf(metric, sent.uniqueId, seconds)),
    erasedPerson: {
      identityDigests: digestsOf(profile.identities),
      claimedAt: sent.timeSeconds === null ? null : occurredAt,
    },
    event: metric,
    profileId: profile.profileId,
    identities: profile.identities,
    propertiesJson: profile.propertiesJson,
    listEditsJson: profile.listEditsJson,
    dataJson: JSON.stringify(dataOf(sent)),
    occurredAt,
    startsJourneys: !sent.backfill,
    warnings: profile.warnings,
  });
}

/**
 * What an event is recognised by among those of one person: its unique id within its metric, or else its second.
 * JSON tells the two apart: a unique id is text there, a second is a number.
 */
function keyOf(metric: string, uniqueId: string | null, seconds: number): string {
  return JSON.stringify([metric, uniqueId ?? seconds]);
}

/**
 * An event's data: its properties as they were sent, with its value and currency. A property of that name stays, and
 * the vendor's own field then goes under the name that it has in the vendor's data, with a `$`.
 */
function dataOf({ properties, value, currency }: SentEvent): JsonObject {
  return {
    ...properties,
    ...(value === null ? {} : beside(properties, "value", value)),
    ...(currency === null ? {} : beside(properties, "value_currency", currency)),
  };
}

function beside(properties: JsonObject, name: string, value: Json): JsonObject {
  return { [hasOwn(properties, name) ? `$${name}` : name]: value };
}
