// What a Greenflash event becomes here. Everything that has no place of its own goes into the event's data under the
// name it was sent by, with what the vendor says it stands for when it is left out. Pure.
import type { AcceptCommand } from "../../../cell/command.ts";
import type { KeyClaim } from "../../../crypto/claim.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { vendorCommand } from "../vendor-accept.ts";
import { readIdentities } from "../vendor-identities.ts";
import { readInstant } from "../vendor-instants.ts";
import type { CreateEvent } from "./schema.ts";

/** The ends and the middle of the range: the vendor gives no other numbers that a word could stand for. */
const SCORE_OF = { positive: 1, negative: -1, neutral: 0 } as const satisfies Record<CreateEvent["influence"], number>;

/**
 * Turns an event into a command.
 *
 * @param sent  the checked event
 * @param body  the same event as it was sent, with what the schema does not know
 */
export function commandOf(sent: CreateEvent, body: JsonObject, claims: KeyClaim[]): AcceptCommand {
  const { identities, warnings } = readIdentities({ externalId: sent.externalUserId });
  // Beside a user of the caller's own our id says nothing: two answers to one question would have to be compared.
  const profileId = identities.externalId === undefined ? (sent.userId ?? null) : null;
  return vendorCommand({
    source: "greenflash",
    people: "optional",
    event: sent.eventType,
    claims,
    identities,
    profileId,
    warnings,
    referenceId: referenceOf(sent),
    occurredAt: sent.eventAt === undefined ? null : readInstant(sent.eventAt),
    dataJson: JSON.stringify(dataOf(sent, body)),
  });
}

/** What groups an event without a user: its conversation, else its organization; the caller's own ids first. */
function referenceOf(sent: CreateEvent): string | null {
  const { externalConversationId, conversationId } = sent;
  return named(externalConversationId) ?? conversationId ?? organizationOf(sent);
}

/** The organization, by the caller's own id or by the vendor's. */
export function organizationOf(sent: Pick<CreateEvent, "externalOrganizationId" | "organizationId">): string | null {
  return named(sent.externalOrganizationId) ?? sent.organizationId ?? null;
}

function named(id: string | undefined): string | undefined {
  const trimmed = id?.trim();
  return trimmed === "" ? undefined : trimmed;
}

function dataOf(sent: CreateEvent, body: JsonObject): JsonObject {
  const { eventType: _name, externalUserId: _user, userId: _ours, eventAt: _at, insertId: _key, ...others } = body;
  const { influence, valueType, qualityImpactScore = SCORE_OF[influence] } = sent;
  return { ...others, influence, valueType, qualityImpactScore };
}
