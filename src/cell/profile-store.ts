// People of this workspace, and which identities lead to whom. Plain storage: who is merged with whom is
// decided in domain/identity.ts, what an event does to a person in person-resolver.ts.
import type { EventSource } from "../domain/event.ts";
import { listIdentities } from "../domain/identity.ts";
import type { IdentityKind, Profile, ProfileIdentities, ProfileRow } from "../domain/profile.ts";
import type { Outbox } from "./outbox.ts";

type StoredProfile = {
  id: string;
  identities: string;
  properties: string;
  sources: string;
  merged_into: string | null;
  merged_from: string;
  created_at: number;
  updated_at: number;
  rev: number;
};

/** People come in bursts of events, so those seen lately are kept; an object has 128 MB for everything. */
const MAX_KNOWN_CHARACTERS = 8_000_000;
/** What a profile or an identity takes up besides its text, about. */
const OVERHEAD_CHARACTERS = 200;

/** A chain of merges is never longer than what may be merged into one profile. */
const MAX_MERGE_HOPS = 101;

export class ProfileStore {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  /** Live profiles as the tables have them, and the identities that led to them: this object is the only writer. */
  readonly #known = new Map<string, { profile: Profile; characters: number }>();
  readonly #byIdentity = new Map<string, string>();
  /** Never too low: identities that are forgotten one by one are not taken off. */
  #knownCharacters = 0;

  constructor(sql: SqlStorage, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
  }

