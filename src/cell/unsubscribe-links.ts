// The links by which people end what they are sent: under which origin they stand, and under which key their tokens
// are made. The key is made once and stays, so that the link of an old e-mail works.
import { isGenuine, mintUnsubscribeToken, type UnsubscribeToken } from "../crypto/unsubscribe-token.ts";

const KEY_BYTES = 32;

export class UnsubscribeLinks {
  readonly #sql: SqlStorage;
  readonly #workspaceId: () => string;
  readonly #publicUrl: () => string | null;
  #key: Uint8Array | null = null;

  /** @param publicUrl  the deployment's own setting, which goes before what a request was sent to */
  constructor(sql: SqlStorage, parts: { workspaceId: () => string; publicUrl: () => string | null }) {
    this.#sql = sql;
    this.#workspaceId = parts.workspaceId;
    this.#publicUrl = parts.publicUrl;
  }

  /** Keeps the origin under which people reach this deployment. Writes nothing when it is known. */
  learnOrigin(origin: string): void {
    this.#sql.exec(`UPDATE sending SET origin = ?1 WHERE origin IS NOT ?1`, origin);
  }

  /** Where a click ends what a message's person is sent; `null` = nobody knows yet under which origin that is. */
  urlOf(deliveryId: string): string | null {
    const origin = this.#publicUrl() ?? this.#row().origin;
    if (origin === null) return null;
    return `${origin}/u/${mintUnsubscribeToken(this.#makeKey(), this.#workspaceId(), deliveryId)}`;
  }

  /** Whether a token is one of this workspace's. */
  admits(token: UnsubscribeToken): boolean {
    const key = (this.#key ??= this.#row().key);
    return key !== null && token.workspaceId === this.#workspaceId() && isGenuine(key, token);
  }

  /** Forgets what is kept in memory: after a transaction that was rolled back. */
  reload(): void {
    this.#key = null;
  }

  #makeKey(): Uint8Array {
    this.#key ??= this.#row().key;
    if (this.#key !== null) return this.#key;
    this.#key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
    this.#sql.exec(`UPDATE sending SET unsubscribe_key = ?`, this.#key);
    return this.#key;
  }

  #row(): { key: Uint8Array | null; origin: string | null } {
    const { unsubscribe_key: key, origin } = this.#sql
      .exec<{ unsubscribe_key: ArrayBuffer | null; origin: string | null }>(
        `SELECT unsubscribe_key, origin FROM sending`,
      )
      .one();
    return { key: key === null ? null : new Uint8Array(key), origin };
  }
}
