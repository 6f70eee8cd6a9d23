// The ledger as a slice of events sees it: their keys are looked up together before the first, and stored together
// after the last, because a statement costs as much as the row it writes. Lives inside one transaction.
import type { KeyClaim } from "../crypto/claim.ts";
import {
  digestName,
  stateOf,
  type KeyLedger,
  type KeyState,
  type StoredKey,
  type StoredOutcome,
} from "./key-ledger.ts";

export class LedgerSlice {
  readonly #ledger: KeyLedger;
  readonly #asked: ReadonlySet<string>;
  readonly #stored: Map<string, StoredKey>;
  readonly #fresh: { claim: KeyClaim; outcome: StoredOutcome }[] = [];

  /** @param claims  those that the slice will ask about; others are looked up when it does */
  constructor(ledger: KeyLedger, claims: readonly KeyClaim[]) {
    this.#ledger = ledger;
    this.#asked = new Set(claims.map(({ keyDigest }) => digestName(keyDigest)));
    this.#stored = ledger.findAll(claims.map(({ keyDigest }) => keyDigest));
  }

  /** As the ledger's own, and what the slice recorded counts. */
  find(claims: readonly KeyClaim[]): KeyState {
    const others: KeyClaim[] = [];
    const state = stateOf(claims, (claim) => {
      const name = digestName(claim.keyDigest);
      const stored = this.#stored.get(name);
      if (stored === undefined && !this.#asked.has(name)) others.push(claim);
      return stored;
    });
    return state.kind === "fresh" && others.length > 0 ? this.#ledger.find(others) : state;
  }

  record(claim: KeyClaim, outcome: StoredOutcome): void {
    this.#stored.set(digestName(claim.keyDigest), { fingerprint: claim.fingerprint, outcome });
    this.#fresh.push({ claim, outcome });
  }

  /** Stores what was recorded. */
  write(): void {
    this.#ledger.recordAll(this.#fresh);
  }
}
