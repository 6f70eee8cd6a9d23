// What a workspace signs its webhooks with: made when it is first asked for, and replaced without a message that its
// receiver could not verify. For a day after a change both secrets sign, so that receivers can change in their own time.
import { formatWebhookSecret, WEBHOOK_SECRET_BYTES } from "../crypto/webhook-signature.ts";

const PREVIOUS_SECRET_MS = 24 * 3_600_000;

export interface WebhookSecretsView {
  current: string;
  /** `null` once it signs no more. */
  previous: string | null;
  /** Unix milliseconds. */
  previousUntil: number | null;
}

type StoredSecrets = {
  webhook_secret: string | null;
  previous_webhook_secret: string | null;
  previous_until: number | null;
};

export class WebhookSecrets {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The secrets as they are, the first one made if there is none: to be asked inside a transaction. */
  view(now: number): WebhookSecretsView {
    const stored = this.#stored();
    const current = stored.webhook_secret ?? this.#put(null, null);
    const until = stored.previous_until;
    if (until === null || until <= now) return { current, previous: null, previousUntil: null };
    return { current, previous: stored.previous_webhook_secret, previousUntil: until };
  }

  /** What a message of now is signed with, newest first; as {@link view} to be asked inside a transaction. */
  forSigning(now: number): string[] {
    const { current, previous } = this.view(now);
    return previous === null ? [current] : [current, previous];
  }

  /** Makes a new secret. The one before signs for a day more; one that was before that signs no more. */
  rotate(now: number): WebhookSecretsView {
    const { current } = this.view(now);
    this.#put(current, now + PREVIOUS_SECRET_MS);
    return this.view(now);
  }

  #stored(): StoredSecrets {
    return this.#sql
      .exec<StoredSecrets>(`SELECT webhook_secret, previous_webhook_secret, previous_until FROM sending`)
      .one();
  }

  #put(previous: string | null, previousUntil: number | null): string {
    const secret = formatWebhookSecret(crypto.getRandomValues(new Uint8Array(WEBHOOK_SECRET_BYTES)));
    this.#sql.exec(
      `UPDATE sending SET webhook_secret = ?, previous_webhook_secret = ?, previous_until = ?`,
      secret,
      previous,
      previousUntil,
    );
    return secret;
  }
}
