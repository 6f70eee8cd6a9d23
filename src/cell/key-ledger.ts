// The idempotency ledger: is this key new, a replay or a conflict? It knows keys and outcomes, no people.
// Rows are as small as they can be (docs/storage.md): the answer is rendered again from them, never stored.
// Generations of a quarter of the retention each are looked up newest first; the oldest is dropped whole,
// which costs no row writes.
import type { KeyClaim } from "../crypto/claim.ts";
import { formatUuid, uuidBytes } from "../domain/ids.ts";
import { inChunks, MAX_PARAMETERS, valuesOf } from "./row-chunks.ts";

const DAY_MS = 86_400_000;
export const MIN_RETENTION_MS = DAY_MS;
const GENERATIONS_PER_RETENTION = 4;
/** SQLite here takes five arms in a compound SELECT, and a look-up is one. */
const MAX_GENERATIONS = 5;
/** Room for the ledger inside an object of 10 GB; above it the retention shrinks. */
export const MAX_LEDGER_BYTES = 6_000_000_000;
/**
 * What a key takes up at most, page fill included: 88 bytes where counts are small, up to 92 where thousands of journeys
 * hear an event. Measured by test/cell/storage-budget.test.ts; room is never taken for larger than it is.
 */
export const BYTES_PER_KEY = 92;
/** What the run's id in a trigger's key takes up besides. */
export const BYTES_PER_RUN_ID = 18;
/** How the stored outcome becomes an answer; a new number when the answer's shape changes. */
const RENDERER_VERSION = 1;

/** What was answered the first time. */
export interface StoredOutcome {
  eventId: string;
  profileId: string | null;
  matched: number;
  enrolled: number;
  /** Only of a trigger. */
  runId: string | null;
}

export type KeyState = { kind: "fresh" } | { kind: "conflict" } | { kind: "replay"; outcome: StoredOutcome };

interface Generation {
  generation: number;
  startedAt: number;
  keys: number;
  /** Those of them that are triggers' and hold a run's id. */
  runIds: number;
}

/** What the ledger has of a key. */
export interface StoredKey {
  fingerprint: Uint8Array;
  outcome: StoredOutcome;
}

const COLUMNS = 8;

type LedgerRow = {
  fingerprint: ArrayBuffer;
  event_id: ArrayBuffer;
  profile_id: ArrayBuffer | null;
  matched: number;
  enrolled: number;
  run_id: ArrayBuffer | null;
};

