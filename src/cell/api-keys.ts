// API keys of this workspace. Of a key only a keyed digest is kept; whether it was revoked is known here alone,
// and asked at the start of the same call that does the work.
import { digestsEqual } from "../crypto/secret-list.ts";
import { packScopes, unpackScopes, type KeyKind, type Scope } from "../domain/scopes.ts";
import type { Caller } from "./command.ts";

/** A key's last use is written at most once in this time: it would be a row per event otherwise. */
const LAST_USED_PRECISION_MS = 3_600_000;

export interface ApiKey {
  id: string;
  kind: KeyKind;
  label: string;
  scopes: Scope[];
  /** How the key begins. */
  prefix: string;
  createdAt: number;
  lastUsedAt: number | null;
  revokedAt: number | null;
}

type StoredKey = {
  id: string;
  kind: KeyKind;
  label: string;
  scopes: number;
  digest: ArrayBuffer;
  prefix: string;
  created_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
};

type KnownKey = { digest: Uint8Array; revoked: boolean; lastUsedAt: number };

export class ApiKeys {
  readonly #sql: SqlStorage;
  /** Keys seen since the object started; this object is the only writer, so it cannot be stale. */
  readonly #known = new Map<string, KnownKey>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Whether a caller may still act here; notes when a key was last used. */
  authorize(caller: Caller, now: number): boolean {
    if (caller.kind === "operator") return true;
    const key = this.#lookUp(caller.keyId);
    if (key === null || key.revoked || !digestsEqual(key.digest, caller.digest)) return false;
    if (now - key.lastUsedAt >= LAST_USED_PRECISION_MS) {
      this.#sql.exec(`UPDATE api_keys SET last_used_at = ? WHERE id = ?`, now, caller.keyId);
      key.lastUsedAt = now;
    }
    return true;
  }

  insert(key: Omit<ApiKey, "lastUsedAt" | "revokedAt">, digest: Uint8Array): void {
    this.#sql.exec(
      // The same key again is a call that was tried again after its answer was lost.
      `INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL) ON CONFLICT DO NOTHING`,
      key.id,
      key.kind,
      key.label,
      packScopes(key.scopes),
      digest,
      key.prefix,
      key.createdAt,
    );
  }

  /** Newest first; `before` is the last id of the page before. */
  list(limit: number, before: string | null): ApiKey[] {
    return [
      ...this.#sql.exec<StoredKey>(
        `SELECT * FROM api_keys WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
        before,
        limit,
      ),
    ].map((row) => ({
      id: row.id,
      kind: row.kind,
      label: row.label,
      scopes: unpackScopes(row.scopes),
      prefix: row.prefix,
      createdAt: row.created_at,
      lastUsedAt: row.last_used_at,
      revokedAt: row.revoked_at,
    }));
  }

  /** Ends a key at once. @returns whether there is such a key */
  revoke(id: string, now: number): boolean {
    if (this.#lookUp(id) === null) return false;
    this.#sql.exec(`UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?`, now, id);
    this.#known.delete(id);
    return true;
  }

  #lookUp(id: string): KnownKey | null {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const row = [...this.#sql.exec<StoredKey>(`SELECT * FROM api_keys WHERE id = ?`, id)][0];
    if (row === undefined) return null;
    const key = {
      digest: new Uint8Array(row.digest),
      revoked: row.revoked_at !== null,
      lastUsedAt: row.last_used_at ?? 0,
    };
    this.#known.set(id, key);
    return key;
  }
}
