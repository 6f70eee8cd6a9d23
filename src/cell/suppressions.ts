// Addresses and people that are not written to. An entry is an address's, or without one a person's, and is found by
// either; what an erasure leaves of it is a keyed digest of the address, by which it holds for whoever comes under that
// address next. Most workspaces have no entry, and ask no table.
import { identityDigest, identityDigests } from "../crypto/identity-digest.ts";
import type { Refusals } from "../domain/consent.ts";
import { takePage, type ListPage } from "../domain/list-page.ts";
import type { Profile } from "../domain/profile.ts";
import {
  describeSuppression,
  refusalsAt,
  type DeliverySuppression,
  type SoftBounce,
  type StandingEntry,
  type SuppressionEntry,
} from "../domain/suppression.ts";

type StoredEntry = {
  id: string;
  email: string | null;
  reason: SuppressionEntry["reason"];
  at: number;
  diagnostic_code: string | null;
  profile_id: string | null;
};

type StoredDigest = { reason: SuppressionEntry["reason"]; at: number };

/** Whom entries are about: every id they have or had, every address, lower-cased. */
export interface ListedPerson {
  profileIds: readonly string[];
  emails: readonly string[];
}

/** What an erasure needs to know besides whom it is about. */
export interface SuppressionErasure {
  /** Whether an address leads to somebody else. */
  isElsewhere: (email: string) => boolean;
  /** Addresses that e-mails about the person were to go to, lower-cased. */
  writtenTo: ReadonlySet<string>;
  /** Makes the digests. */
  key: Uint8Array;
}

/** A person as entries know them. */
export function listedAs({ id, mergedFrom, identities }: Profile): ListedPerson {
  return { profileIds: [id, ...mergedFrom], emails: identities.emails };
}

export class Suppressions {
  readonly #sql: SqlStorage;
  readonly #newId: () => string;
  readonly #digestKeys: () => readonly Uint8Array[];
  #anyEntry = false;
  #anyDigest = false;

  /** @param digestKeys  newest first, under which erased addresses are known; @see src/crypto/identity-digest.ts */
  constructor(
    sql: SqlStorage,
    { newId, digestKeys }: { newId: () => string; digestKeys: () => readonly Uint8Array[] },
  ) {
    this.#sql = sql;
    this.#newId = newId;
    this.#digestKeys = digestKeys;
    this.reload();
  }

  /** Whether nothing at all is in force. */
  get empty(): boolean {
    return !this.#anyEntry && !this.#anyDigest;
  }

  /**
   * Makes an entry. One of the same address and reason stays, with its instant, and takes a newer diagnostic code; if it
   * was learned of somebody else, this person gets one of their own beside it, for addresses come and go.
   *
   * @param entry  without an address it needs a profile
   */
  put(entry: Omit<SuppressionEntry, "id" | "at">, now: number): void {
    const { email, reason, diagnosticCode, profileId } = entry;
    this.#anyEntry = true;
    if (email === null && this.#isKnown(profileId, reason)) return;
    const stored = this.#sql
      .exec<{ profile_id: string | null }>(
        `INSERT INTO suppressions VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (email, reason) DO UPDATE SET
           diagnostic_code = coalesce(excluded.diagnostic_code, diagnostic_code),
           profile_id = coalesce(profile_id, excluded.profile_id)
         RETURNING profile_id`,
        this.#newId(),
        email?.toLowerCase() ?? null,
        reason,
        now,
        diagnosticCode,
        profileId,
      )
      .one();
    const isOthers = profileId !== null && stored.profile_id !== profileId;
    if (isOthers && reason !== "bounce") this.put({ ...entry, email: null }, now);
  }

  /**
   * Notes what an erased person says: it holds for whoever comes under an address of theirs.
   *
   * @param digests  of what led to them; those of other identities than addresses are never asked for
   */
  putErased(digests: readonly Uint8Array[], reason: SuppressionEntry["reason"], now: number): void {
    for (const digest of digests) this.#putDigest(digest, { reason, at: now });
    this.#anyDigest ||= digests.length > 0;
  }

  /** Notes a bounce that stops nothing. */
  noteSoftBounce(email: string, { at, diagnosticCode }: SoftBounce): void {
    this.#sql.exec(
      `INSERT INTO soft_bounces VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET at = excluded.at, diagnostic_code = excluded.diagnostic_code`,
      email.toLowerCase(),
      at,
      diagnosticCode,
    );
  }