export class KeyLedger {
  readonly #sql: SqlStorage;
  /** Newest first. */
  #generations: Generation[] = [];
  #lookupSql = "";

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#load();
  }

  /**
   * Looks a request's key up.
   *
   * @param claims  one for each ledger secret, newest first
   */
  find(claims: readonly KeyClaim[]): KeyState {
    return stateOf(claims, ({ keyDigest }) => {
      const row = [...this.#sql.exec<LedgerRow>(this.#lookupSql, keyDigest)][0];
      return row === undefined ? undefined : storedKeyOf(row);
    });
  }

  /**
   * Looks many keys up together.
   *
   * @returns what is stored of those that are, by {@link digestName}
   */
  findAll(keyDigests: readonly Uint8Array[]): Map<string, StoredKey> {
    const found = new Map<string, StoredKey>();
    for (const digests of inChunks(keyDigests, MAX_PARAMETERS)) {
      const wanted = digests.map((_, i) => `?${i + 1}`).join(", ");
      const sql = this.#generations
        .map(({ generation }) => `SELECT * FROM ledger_${generation} WHERE key_digest IN (${wanted})`)
        .join(" UNION ALL ");
      for (const row of this.#sql.exec<LedgerRow & { key_digest: ArrayBuffer }>(sql, ...digests)) {
        found.set(digestName(new Uint8Array(row.key_digest)), storedKeyOf(row));
      }
    }
    return found;
  }

  /** Stores a fresh key with its outcome, under the newest secret. */
  record(claim: KeyClaim, outcome: StoredOutcome): void {
    this.recordAll([{ claim, outcome }]);
  }

  /** Stores fresh keys, as {@link record}, in as few statements as they take. */
  recordAll(keys: readonly { claim: KeyClaim; outcome: StoredOutcome }[]): void {
    for (const chunk of inChunks(keys, Math.floor(MAX_PARAMETERS / COLUMNS))) {
      this.#sql.exec(
        `INSERT INTO ledger_${this.#generations[0]?.generation} VALUES ${valuesOf(chunk.length, COLUMNS)}`,
        ...chunk.flatMap(({ claim, outcome }) => [
          claim.keyDigest,
          claim.fingerprint,
          uuidBytes(outcome.eventId),
          outcome.profileId === null ? null : uuidBytes(outcome.profileId),
          outcome.matched,
          outcome.enrolled,
          outcome.runId === null ? null : uuidBytes(outcome.runId),
          RENDERER_VERSION,
        ]),
      );
    }
  }

  /**
   * Adds to the newest generation's count: done in the flush, so that counting costs no row per event.
   *
   * @param runIds  how many of the keys are triggers'
   */
  addToCount(keys: number, runIds: number): void {
    const newest = this.#generations[0] as Generation;
    this.#sql.exec(
      `UPDATE ledger_generations SET keys = keys + ?, run_ids = run_ids + ? WHERE generation = ?`,
      keys,
      runIds,
      newest.generation,
    );
    newest.keys += keys;
    newest.runIds += runIds;
  }

  /**
   * Bytes taken up, and for how long a key is kept at present.
   *
   * @param now          Unix milliseconds
   * @param retentionMs  what the workspace asks for
   */
  usage(now: number, retentionMs: number): { bytes: number; retentionMs: number } {
    const oldest = this.#generations.at(-1) as Generation;
    // Only the first generation of all has nothing before it; a later one bounds what is left.
    const reachMs = oldest.generation === 1 ? retentionMs : Math.max(0, now - oldest.startedAt);
    return { bytes: this.#bytes(), retentionMs: Math.min(retentionMs, reachMs) };
  }

  /** When the newest generation has had its time, Unix milliseconds. */
  #nextRotationAt(retentionMs: number): number {
    const newest = this.#generations[0] as Generation;
    const full = bytesOf(newest) >= MAX_LEDGER_BYTES / GENERATIONS_PER_RETENTION;
    return newest.startedAt + (full ? MIN_RETENTION_MS : retentionMs) / GENERATIONS_PER_RETENTION;
  }

  /**
   * Starts a new generation when the newest is full, and drops those whose every key is past the retention.
   * Runs inside a transaction.
   */
  rotate(now: number, retentionMs: number): void {
    this.#startNoLaterThan(now);
    this.#dropExpired(now, retentionMs);
    if (this.#generations.length < MAX_GENERATIONS && now >= this.#nextRotationAt(retentionMs)) {
      this.#start(now);
      this.#dropExpired(now, retentionMs);
    }
  }

  /** Makes the first generation; later calls do nothing. */
  open(now: number): void {
    if (this.#generations.length === 0) this.#start(now);
  }

  /** Reads the generations again: after a rolled-back transaction memory must follow the tables. */
  reload(): void {
    this.#load();
  }

  #bytes(): number {
    return this.#generations.reduce((sum, generation) => sum + bytesOf(generation), 0);
  }

  /** A start that lies ahead is of a clock that was set back: it would hold up rotation until it has caught up. */
  #startNoLaterThan(now: number): void {
    if (this.#generations.every(({ startedAt }) => startedAt <= now)) return;
    this.#sql.exec(`UPDATE ledger_generations SET started_at = ?1 WHERE started_at > ?1`, now);
    this.#load();
  }

  #dropExpired(now: number, retentionMs: number): void {
    while (this.#generations.length > 1) {
      const [successor, oldest] = this.#generations.slice(-2) as [Generation, Generation];
      const keptMs = this.#bytes() > MAX_LEDGER_BYTES ? MIN_RETENTION_MS : Math.max(retentionMs, MIN_RETENTION_MS);
      // The youngest key of a generation is as old as its successor.
      if (now - successor.startedAt < keptMs) return;
      this.#sql.exec(`DROP TABLE ledger_${oldest.generation}`);
      this.#sql.exec(`DELETE FROM ledger_generations WHERE generation = ?`, oldest.generation);
      this.#load();
    }
  }

  #start(now: number): void {
    const generation = (this.#generations[0]?.generation ?? 0) + 1;
    this.#sql.exec(
      `CREATE TABLE ledger_${generation} (
         key_digest BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, event_id BLOB NOT NULL, profile_id BLOB,
         matched INTEGER NOT NULL, enrolled INTEGER NOT NULL, run_id BLOB, renderer INTEGER NOT NULL
       ) WITHOUT ROWID`,
    );
    this.#sql.exec(`INSERT INTO ledger_generations VALUES (?, ?, 0, 0)`, generation, now);
    this.#load();
  }

  #load(): void {
    this.#generations = [
      ...this.#sql.exec<{ generation: number; started_at: number; keys: number; run_ids: number }>(
        `SELECT generation, started_at, keys, run_ids FROM ledger_generations ORDER BY generation DESC`,
      ),
    ].map(({ generation, started_at, keys, run_ids }) => ({
      generation,
      startedAt: started_at,
      keys,
      runIds: run_ids,
    }));
    const columns = "fingerprint, event_id, profile_id, matched, enrolled, run_id";
    this.#lookupSql = this.#generations
      .map(({ generation }) => `SELECT ${columns} FROM ledger_${generation} WHERE key_digest = ?1`)
      .join(" UNION ALL ");
  }
}

function bytesOf({ keys, runIds }: Generation): number {
  return keys * BYTES_PER_KEY + runIds * BYTES_PER_RUN_ID;
}

/** A digest as the key of a map. */
export function digestName(digest: Uint8Array): string {
  return String.fromCharCode(...digest);
}

/**
 * What a request is to those who have its key.
 *
 * @param claims  one for each ledger secret, newest first
 * @param lookUp  what is stored of a claim's key
 */
export function stateOf(claims: readonly KeyClaim[], lookUp: (claim: KeyClaim) => StoredKey | undefined): KeyState {
  for (const claim of claims) {
    const stored = lookUp(claim);
    if (stored === undefined) continue;
    return sameBytes(stored.fingerprint, claim.fingerprint)
      ? { kind: "replay", outcome: stored.outcome }
      : { kind: "conflict" };
  }
  return { kind: "fresh" };
}

function storedKeyOf(row: LedgerRow): StoredKey {
  return { fingerprint: new Uint8Array(row.fingerprint), outcome: outcomeOf(row) };
}

function outcomeOf(row: LedgerRow): StoredOutcome {
  const id = (bytes: ArrayBuffer): string => formatUuid(new Uint8Array(bytes));
  return {
    eventId: id(row.event_id),
    profileId: row.profile_id === null ? null : id(row.profile_id),
    matched: row.matched,
    enrolled: row.enrolled,
    runId: row.run_id === null ? null : id(row.run_id),
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
