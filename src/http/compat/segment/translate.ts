// What a Segment call becomes: a command for the cell. Traits are the person's, everything else is the event's.
// @see docs/moving-from/segment.md
import type { AcceptCommand } from "../../../cell/command.ts";
import { firstWinsClaims } from "../../../crypto/claim.ts";
import type { SecretList } from "../../../crypto/secret-list.ts";
import type { Warning } from "../../../domain/event.ts";
import { hasOwn, jsonEquals, type Json, type JsonObject } from "../../../domain/json.ts";
import type { IdentityKind, SentIdentities } from "../../../domain/profile.ts";
import { err, ok, type Result } from "../../../domain/result.ts";
import { vendorCommand } from "../vendor-accept.ts";
import { readIdentities } from "../vendor-identities.ts";
import { isUnreadable, occurredAtOf } from "./occurred-at.ts";
import { objectOf, type CallType, type Rejection, type SegmentCall } from "./schema.ts";

const EVENT_OF: Record<Exclude<CallType, "track">, string> = {
  identify: "$identify",
  page: "$page",
  screen: "$screen",
  group: "$group",
  alias: "$alias",
};

/** Where properties are kept whose name the call itself takes up. */
const DISPLACED = "$properties";

export interface Reception {
  /** Unix milliseconds. */
  receivedAt: number;
  /** Of the caller, as the network saw it; `null` = unknown. */
  ip: string | null;
  workspaceId: string;
  ledgerSecrets: SecretList;
}

/** Turns a call into a command, or says why it is about nobody. */
export function translate(call: SegmentCall, reception: Reception): Result<AcceptCommand, Rejection> {
  const person = personOf(call);
  if (!person.ok) return person;
  const { identities, formerId, warnings } = person.value;
  const traits = traitsOf(call);
  const { workspaceId, ledgerSecrets, receivedAt, ip } = reception;
  return ok(
    vendorCommand({
      source: "segment",
      event: call.type === "track" ? (call.event ?? "") : EVENT_OF[call.type],
      identities,
      ...(formerId === null ? {} : { formerId }),
      claims:
        call.messageId === null ? [] : firstWinsClaims(ledgerSecrets, "segment.message", workspaceId, call.messageId),
      propertiesJson: Object.keys(traits).length === 0 ? null : JSON.stringify(traits),
      dataJson: JSON.stringify(dataOf(call, ip)),
      occurredAt: occurredAtOf({ happened: call.timestamp, sent: call.sentAt }, receivedAt),
      warnings,
    }),
  );
}

interface Person {
  identities: SentIdentities;
  /** An alias' previous id. */
  formerId: string | null;
  warnings: Warning[];
}

function personOf(call: SegmentCall): Result<Person, Rejection> {
  const { userId, anonymousId, type } = call;
  const email = type === "identify" ? emailOf(call) : undefined;
  const { identities, warnings, unusable } = readIdentities({ externalId: userId, anonymousId, email });
  if (identities.externalId === undefined && identities.anonymousId === undefined) {
    return refused("no_user_anon_id", "An event must have a userId or an anonymousId that identifies a person.");
  }
  const all = [...warnings, ...unusable.map(unusableWarning)];
  if (type !== "alias") return ok({ identities, formerId: null, warnings: all });
  const formerId = readIdentities({ anonymousId: call.previousId }).identities.anonymousId;
  if (formerId === undefined) {
    return refused("previous_id_missing", "An alias call must have a previousId that identifies a person.");
  }
  return identities.externalId === undefined
    ? refused("user_id_missing", "An alias call must have a userId that identifies a person.")
    : ok({ identities, formerId, warnings: all });
}

function emailOf({ traits, context }: SegmentCall): Json | undefined {
  return traits["email"] ?? objectOf(context["traits"])["email"];
}

function unusableWarning(kind: IdentityKind): Warning {
  const message =
    kind === "email"
      ? "The email is no e-mail address; it is kept as a property only."
      : `The ${kind} is no text of 1 to 255 characters and was ignored.`;
  return { code: "identity_ignored", message };
}

/** The person's traits, without the dollar sign of reserved names. A group's traits are not the person's. */
function traitsOf({ type, traits, context }: SegmentCall): JsonObject {
  return { ...withPlainNames(objectOf(context["traits"])), ...(type === "group" ? {} : withPlainNames(traits)) };
}

function withPlainNames(traits: JsonObject): JsonObject {
  const entries = Object.entries(traits);
  const reserved = entries.filter(([name]) => name.length > 1 && name.startsWith("$"));
  if (reserved.length === 0) return traits;
  // Both `$name` and `name`: the one that needed no change is meant as it stands.
  const plain = entries.filter(([name]) => name.length === 1 || !name.startsWith("$"));
  return Object.fromEntries([...reserved.map(([name, value]) => [name.slice(1), value] as const), ...plain]);
}

/** The event's data: its properties, and beside them what the call says outside of them. */
function dataOf(call: SegmentCall, ip: string | null): JsonObject {
  const own = ownFields(call, ip);
  const { properties } = call;
  const displaced = Object.keys(own).filter(
    (name) => hasOwn(properties, name) && !jsonEquals(properties[name], own[name]),
  );
  const kept = Object.fromEntries(displaced.map((name) => [name, properties[name] as Json]));
  return { ...properties, ...own, ...(displaced.length === 0 ? {} : { [DISPLACED]: kept }) };
}

function ownFields(call: SegmentCall, ip: string | null): JsonObject {
  const { type, name, category, groupId, previousId, traits, integrations } = call;
  const context = contextOf(call, ip);
  const fields: Record<string, Json | undefined> = {
    context: isEmpty(context) ? undefined : context,
    integrations: isEmpty(integrations) ? undefined : integrations,
  };
  if (type === "page" || type === "screen") Object.assign(fields, { name, category });
  if (type === "group") Object.assign(fields, { groupId, traits: isEmpty(traits) ? undefined : traits });
  if (type === "alias") Object.assign(fields, { previousId });
  return Object.fromEntries(Object.entries(fields).filter((entry) => isSaid(entry)));
}

function contextOf({ context, timestamp, sentAt }: SegmentCall, ip: string | null): JsonObject {
  const wantsCallersIp = context["direct"] === true && (context["ip"] ?? null) === null;
  const withIp = wantsCallersIp && ip !== null ? { ...context, ip } : context;
  // An instant that cannot be read is no reason to lose what was sent.
  const unread = {
    ...(isUnreadable(timestamp) ? { timestamp } : {}),
    ...(isUnreadable(sentAt) ? { sentAt } : {}),
  };
  return { ...unread, ...withIp };
}

function isSaid(entry: [string, Json | undefined]): entry is [string, Json] {
  return entry[1] !== undefined && entry[1] !== null;
}

function isEmpty(object: JsonObject): boolean {
  return Object.keys(object).length === 0;
}

function refused(reason: Rejection["reason"], message: string): Result<never, Rejection> {
  return err({ reason, message });
}