  /** What there is against writing to an address for a person's sake; `null` = the person has none. */
  refusals(email: string | null, person: ListedPerson): Refusals {
    if (this.empty) return NOTHING;
    const address = email?.toLowerCase() ?? null;
    const emails = address === null ? person.emails : [address, ...person.emails];
    return refusalsAt(address, this.#standing({ ...person, emails }));
  }

  /** What there is against writing to a person at their own address. */
  refusalsOf(profile: Profile): Refusals {
    return this.empty ? NOTHING : this.refusals(profile.identities.emails[0] ?? null, listedAs(profile));
  }

  /** How people stand at their own addresses. */
  describe(profile: Profile): DeliverySuppression {
    const email = profile.identities.emails[0] ?? null;
    const entries = this.empty ? [] : this.#standing(listedAs(profile));
    return describeSuppression(email, entries, email === null ? null : this.#softBounceOf(email));
  }

  /** A person's entries, oldest first. */
  entriesOf({ profileIds, emails }: ListedPerson): SuppressionEntry[] {
    if (!this.#anyEntry) return [];
    return this.#sql
      .exec<StoredEntry>(
        `SELECT * FROM suppressions WHERE email IN (SELECT value FROM json_each(?1))
         UNION SELECT * FROM suppressions WHERE profile_id IN (SELECT value FROM json_each(?2)) ORDER BY id`,
        JSON.stringify(emails),
        JSON.stringify(profileIds),
      )
      .toArray()
      .map(entryOf);
  }

  /** Newest first; `before` is the last id of the page before. What only a digest is left of has no address to list. */
  list(limit: number, before: string | null): ListPage<SuppressionEntry> {
    const rows = this.#sql.exec<StoredEntry>(
      `SELECT * FROM suppressions WHERE id < coalesce(?, 'g') ORDER BY id DESC LIMIT ?`,
      before,
      limit + 1,
    );
    return takePage(
      rows.toArray().map(entryOf),
      limit,
      ({ email, diagnosticCode }) => (email?.length ?? 0) + (diagnosticCode?.length ?? 0),
    );
  }

  /**
   * Takes back everything that is against writing to a person; what is about somebody else too holds on for them.
   *
   * @param isElsewhere  whether an address leads to somebody else
   */
  lift(person: ListedPerson, isElsewhere: (email: string) => boolean): void {
    this.#takeOut(person, isElsewhere);
    if (this.#anyDigest) {
      for (const digest of this.#digestsOf(person.emails)) {
        this.#sql.exec(`DELETE FROM suppressed_digests WHERE digest = ?`, digest);
      }
    }
    this.#forgetSoftBounces(person.emails);
    this.reload();
  }

  /**
   * Leaves to each of two people, who were taken for one, what was said while they were. A bounce is its address's, and
   * goes with it.
   *
   * @param whole    as whom they were known
   * @param mergeId  of the merge: ids of later entries are greater
   */
  part(whole: ListedPerson, mergeId: string, parted: readonly Profile[]): void {
    const said = this.entriesOf(whole).filter(({ id, reason }) => id > mergeId && reason !== "bounce");
    for (const profile of parted) {
      const held = new Set(this.entriesOf(listedAs(profile)).map(({ reason }) => reason));
      for (const { reason, at, diagnosticCode } of said) {
        if (!held.has(reason)) this.put({ email: null, reason, diagnosticCode, profileId: profile.id }, at);
      }
    }
  }

  /**
   * Takes a person out: of their addresses digests are left, so that what was against writing there holds on.
   *
   * @param person  with the addresses that lead to nobody else
   */
  erase(person: ListedPerson, { isElsewhere, writtenTo, key }: SuppressionErasure): void {
    const others = [...writtenTo].filter((email) => !isElsewhere(email));
    this.#forgetSoftBounces([...person.emails, ...others]);
    if (this.empty) return;
    const standing = this.#standing(person);
    for (const email of person.emails) {
      for (const entry of standing) {
        if (entry.reason !== "bounce" || entry.email === email)
          this.#putDigest(identityDigest(key, "email", email), entry);
      }
    }
    // Noted of nobody: an address of theirs, though it does not lead to them.
    const unowned = this.entriesOf({ profileIds: [], emails: others }).filter(({ profileId }) => profileId === null);
    for (const { id } of unowned) this.#delete(id);
    for (const entry of [...unowned, ...this.#takeOut(person, isElsewhere)]) {
      if (entry.email !== null) this.#putDigest(identityDigest(key, "email", entry.email), entry);
    }
    this.reload();
  }

  /** Looks again whether there is anything: on start, after a lift, after a transaction that was rolled back. */
  reload(): void {
    this.#anyEntry = [...this.#sql.exec(`SELECT 1 FROM suppressions LIMIT 1`)].length > 0;
    this.#anyDigest = [...this.#sql.exec(`SELECT 1 FROM suppressed_digests LIMIT 1`)].length > 0;
  }

  /** Takes a person out of their entries. @returns those whose address is in no entry any more */
  #takeOut(person: ListedPerson, isElsewhere: (email: string) => boolean): SuppressionEntry[] {
    const ids = new Set(person.profileIds);
    return this.entriesOf(person).filter(({ id, email, reason, profileId }) => {
      if (email !== null && isElsewhere(email)) {
        this.#sql.exec(`UPDATE suppressions SET profile_id = NULL WHERE id = ?`, id);
        return false;
      }
      if (profileId === null || ids.has(profileId) || reason === "bounce") {
        this.#delete(id);
      } else {
        // Learned of somebody else, who had the address before: it holds on for them.
        this.#sql.exec(`UPDATE suppressions SET email = NULL, diagnostic_code = NULL WHERE id = ?`, id);
      }
      return true;
    });
  }

  #delete(id: string): void {
    this.#sql.exec(`DELETE FROM suppressions WHERE id = ?`, id);
  }

  #standing(person: ListedPerson): StandingEntry[] {
    const entries: StandingEntry[] = this.entriesOf(person);
    if (!this.#anyDigest) return entries;
    for (const email of person.emails) {
      for (const digest of this.#digestsOf([email])) {
        const sql = `SELECT reason, at FROM suppressed_digests WHERE digest = ?`;
        for (const { reason, at } of this.#sql.exec<StoredDigest>(sql, digest)) {
          entries.push({ email, reason, at, diagnosticCode: null });
        }
      }
    }
    return entries;
  }

  #putDigest(digest: Uint8Array, { reason, at }: Pick<StandingEntry, "reason" | "at">): void {
    this.#sql.exec(
      `INSERT INTO suppressed_digests VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = min(at, excluded.at)`,
      digest,
      reason,
      at,
    );
  }

  #digestsOf(emails: readonly string[]): Uint8Array[] {
    return emails.flatMap((email) => identityDigests(this.#digestKeys(), { email }));
  }

  #isKnown(profileId: string | null, reason: string): boolean {
    const sql = `SELECT 1 FROM suppressions INDEXED BY suppressions_by_profile
      WHERE profile_id = ? AND reason = ? AND email IS NULL`;
    return [...this.#sql.exec(sql, profileId, reason)].length > 0;
  }

  #softBounceOf(email: string): SoftBounce | null {
    const row = this.#sql
      .exec<{ at: number; diagnostic_code: string | null }>(
        `SELECT at, diagnostic_code FROM soft_bounces WHERE email = ?`,
        email,
      )
      .toArray()[0];
    return row === undefined ? null : { at: row.at, diagnosticCode: row.diagnostic_code };
  }

  #forgetSoftBounces(emails: readonly string[]): void {
    this.#sql.exec(`DELETE FROM soft_bounces WHERE email IN (SELECT value FROM json_each(?))`, JSON.stringify(emails));
  }
}

const NOTHING: Refusals = new Set();

function entryOf({ id, email, reason, at, diagnostic_code, profile_id }: StoredEntry): SuppressionEntry {
  return { id, email, reason, at, diagnosticCode: diagnostic_code, profileId: profile_id };
}
