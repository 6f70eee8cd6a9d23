// What a door asks of the cell, and what the cell answers. Tagged, because nothing else survives the call.
// A command is redacted already; what its filters alone may see travels beside it, in memory.
import type { KeyClaim } from "../crypto/claim.ts";
import type { EventSource, Warning } from "../domain/event.ts";
import type { SentIdentities } from "../domain/profile.ts";
import type { RateLimited, RateState } from "./rate-windows.ts";

/**
 * What a door lets an event do about people.
 * - `resolve`: find, create or merge; a conflict of identities is a warning (native, Klaviyo, Segment, SegmentStream)
 * - `find`: only find; nobody found drops the event (ingest `track`, `page`)
 * - `identify`: find, create or merge; a conflict refuses the event (ingest `identify`)
 * - `optional`: like `resolve`, and an event about nobody is one too (Greenflash)
 * - `introduce`: find or create; a profile that exists gets no further identity (Klaviyo's `/client`)
 */
export type PeoplePolicy = "resolve" | "find" | "identify" | "optional" | "introduce";

export interface AcceptCommand {
  people: PeoplePolicy;
  /** The person by our own id, where a door takes it; unknown, it is passed over beside an identity. */
  profileId: string | null;
  /** One for each ledger secret, newest first; none = the event has no idempotency key. */
  claims: KeyClaim[];
  /** `person`: the key is one of the person's own, and is formed on the profile once that is found. */
  keyedOn: "request" | "person";
  /** With a key of the person's own: what tells a late retry about an erased person from somebody new. */
  erasedPerson?: {
    /** Of {@link identities}, one for each and for each ledger secret; @see src/crypto/identity-digest.ts */
    identityDigests: Uint8Array[];
    /** ISO 8601; `null` = the event claims no time of its own. */
    claimedAt: string | null;
  };
  source: EventSource;
  event: string;
  identities: SentIdentities;
  /** What the person was called before (Segment's `alias`): an anonymousId, else an externalId. */
  formerId?: string;
  /** JSON text of an object: the profile's property updates. */
  propertiesJson: string | null;
  /** JSON text of {@link ListEdits}: what is added to and taken out of the profile's lists, after the updates. */
  listEditsJson: string | null;
  /** JSON text of the redacted payload. */
  dataJson: string | null;
  /** JSON text of the payload as sent, when redaction took something out. Only filters may see it; never stored. */
  unredactedJson: string | null;
  referenceId: string | null;
  /** ISO 8601 UTC with milliseconds; `null` = when it is received. */
  occurredAt: string | null;
  redactedDataPaths: string[];
  /** Whether journeys may take the event; `false` = it is recorded, and that is all (Klaviyo's `backfill`). */
  startsJourneys: boolean;
  /** Whether the answer shows the receipt: it is the largest part of it, and seldom asked for. */
  wantsReceipt: boolean;
  /** What the door has to say about the request, e.g. that an identity was junk. */
  warnings: Warning[];
}

export interface Accepted {
  kind: "accepted";
  replayed: boolean;
  eventId: string;
  profileId: string | null;
  matched: number;
  enrolled: number;
  /** JSON text, if it was wanted; `null` with a replay: the receipt lives with the event. */
  receiptJson: string | null;
}

export type AcceptOutcome =
  | Accepted
  /** The key stands for another request. */
  | { kind: "conflict" }
  /** `find` found nobody. The key is not burnt. */
  | { kind: "profile_not_found" }
  /** `identify` met two people. */
  | { kind: "identity_conflict" }
  /** The update would make the profile larger than a row may be. */
  | { kind: "profile_too_large" }
  /** The outbox is past its bound. */
  | { kind: "outbox_full" };

/** Whether a caller may go on, and how much of the vendor's rate is left. */
export type Admission = { kind: "admitted"; rate: RateState | null } | RateLimited | { kind: "unauthorized" };

export type AcceptAtRateAnswer =
  | { kind: "answered"; outcomes: AcceptOutcome[]; rate: RateState | null }
  | Exclude<Admission, { kind: "admitted" }>;

/** Who calls: a key whose tag the Worker has checked, or the operator with the adminToken. */
export type Caller = { kind: "key"; keyId: string; digest: Uint8Array } | { kind: "operator" };
