// What vendors' clients say about who a person is, made into identities: trimmed, junk set aside with a warning.
import type { Warning } from "../../domain/event.ts";
import { EMAIL_PATTERN, isIdentityText, MAX_EMAIL_CHARACTERS, normalisePhone } from "../../domain/identity-values.ts";
import { isJunkIdentity } from "../../domain/identity.ts";
import { IDENTITY_KINDS, type IdentityKind, type SentIdentities } from "../../domain/profile.ts";

export interface ReadIdentities {
  identities: SentIdentities;
  warnings: Warning[];
  /** Kinds whose value cannot be that kind of identity: no address, no number, too long. The vendor decides. */
  unusable: IdentityKind[];
}

/**
 * Reads identities as a vendor's client sent them.
 *
 * @param sent  values as parsed; `undefined`, `null` and texts of spaces are absent, a number is taken as its text
 */
export function readIdentities(sent: Partial<Record<IdentityKind, unknown>>): ReadIdentities {
  const read: ReadIdentities = { identities: {}, warnings: [], unusable: [] };
  for (const kind of IDENTITY_KINDS) {
    const value = sent[kind];
    if (value === undefined || value === null || value === "") continue;
    if (typeof value !== "string" && typeof value !== "number") {
      read.unusable.push(kind);
      continue;
    }
    const text = String(value).trim();
    if (isJunkIdentity(text)) {
      read.warnings.push({ code: "identity_ignored", message: `The ${kind} names nobody and was ignored.` });
      continue;
    }
    const identity = normalise(kind, text);
    if (identity === null) read.unusable.push(kind);
    else read.identities[kind] = identity;
  }
  return read;
}

function normalise(kind: IdentityKind, text: string): string | null {
  switch (kind) {
    case "email":
      return text.length <= MAX_EMAIL_CHARACTERS && EMAIL_PATTERN.test(text) ? text.toLowerCase() : null;
    case "phone":
      return normalisePhone(text);
    case "externalId":
    case "anonymousId":
      return isIdentityText(text) ? text : null;
  }
}