  /** The live profile that owns an identity. */
  ownerOf(kind: IdentityKind, value: string): Profile | null {
    const known = this.#known.get(this.#byIdentity.get(`${kind} ${value}`) ?? "");
    if (known !== undefined) return known.profile;
    const row = [
      ...this.#sql.exec<StoredProfile>(
        `SELECT p.* FROM identities i JOIN profiles p ON p.id = i.profile_id WHERE i.kind = ? AND i.value = ?`,
        kind,
        value,
      ),
    ][0];
    return row === undefined ? null : this.#remember(`${kind} ${value}`, row);
  }

  /** Keeps a profile once, however many identities lead to it. */
  #remember(identity: string, row: StoredProfile): Profile {
    const { identities, properties, sources, merged_from } = row;
    const characters =
      identities.length + properties.length + sources.length + merged_from.length + OVERHEAD_CHARACTERS;
    const identityCharacters = identity.length + OVERHEAD_CHARACTERS;
    if (this.#knownCharacters + characters + identityCharacters > MAX_KNOWN_CHARACTERS) this.reload();
    this.#byIdentity.set(identity, row.id);
    this.#knownCharacters += identityCharacters;
    const known = this.#known.get(row.id);
    if (known !== undefined) return known.profile;
    const profile = profileOf(row);
    this.#known.set(row.id, { profile, characters });
    this.#knownCharacters += characters;
    return profile;
  }

  #forget(profileId: string): void {
    this.#knownCharacters -= this.#known.get(profileId)?.characters ?? 0;
    this.#known.delete(profileId);
  }

  /** A profile by id, merged away or not. */
  find(id: string): Profile | null {
    const row = [...this.#sql.exec<StoredProfile>(`SELECT * FROM profiles WHERE id = ?`, id)][0];
    return row === undefined ? null : profileOf(row);
  }

  /** The live profile that answers for an id: itself, or the one it was merged into in the end. */
  findLive(id: string): Profile | null {
    let profile = this.find(id);
    for (let hop = 0; hop < MAX_MERGE_HOPS && profile !== null && profile.mergedInto !== null; hop++) {
      profile = this.find(profile.mergedInto);
    }
    return profile;
  }

  insert(profile: Profile): void {
    this.#sql.exec(
      `INSERT INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      profile.id,
      JSON.stringify(profile.identities),
      profile.propertiesJson,
      JSON.stringify(profile.sources),
      profile.mergedInto,
      JSON.stringify(profile.mergedFrom),
      profile.createdAt,
      profile.updatedAt,
      profile.rev,
    );
    this.#outbox.markChanged("profiles", profile.id);
  }

  /** Writes a changed profile, one revision on. */
  update(profile: Profile): void {
    this.#forget(profile.id);
    this.#sql.exec(
      `UPDATE profiles SET identities = ?, properties = ?, sources = ?, merged_into = ?, merged_from = ?,
         updated_at = ?, rev = rev + 1 WHERE id = ?`,
      JSON.stringify(profile.identities),
      profile.propertiesJson,
      JSON.stringify(profile.sources),
      profile.mergedInto,
      JSON.stringify(profile.mergedFrom),
      profile.updatedAt,
      profile.id,
    );
    this.#outbox.markChanged("profiles", profile.id);
  }

  /** Makes the identity index say that exactly these identities lead to this profile. */
  pointIdentities(profileId: string, identities: ProfileIdentities, before: ProfileIdentities | null): void {
    const known = new Set(before === null ? [] : listIdentities(before).map(({ kind, value }) => `${kind} ${value}`));
    for (const { kind, value } of listIdentities(identities)) {
      this.#byIdentity.delete(`${kind} ${value}`);
      if (known.has(`${kind} ${value}`)) continue;
      this.#sql.exec(
        `INSERT INTO identities VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET profile_id = excluded.profile_id`,
        kind,
        value,
        profileId,
      );
    }
  }

  releaseIdentity(kind: IdentityKind, value: string): void {
    this.#byIdentity.delete(`${kind} ${value}`);
    this.#sql.exec(`DELETE FROM identities WHERE kind = ? AND value = ?`, kind, value);
  }

  /** Takes people out: their rows, what leads to them, and the marks that D1 is behind. */
  erase(profiles: readonly Profile[]): void {
    const ids = profiles.map(({ id }) => id);
    for (const { kind, value } of profiles.flatMap(({ identities }) => listIdentities(identities))) {
      this.#byIdentity.delete(`${kind} ${value}`);
      // What was let go may lead to somebody else by now.
      this.#sql.exec(
        `DELETE FROM identities WHERE kind = ? AND value = ? AND profile_id IN (SELECT value FROM json_each(?))`,
        kind,
        value,
        JSON.stringify(ids),
      );
    }
    for (const id of ids) this.#forget(id);
    this.#sql.exec(`DELETE FROM profiles WHERE id IN (SELECT value FROM json_each(?))`, JSON.stringify(ids));
    this.#outbox.clearChanged("profiles", ids);
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#known.clear();
    this.#byIdentity.clear();
    this.#knownCharacters = 0;
  }

  /** D1 rows of profiles, read one by one: each may be half a megabyte. */
  *rowsFor(ids: readonly string[]): Generator<{ id: string; rev: number; row: ProfileRow }> {
    for (const stored of this.#sql.exec<StoredProfile>(
      `SELECT p.* FROM json_each(?) j JOIN profiles p ON p.id = j.value`,
      JSON.stringify(ids),
    )) {
      yield { id: stored.id, rev: stored.rev, row: rowOf(stored) };
    }
  }

  /** The present revision of each of these profiles that exists. */
  revsOf(ids: readonly string[]): Map<string, number> {
    const cursor = this.#sql.exec<{ id: string; rev: number }>(
      `SELECT p.id, p.rev FROM json_each(?) j JOIN profiles p ON p.id = j.value`,
      JSON.stringify(ids),
    );
    return new Map(Array.from(cursor, ({ id, rev }) => [id, rev]));
  }
}

function profileOf(row: StoredProfile): Profile {
  return {
    id: row.id,
    identities: JSON.parse(row.identities) as ProfileIdentities,
    propertiesJson: row.properties,
    sources: JSON.parse(row.sources) as EventSource[],
    mergedInto: row.merged_into,
    mergedFrom: JSON.parse(row.merged_from) as string[],
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    rev: row.rev,
  };
}

function rowOf(stored: StoredProfile): ProfileRow {
  const identities = JSON.parse(stored.identities) as ProfileIdentities;
  const [email = null, ...otherEmails] = identities.emails;
  const searchable = [...identities.emails, identities.phone, identities.externalId].filter((value) => value !== null);
  return {
    profile_id: stored.id,
    email,
    phone: identities.phone,
    external_id: identities.externalId,
    aliases: JSON.stringify([
      ...otherEmails.map((value) => ({ kind: "email", value })),
      ...identities.anonymousIds.map((value) => ({ kind: "anonymousId", value })),
    ]),
    sources: stored.sources,
    properties: stored.properties,
    search_text: searchable.join("\n").toLowerCase(),
    merged_into: stored.merged_into,
    merged_from: stored.merged_from,
    created_at: new Date(stored.created_at).toISOString(),
    updated_at: new Date(stored.updated_at).toISOString(),
    rev: stored.rev,
  };
}
