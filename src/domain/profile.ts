// A Profile: one person of one workspace, and the identities that lead to it.
import type { EventSource } from "./event.ts";

/** Identity kinds, highest rank first. */
export const IDENTITY_KINDS = ["externalId", "email", "phone", "anonymousId"] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** What one request says about who the person is: at most one value a kind, already normalised. */
export type SentIdentities = Partial<Record<IdentityKind, string>>;

/** Everything that leads to one profile. Lists are newest first: `emails[0]` is the canonical address. */
export interface ProfileIdentities {
  externalId: string | null;
  emails: string[];
  phone: string | null;
  anonymousIds: string[];
}

export interface Profile {
  id: string;
  identities: ProfileIdentities;
  /** JSON text of an object. */
  propertiesJson: string;
  sources: EventSource[];
  /** The profile this one was merged into; it answers for this one from then on. */
  mergedInto: string | null;
  /** Profiles that were merged into this one, oldest first. */
  mergedFrom: string[];
  /** Unix milliseconds. */
  createdAt: number;
  /** Unix milliseconds. */
  updatedAt: number;
  /** Counts every change of this row, so that a late projection never turns D1 back. */
  rev: number;
}

/** One profile as D1's `profiles` holds it; the field names are the columns. */
export interface ProfileRow {
  profile_id: string;
  email: string | null;
  phone: string | null;
  external_id: string | null;
  /** JSON text: `[{ kind, value }]`, what else leads here. */
  aliases: string;
  /** JSON text of a string array. */
  sources: string;
  /** JSON text of an object. */
  properties: string;
  /** Lower-cased e-mails, phone and external id, one a line: what a search looks through. */
  search_text: string;
  merged_into: string | null;
  /** JSON text of a string array. */
  merged_from: string;
  /** ISO 8601. */
  created_at: string;
  /** ISO 8601. */
  updated_at: string;
  rev: number;
}
