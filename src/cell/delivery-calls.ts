// What is asked of a cell about messages: by who sends them, and by who looks after templates, consent and endpoints.
import type { UnsubscribeToken } from "../crypto/unsubscribe-token.ts";
import type { Claim, EndedAttempt, MessageAttempt } from "../domain/delivery.ts";
import type { ListPage } from "../domain/list-page.ts";
import { ok } from "../domain/result.ts";
import type { ReturnedEmail } from "../domain/returned-email.ts";
import type { DeliverySuppression, KnownProfile, SuppressionEntry } from "../domain/suppression.ts";
import type { TemplateDefinition } from "../domain/template.ts";
import { CellBase } from "./cell-base.ts";
import { found, NOT_FOUND, UNAUTHORIZED, type CellResult } from "./cell-result.ts";
import type { Caller } from "./command.ts";
import {
  listSuppressions,
  noteReturned,
  standingsOf,
  suppressPerson,
  type SuppressRequest,
  unsubscribe,
  unsuppressPerson,
} from "./consent-commands.ts";
import { claimAll, reportAll } from "./delivery-batches.ts";
import type { ToldDelivery } from "./delivery-rows.ts";
import type { DisabledEndpoint } from "./disabled-endpoints.ts";
import { deliveriesOf } from "./person-export.ts";
import type { TemplateView } from "./template-commands.ts";
import type { WebhookSecretsView } from "./webhook-secrets.ts";
import { listedAs } from "./suppressions.ts";

export abstract class DeliveryCalls extends CellBase {
  /**
   * Hands messages out to who sends them, each once an attempt; asked by nobody from outside, like
   * {@link reportDeliveries}.
   *
   * @returns an answer for each, from the first on, as many as it may hold
   */
  async claimDeliveries(asked: MessageAttempt[]): Promise<Claim[]> {
    const claims = claimAll(this.parts.deliveryDesk, asked, Date.now());
    if (claims.every(({ kind }) => kind === "granted")) this.lanes.arm(Date.now());
    else this.wakeFlush();
    return claims;
  }

  /** Takes down how attempts to send messages went. */
  async reportDeliveries(ended: EndedAttempt[]): Promise<void> {
    try {
      reportAll(this.parts.deliveryDesk, ended, Date.now());
    } finally {
      this.wakeFlush();
    }
  }

  /** Makes a message that failed pending once more. @returns it as it is then */
  async redeliver(caller: Caller, id: string): Promise<CellResult<ToldDelivery>> {
    const { deliveryDesk, deliveryRows } = this.parts;
    const result = this.moveRuns(caller, () => deliveryDesk.redeliver(id, Date.now()));
    return result.ok ? found(deliveryRows.find(id)) : result;
  }

  /** A message with its attempts. */
  async readDelivery(caller: Caller, id: string): Promise<CellResult<ToldDelivery>> {
    return this.may(caller) ? found(this.parts.deliveryRows.find(id)) : UNAUTHORIZED;
  }

  /** A page of a person's messages with their attempts, newest first; `before` is the last id of the page before. */
  async exportDeliveries(
    caller: Caller,
    id: string,
    before: string | null,
  ): Promise<CellResult<ListPage<ToldDelivery>>> {
    return this.askFamily(caller, id, (profileIds) => deliveriesOf(this.parts.deliveryRows, profileIds, before));
  }

  async createTemplate(
    caller: Caller,
    says: { key: string; name: string; definition: TemplateDefinition },
  ): Promise<CellResult<TemplateView>> {
    return this.change(caller, () => this.parts.templateCommands.create(says, Date.now()));
  }

  /** Lets a template say something else; without a name it keeps its own. */
  async editTemplate(
    caller: Caller,
    key: string,
    says: { name: string | null; definition: TemplateDefinition },
  ): Promise<CellResult<TemplateView>> {
    return this.change(caller, () => this.parts.templateCommands.edit(key, says, Date.now()));
  }

  async archiveTemplate(caller: Caller, key: string): Promise<CellResult<TemplateView>> {
    return this.change(caller, () => this.parts.templateCommands.archive(key, Date.now()));
  }

