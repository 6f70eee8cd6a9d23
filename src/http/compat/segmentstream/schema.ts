// A hit as SegmentStream's HTTP API and its browser SDK send it, read leniently: the API documents no error for a
// field, so what can be taken is, and what cannot says why. The SDK writes identities beside the event, the API inside.
import { isJsonObject, type Json, type JsonObject } from "../../../domain/json.ts";
import { err, ok, type Result } from "../../../domain/result.ts";
import { readIdentities, type ReadIdentities } from "../vendor-identities.ts";
import { readInstant } from "../vendor-instants.ts";

const MAX_NAME_CHARACTERS = 255;

/** Why a hit is kept among the rejected events. */
export interface Refusal {
  reason: "no_event" | "no_event_name" | "unusable_event_name" | "no_user_id" | "profile_too_large";
  message: string;
}

export interface Hit {
  /** What hits are deduplicated by; `null` = this one has no id. */
  hitId: string | null;
  name: string;
  who: ReadIdentities;
  /** What the hit says about the person besides the ids. */
  user: JsonObject;
  /** The event without its name and what it says about the person. */
  event: JsonObject;
  /** ISO 8601 UTC with milliseconds; `null` = when it is received. */
  occurredAt: string | null;
  context: Json | undefined;
  integrations: Json | undefined;
  /** What else stands beside the event: the page's site, the project's name, the SDK's build. */
  others: JsonObject;
}

export const PROFILE_TOO_LARGE: Refusal = {
  reason: "profile_too_large",
  message: "The profile would hold more than 512 KiB of properties.",
};

/** Reads a hit. */
export function readHit(body: JsonObject): Result<Hit, Refusal> {
  // The project's id is the write key: it is kept nowhere.
  const { hitId, event, sentAt, context, integrations, projectId: _key, ...beside } = body;
  const { userId, anonymousId, emailHash, ...others } = beside;
  if (!isJsonObject(event)) return refused("no_event", "event must be an object.");
  const { name, user: said, ...facts } = event;
  if (name === undefined || name === null || name === "") return refused("no_event_name", "event.name is required.");
  if (!isName(name)) {
    return refused(
      "unusable_event_name",
      `event.name must be a text of at most ${MAX_NAME_CHARACTERS} characters, well-formed and without U+0000.`,
    );
  }
  const { userId: idInside, anonymousId: deviceInside, ...told } = isJsonObject(said) ? said : {};
  const user: JsonObject = { ...(emailHash === undefined ? {} : { emailHash }), ...told };
  const who = readIdentities({
    externalId: isSaid(idInside) ? idInside : userId,
    anonymousId: isSaid(deviceInside) ? deviceInside : anonymousId,
    email: user["email"],
  });
  if (who.identities.externalId === undefined && who.identities.anonymousId === undefined) {
    return refused("no_user_id", "A userId or an anonymousId that identifies somebody is required.");
  }
  const occurredAt = typeof sentAt === "string" ? readInstant(sentAt) : null;
  return ok({
    hitId: idOf(hitId),
    name,
    who,
    user,
    event: said === undefined || isJsonObject(said) ? facts : { ...facts, user: said },
    occurredAt,
    context,
    integrations,
    // An instant that cannot be read is no reason to lose the hit, nor to lose what was sent.
    others: sentAt === undefined || occurredAt !== null ? others : { ...others, sentAt },
  });
}

function refused(reason: Refusal["reason"], message: string): Result<never, Refusal> {
  return err({ reason, message });
}

function isName(name: Json): name is string {
  return typeof name === "string" && name.length <= MAX_NAME_CHARACTERS && name.isWellFormed() && !name.includes("\0");
}

/** An id without a value inside the event must not hide the one beside it. */
function isSaid(id: Json | undefined): boolean {
  return id !== undefined && id !== null && id !== "";
}

function idOf(hitId: Json | undefined): string | null {
  if (typeof hitId === "number") return String(hitId);
  if (typeof hitId !== "string" || hitId === "") return null;
  // A digest is made from UTF-8, where all lone surrogates are one character; its JSON text keeps them apart.
  return hitId.isWellFormed() ? hitId : JSON.stringify(hitId);
}
