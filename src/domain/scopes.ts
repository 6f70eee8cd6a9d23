// What an API key may do. The order is part of the key format: a scope's place is its bit. Only ever append.

export const SCOPES = [
  "events:write",
  "events:read",
  "profiles:read",
  "profiles:write",
  "journeys:read",
  "journeys:write",
  "journeys:trigger",
  "templates:read",
  "templates:write",
  "deliveries:read",
  "deliveries:write",
  "keys:write",
] as const;

export type Scope = (typeof SCOPES)[number];

/** `secret` keys belong in backends; `write` keys are public by nature and open ingest and vendor doors only. */
export type KeyKind = "secret" | "write";

/** Packs scopes into 16 bits. */
export function packScopes(scopes: readonly Scope[]): number {
  return scopes.reduce((bits, scope) => bits | (1 << SCOPES.indexOf(scope)), 0);
}

/** Unpacks scopes from 16 bits, in the documented order. */
export function unpackScopes(bits: number): Scope[] {
  return SCOPES.filter((_, place) => (bits & (1 << place)) !== 0);
}
