// Who was erased: what D1 still has to do about each, and keyed digests of the identities that led to them, by which a
// late retry is told from somebody new. Ids and digests, nothing personal; both stay for ever.
import type { IdentityKind } from "../domain/profile.ts";
import { identityDigest } from "../crypto/identity-digest.ts";
import type { ErasedPerson } from "../d1/erase.ts";

export interface ErasureJob extends ErasedPerson {
  /** The profile that answered for the person. */
  profileId: string;
}

type StoredErasure = { profile_id: string; family: string; part_events: string; erased_at: number };

export class ErasureStore {
  readonly #sql: SqlStorage;
  /** Most workspaces never erased anybody, and need not look anything up. */
  #any = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /**
   * Records an erasure, as a job for D1. Runs inside the transaction that takes the person out of the cell.
   *
   * @param identities  what led to the person, and to nobody else
   * @param key         digests them; @see src/crypto/identity-digest.ts
   */
  put(job: ErasureJob, identities: readonly { kind: IdentityKind; value: string }[], key: Uint8Array): void {
    this.#sql.exec(
      `INSERT INTO erased_profiles VALUES (?, ?, ?, ?, NULL)`,
      job.profileId,
      JSON.stringify(job.profileIds),
      JSON.stringify(job.partEventIds),
      job.erasedAt,
    );
    for (const { kind, value } of identities) {
      this.#sql.exec(
        `INSERT OR IGNORE INTO erased_identities VALUES (?, ?)`,
        identityDigest(key, kind, value),
        job.profileId,
      );
    }
    this.#any = true;
  }

  /** The people whom any of these identities led to when they were erased. */
  erasedUnder(digests: readonly Uint8Array[]): ErasedPerson[] {
    if (!this.#any) return [];
    const people = new Map<string, ErasedPerson>();
    for (const digest of digests) {
      for (const row of this.#sql.exec<StoredErasure>(
        `SELECT p.* FROM erased_identities i JOIN erased_profiles p ON p.profile_id = i.profile_id WHERE i.digest = ?`,
        digest,
      )) {
        people.set(row.profile_id, jobOf(row));
      }
    }
    return [...people.values()];
  }

  /** Digests of what led to an erased person; `profileId` is any profile of theirs. None of who was not erased. */
  digestsOf(profileId: string): Uint8Array[] {
    if (!this.#any) return [];
    return this.#sql
      .exec<{ digest: ArrayBuffer }>(
        `SELECT i.digest FROM erased_profiles p CROSS JOIN erased_identities i ON i.profile_id = p.profile_id
         WHERE instr(p.family, ?) > 0`,
        profileId,
      )
      .toArray()
      .map(({ digest }) => new Uint8Array(digest));
  }

  /** What D1 has to do next; `null` = nothing. */
  nextJob(): ErasureJob | null {
    const row = [
      ...this.#sql.exec<StoredErasure>(
        `SELECT * FROM erased_profiles INDEXED BY erased_profiles_pending
         WHERE done_at IS NULL ORDER BY erased_at LIMIT 1`,
      ),
    ][0];
    return row === undefined ? null : jobOf(row);
  }

  /** D1 has done it. */
  finish(profileId: string, now: number): void {
    this.#sql.exec(`UPDATE erased_profiles SET done_at = ?, part_events = '[]' WHERE profile_id = ?`, now, profileId);
  }

  /** How many erasures D1 has still to do, and since when (Unix milliseconds) the first of them. */
  pending(): { people: number; since: number | null } {
    return this.#sql
      .exec<{ people: number; since: number | null }>(
        `SELECT count(*) AS people, min(erased_at) AS since FROM erased_profiles WHERE done_at IS NULL`,
      )
      .one();
  }

  /** Looks again whether there is anybody: on start, and after a transaction that was rolled back. */
  reload(): void {
    this.#any = [...this.#sql.exec(`SELECT 1 FROM erased_profiles LIMIT 1`)].length > 0;
  }
}

function jobOf({ profile_id, family, part_events, erased_at }: StoredErasure): ErasureJob {
  return {
    profileId: profile_id,
    profileIds: JSON.parse(family) as string[],
    partEventIds: JSON.parse(part_events) as string[],
    erasedAt: erased_at,
  };
}