  async readTemplate(caller: Caller, key: string): Promise<CellResult<TemplateView>> {
    return this.ask(caller, () => this.parts.templateCommands.read(key));
  }

  /** Newest first; `before` is the last id of the page before. */
  async listTemplates(
    caller: Caller,
    limit: number,
    before: string | null,
  ): Promise<CellResult<ListPage<TemplateView>>> {
    return this.ask(caller, () => ok(this.parts.templateCommands.list(limit, before)));
  }

  /** What the workspace signs its webhooks with; made when it is first asked for. */
  async readWebhookSecrets(caller: Caller): Promise<CellResult<WebhookSecretsView>> {
    return this.change(caller, () => ok(this.parts.webhookSecrets.view(Date.now())));
  }

  async rotateWebhookSecret(caller: Caller): Promise<CellResult<WebhookSecretsView>> {
    return this.change(caller, () => ok(this.parts.webhookSecrets.rotate(Date.now())));
  }

  /** Addresses that are called no more, newest first; `before` is the last id of the page before. */
  async listDisabledEndpoints(
    caller: Caller,
    limit: number,
    before: string | null,
  ): Promise<CellResult<ListPage<DisabledEndpoint>>> {
    return this.ask(caller, () => ok(this.parts.disabledEndpoints.list(limit, before)));
  }

  async enableEndpoint(caller: Caller, url: string): Promise<CellResult<null>> {
    return this.change(caller, () => {
      this.parts.disabledEndpoints.enable(url);
      return ok(null);
    });
  }

  async suppressProfile(caller: Caller, id: string, request: SuppressRequest): Promise<CellResult<KnownProfile>> {
    return this.change(caller, () => suppressPerson(this.parts, id, request, Date.now()));
  }

  async unsuppressProfile(caller: Caller, id: string): Promise<CellResult<KnownProfile>> {
    return this.change(caller, () => unsuppressPerson(this.parts, id));
  }

  /** Addresses and people that are not written to, newest first; `before` is the last id of the page before. */
  async listSuppressions(
    caller: Caller,
    limit: number,
    before: string | null,
  ): Promise<CellResult<ListPage<SuppressionEntry>>> {
    return this.ask(caller, () => ok(listSuppressions(this.parts, limit, before)));
  }

  /** Everything that stands against writing to a person, oldest first. */
  async exportSuppressions(caller: Caller, id: string): Promise<CellResult<SuppressionEntry[]>> {
    const { profiles, suppressions } = this.parts;
    return this.ask(caller, () => {
      const live = profiles.findLive(id);
      return live === null ? NOT_FOUND : ok(suppressions.entriesOf(listedAs(live)));
    });
  }

  /** How the people of these profiles stand, by profile id, without those whom nothing is known of. */
  async readStandings(caller: Caller, profileIds: string[]): Promise<CellResult<[string, DeliverySuppression][]>> {
    return this.ask(caller, () => ok(standingsOf(this.parts, profileIds)));
  }

  /** Whether a token of an unsubscribe link is one of this workspace's. Whoever has it is its only caller. */
  async admitsUnsubscribe(token: UnsubscribeToken): Promise<boolean> {
    return this.parts.unsubscribeLinks.admits(token);
  }

  /** Ends what the person behind a token's message is sent. @returns whether the token is one of this workspace's */
  async unsubscribe(token: UnsubscribeToken): Promise<boolean> {
    if (!this.parts.unsubscribeLinks.admits(token)) return false;
    let known = false;
    this.transaction(() => {
      known = unsubscribe(this.parts, token.deliveryId, Date.now());
    });
    return known;
  }

  /**
   * Notes what came back for a message, in the words of a provider that has shown who it is.
   *
   * @returns whether there is such a message, and went to that address
   */
  async noteReturnedEmail(returned: ReturnedEmail): Promise<boolean> {
    let known = false;
    this.transaction(() => {
      known = noteReturned(this.parts, returned, Date.now());
    });
    return known;
  }
}
