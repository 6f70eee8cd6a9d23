// Asks, right before a message would be sent, whether it may be: with the lists, the settings and the person of that
// moment. Runs inside the transaction that hands the message out, so that nothing is overtaken, and a cap holds however
// many are handed out at once. @see docs/consent.md
import { decideEmail, NOWHERE, type Consent, type Refusals } from "../domain/consent.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Profile } from "../domain/profile.ts";
import { quietUntil } from "../domain/quiet-hours.ts";
import { isTimeZone } from "../domain/time-zone.ts";
import { DEFAULT_SETTINGS } from "../domain/workspace.ts";
import type { ProfileStore } from "./profile-store.ts";
import { listedAs, type Suppressions } from "./suppressions.ts";
import type { UnsubscribeLinks } from "./unsubscribe-links.ts";
import type { WorkspaceStore } from "./workspace-store.ts";

/** An e-mail that somebody wants to send. */
export interface AskedEmail {
  /** `null` = the person was erased. */
  profile: Profile | null;
  /** `null` = there is no address to write to. */
  to: string | null;
  transactional: boolean;
}

export class ConsentDesk {
  readonly #sql: SqlStorage;
  readonly #workspace: WorkspaceStore;
  readonly #profiles: ProfileStore;
  readonly #suppressions: Suppressions;
  readonly #links: UnsubscribeLinks;

  constructor(parts: {
    sql: SqlStorage;
    workspace: WorkspaceStore;
    profiles: ProfileStore;
    suppressions: Suppressions;
    links: UnsubscribeLinks;
  }) {
    this.#sql = parts.sql;
    this.#workspace = parts.workspace;
    this.#profiles = parts.profiles;
    this.#suppressions = parts.suppressions;
    this.#links = parts.links;
  }

  /** @param now  Unix milliseconds */
  forEmail({ profile, to, transactional }: AskedEmail, now: number): Consent {
    if (profile === null) return { kind: "skip", reason: "profile_erased" };
    const { frequencyCap, quietHours, redirectTo } = this.#settings();
    return decideEmail({
      to,
      transactional,
      now,
      refusals: () => this.#refusals(profile, to),
      frequencyCap,
      sentAfter: (instant, most) => this.#sentAfter(profile, instant, most),
      quietUntil: () => (quietHours === null ? null : quietUntil(quietHours, this.#timeZoneOf(profile), now)),
      redirectTo,
    });
  }

  /** Whether webhooks are called: not while the workspace sends its messages elsewhere, for a webhook has no elsewhere. */
  forWebhook(): { kind: "send" } | { kind: "nowhere" } {
    return { kind: this.#settings().redirectTo === null ? "send" : NOWHERE };
  }

  /** Where a click ends such e-mails, an absolute URL; `null` = nobody knows yet where people reach this deployment. */
  unsubscribeUrl(deliveryId: string): string | null {
    return this.#links.urlOf(deliveryId);
  }

  /** What there is against an e-mail about a person: for their sake, and for that of whose address it goes to. */
  #refusals(profile: Profile, to: string | null): Refusals {
    const own = this.#suppressions.refusals(to, listedAs(profile));
    const address = to?.toLowerCase() ?? null;
    if (this.#suppressions.empty || address === null || profile.identities.emails.includes(address)) return own;
    const owner = this.#profiles.ownerOf("email", address);
    return owner === null ? own : new Set([...own, ...this.#suppressions.refusals(address, listedAs(owner))]);
  }

  #settings() {
    return this.#workspace.get()?.settings ?? DEFAULT_SETTINGS;
  }

  /** The person's own time zone; one that is none, or none at all, leaves the workspace's. */
  #timeZoneOf({ propertiesJson }: Profile): string {
    const { timezone } = JSON.parse(propertiesJson) as JsonObject;
    if (typeof timezone === "string" && isTimeZone(timezone)) return timezone;
    return this.#workspace.get()?.timezone ?? "UTC";
  }

  /**
   * E-mails that count against the cap: those that were sent, and those that are with a sender right now. The one that
   * is asked about is not with one yet.
   */
  #sentAfter({ id, mergedFrom }: Profile, instant: number, most: number): number {
    const family = JSON.stringify([id, ...mergedFrom]);
    const sent = this.#sql
      .exec<{ count: number }>(
        `SELECT count(*) AS count FROM (
           SELECT 1 FROM deliveries INDEXED BY deliveries_capped
           WHERE profile_id IN (SELECT value FROM json_each(?)) AND settled_at > ? AND capped = 1 AND status = 'sent'
           LIMIT ?)`,
        family,
        instant,
        most,
      )
      .one().count;
    if (sent >= most) return sent;
    const { count } = this.#sql
      .exec<{ count: number }>(
        `SELECT count(*) AS count FROM delivery_work w JOIN deliveries d ON d.id = w.delivery_id
         WHERE w.state = 'claimed' AND d.capped = 1 AND d.profile_id IN (SELECT value FROM json_each(?))`,
        family,
      )
      .one();
    return sent + count;
  }
}
