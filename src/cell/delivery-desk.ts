// Who sends asks here: hands a message out, once an attempt, and takes down how it went. What is asked about a message
// is asked at the moment it is handed out, in the transaction that hands it out, so that nothing overtakes an
// unsubscribe that was answered. A run hears of its message through the driver alone.
// @see docs/decisions/0017-how-a-message-is-sent.md
import type { Consent } from "../domain/consent.ts";
import { retryWaitMs } from "../domain/delivery-retry.ts";
import type { Claim, DeliveryJob, DeliveryReason, SendReport } from "../domain/delivery.ts";
import { err, ok } from "../domain/result.ts";
import type { DeliveryOutcome } from "../domain/run.ts";
import { NOT_FOUND, type CellResult } from "./cell-result.ts";
import type { ConsentDesk } from "./consent.ts";
import {
  needsEvent,
  type DeliveryJobs,
  type EmailRequest,
  type Message,
  type WebhookRequest,
} from "./delivery-jobs.ts";
import type { Delivery, DeliveryStore, SettlementFacts } from "./delivery-store.ts";
import { EMAIL_HOST, LEASE_MS, type DeliveryTask } from "./delivery-work.ts";
import { GONE, type DisabledEndpoints } from "./disabled-endpoints.ts";
import type { EnrollmentStore } from "./enrollment-store.ts";
import type { RunDriver } from "./run-driver.ts";
import type { WebhookSecrets } from "./webhook-secrets.ts";

/** Where a message went that a workspace withholds. */
const NOWHERE_TARGET = "nowhere";
const DROPPED: Claim = { kind: "dropped" };

/** An attempt that a fault of this program ended, before anything was sent. */
const FAULT: SendReport = {
  outcome: "retry",
  reason: null,
  code: "fault",
  message: null,
  providerId: null,
  retryAfterMs: null,
  durationMs: 0,
};

/** What a message cannot be sent without; once it is there, the message can be sent again. */
type Lacking = Pick<SendReport, "reason" | "code" | "message">;

type Address = Pick<Extract<Consent, { kind: "send" }>, "to" | "redirected">;

const NO_TEMPLATE: Lacking = { reason: "render_failed", code: "no_template", message: null };
const NO_PUBLIC_URL: Lacking = {
  reason: "rejected",
  code: "no_public_url",
  message: "Its unsubscribe link would lead nowhere: set PUBLIC_URL, or activate a journey again.",
};

export interface DeliveryDeskParts {
  enrollments: EnrollmentStore;
  driver: RunDriver;
  jobs: DeliveryJobs;
  consent: Pick<ConsentDesk, "forEmail" | "forWebhook" | "unsubscribeUrl">;
  secrets: Pick<WebhookSecrets, "forSigning">;
  endpoints: Pick<DisabledEndpoints, "isDisabled" | "disable">;
  snapshotIdOf: (templateKey: string) => string | null;
  /** The workspace's; `null` = it has none. */
  defaultFrom: () => string | null;
  newId: () => string;
  transaction: (run: () => void) => void;
}

export class DeliveryDesk {
  readonly #parts: DeliveryDeskParts;
  readonly #deliveries: DeliveryStore;

  constructor(parts: DeliveryDeskParts) {
    this.#parts = parts;
    this.#deliveries = parts.enrollments.deliveries;
  }

  /**
   * Hands a message out for an attempt, if that attempt is its next one and nothing is against it.
   *
   * @param attempt  counts from 1
   * @param now      Unix milliseconds
   */
  claim(deliveryId: string, attempt: number, now: number): Claim {
    const task = this.#deliveries.work.find(deliveryId);
    if (task === null || task.attempt + 1 !== attempt || !mayBeClaimed(task, now)) return DROPPED;
    let claim = DROPPED;
    try {
      this.#parts.transaction(() => {
        claim = this.#claim(task, now);
      });
      return claim;
    } catch (error) {
      // One that cannot even be put together must come to an end too, and hold up no other.
      console.error(JSON.stringify({ level: "error", at: "claim", deliveryId, error: nameOf(error) }));
      this.#parts.transaction(() => {
        this.#deliveries.work.claim(task, task.host ?? "", now);
        this.#report(deliveryId, attempt, FAULT, now);
      });
      return DROPPED;
    }
  }

  /** Takes down how an attempt went. One that is over already changes nothing, unless it turns out that it was sent. */
  report(deliveryId: string, attempt: number, report: SendReport, now: number): void {
    this.#parts.transaction(() => this.#report(deliveryId, attempt, report, now));
  }

  /** Gives up an attempt that was not heard of again. Runs inside a transaction. */
  lose(task: DeliveryTask, now: number): void {
    const delivery = this.#deliveries.find(task.deliveryId);
    if (delivery?.status !== "pending") return this.#deliveries.work.remove([task.deliveryId], now);
    const { attempt } = task;
    this.#deliveries.log.put(delivery.id, attempt, {
      at: now,
      outcome: "expired",
      code: null,
      message: null,
      durationMs: null,
      target: delivery.target,
    });
    this.#tryAgain(delivery, task, { lost: true, retryAfterMs: null }, now);
  }

  /**
   * Makes a message that failed pending once more, under the same id. Runs inside a transaction.
   *
   * @returns `not_redeliverable` when it has not failed, when what it was made of is not kept, or while its address is
   *          disabled: it would be skipped, and a message that was skipped is over
   */
  redeliver(deliveryId: string, now: number): CellResult<null> {
    const { enrollments, jobs, snapshotIdOf } = this.#parts;
    const delivery = this.#deliveries.find(deliveryId);
    if (delivery === null) return NOT_FOUND;
    if (delivery.status !== "failed") return err({ code: "not_redeliverable", reason: "not_failed" });
    const message = jobs.messageOf(delivery);
    if (message === null || message.profile === null) return err({ code: "not_redeliverable", reason: "not_kept" });
    const { request, enrollment } = message;
    if (request.channel === "webhook" && this.#parts.endpoints.isDisabled(request.url)) {
      return err({ code: "not_redeliverable", reason: "endpoint_disabled" });
    }
    const isHeld = enrollments.entryEvents.find(enrollment.eventId) !== null;
    const kept = this.#deliveries.kept.of(deliveryId) ?? { event: null, withheld: false };
    const isWhole = isHeld || !needsEvent(request) || (kept.event !== null && !kept.withheld);
    if (!isWhole) return err({ code: "not_redeliverable", reason: "not_kept" });
    // Where rendering failed, the template is what has been mended since.
    const isMended = request.channel === "email" && delivery.reason === "render_failed";
    const snapshotId = (isMended ? snapshotIdOf(request.template) : null) ?? delivery.snapshotId;
    if (isHeld) enrollments.holdEntryEvent(enrollment);
    this.#deliveries.revive(delivery, snapshotId, isHeld ? null : kept, now);
    return ok(null);
  }

  #claim(task: DeliveryTask, now: number): Claim {
    const delivery = this.#deliveries.find(task.deliveryId);
    if (delivery?.status !== "pending") {
      this.#deliveries.work.remove([task.deliveryId], now);
      return DROPPED;
    }
    const message = this.#parts.jobs.messageOf(delivery);
    if (message === null) return this.#skip(delivery, "profile_erased", now);
    const { request } = message;
    const consent =
      request.channel === "email" ? this.#askForEmail(message, request, now) : this.#askForWebhook(request);
    switch (consent.kind) {
      case "skip":
        return this.#skip(delivery, consent.reason, now);
      case "wait":
        this.#deliveries.work.postpone(task, consent.until, task.failures, now);
        this.#deliveries.wait(delivery, consent.until, consent.reason, delivery.attempts);
        return DROPPED;
      case "nowhere":
        this.#deliveries.direct(delivery, NOWHERE_TARGET, "redirected");
        this.#settle(delivery, { status: "sent", reason: "redirected" }, {}, now);
        return DROPPED;
      case "send":
        return this.#handOut(message, task, consent, now);
    }
  }

  #askForEmail({ profile }: Message, { to, transactional }: EmailRequest, now: number): Consent {
    return this.#parts.consent.forEmail({ profile, to, transactional }, now);
  }

  #askForWebhook({ url }: WebhookRequest): Consent {
    const { consent, endpoints } = this.#parts;
    if (endpoints.isDisabled(url)) return { kind: "skip", reason: "endpoint_disabled" };
    return consent.forWebhook().kind === "send" ? { kind: "send", to: url, redirected: false } : { kind: "nowhere" };
  }

  #handOut(
    message: Message,
    task: DeliveryTask,
    { to, redirected }: Extract<Consent, { kind: "send" }>,
    now: number,
  ): Claim {
    const { work } = this.#deliveries;
    const { delivery, request } = message;
    const host = hostOf(request);
    if (!work.hasRoom(host)) {
      work.park(task, host);
      return DROPPED;
    }
    const attempt = task.attempt + 1;
    const made = this.#jobOf(message, attempt, { to, redirected }, now);
    work.claim(task, host, now + LEASE_MS);
    this.#deliveries.direct(delivery, to, redirected ? "redirected" : null);
    if ("channel" in made) return { kind: "granted", job: made };
    this.#report(delivery.id, attempt, { ...FAULT, outcome: "failed", ...made }, now);
    return DROPPED;
  }

  /** @returns what it cannot be sent without, if that is missing */
  #jobOf(message: Message, attempt: number, address: Address, now: number): DeliveryJob | Lacking {
    const { jobs, consent, secrets, defaultFrom } = this.#parts;
    const { delivery, request } = message;
    if (request.channel === "webhook") return jobs.webhook({ ...message, request }, attempt, secrets.forSigning(now));
    const template = jobs.templateOf(delivery);
    if (template === null) return NO_TEMPLATE;
    const unsubscribeUrl = request.transactional ? null : consent.unsubscribeUrl(delivery.id);
    if (unsubscribeUrl === null && !request.transactional) return NO_PUBLIC_URL;
    const particulars = { ...address, attempt, template, defaultFrom: defaultFrom(), unsubscribeUrl };
    return jobs.email({ ...message, request }, particulars);
  }

  #report(deliveryId: string, attempt: number, report: SendReport, now: number): void {
    const delivery = this.#deliveries.find(deliveryId);
    if (delivery === null || delivery.request === null) return;
    const task = this.#deliveries.work.find(deliveryId);
    const isAtHand = task?.state === "claimed" && task.attempt === attempt;
    // Of an attempt that was given up, or whose message somebody else's report has settled meanwhile.
    const isLate =
      !isAtHand && (this.#wasLost(delivery, attempt) ? report.outcome === "sent" : isLast(delivery, attempt));
    if (!isAtHand && !isLate) return;
    const { outcome, code, message, durationMs, providerId } = report;
    // Since this attempt was handed out another one may have been, to somebody else.
    const { target, redirected } = report.sentTo ?? { ...delivery, redirected: redirectionOf(delivery) !== null };
    this.#deliveries.log.put(deliveryId, attempt, { at: now, outcome, code, message, durationMs, target });
    if (delivery.status !== "pending") return this.#deliveries.attempted(deliveryId, attempt);
    switch (outcome) {
      case "sent": {
        const reason = redirected ? "redirected" : null;
        this.#deliveries.direct(delivery, target, reason);
        const sent: DeliveryOutcome = { status: "sent", ...(reason && { reason }) };
        return this.#settle(delivery, sent, { attempts: attempt, providerId }, now);
      }
      case "retry":
        if (task !== null) this.#tryAgain(delivery, task, { lost: false, retryAfterMs: report.retryAfterMs }, now);
        return;
      case "failed":
        if (report.reason === "endpoint_disabled") this.#disable(delivery, now);
        return this.#fail(delivery, report.reason ?? "rejected", attempt, now);
    }
  }

  #wasLost({ id }: Delivery, attempt: number): boolean {
    return this.#deliveries.log.outcomeOf(id, attempt) === "expired";
  }

  #tryAgain(
    delivery: Delivery,
    task: DeliveryTask,
    { lost, retryAfterMs }: { lost: boolean; retryAfterMs: number | null },
    now: number,
  ): void {
    const failures = task.failures + 1;
    const waitMs = retryWaitMs({ deliveryId: delivery.id, failures, lost, retryAfterMs });
    if (waitMs === null) return this.#fail(delivery, "exhausted", task.attempt, now);
    this.#deliveries.work.postpone(task, now + waitMs, failures, now);
    this.#deliveries.wait(delivery, now + waitMs, redirectionOf(delivery), task.attempt);
  }

  #fail(delivery: Delivery, reason: DeliveryReason, attempts: number, now: number): void {
    const message = this.#parts.jobs.messageOf(delivery);
    const facts: SettlementFacts =
      message === null ? { attempts } : { attempts, kept: this.#parts.jobs.keptOf(message) };
    this.#settle(delivery, { status: "failed", code: reason }, facts, now);
  }

  #skip(delivery: Delivery, reason: DeliveryReason, now: number): Claim {
    this.#settle(delivery, { status: "skipped", reason }, {}, now);
    return DROPPED;
  }

  #settle({ id }: Delivery, outcome: DeliveryOutcome, facts: SettlementFacts, now: number): void {
    this.#parts.driver.settle(id, outcome, now, facts);
  }

  #disable({ request }: Delivery, now: number): void {
    if (request?.channel === "webhook") this.#parts.endpoints.disable(this.#parts.newId(), request.url, GONE, now);
  }
}

/** A message of the queue that comes again while its own waits for its next instant does nothing. */
function mayBeClaimed({ state, dueAt }: DeliveryTask, now: number): boolean {
  return state === "queued" || (state === "waiting" && dueAt !== null && dueAt <= now);
}

/** Whether an attempt was the last one of a message that is settled, and nothing is known of its end yet. */
function isLast({ status, attempts }: Delivery, attempt: number): boolean {
  return status !== "pending" && attempt === attempts + 1;
}

/** Whether its target is somebody else than it was made for: until its next claim says otherwise. */
function redirectionOf({ reason }: Delivery): "redirected" | null {
  return reason === "redirected" ? reason : null;
}

/** Whose room a message takes up. */
function hostOf(request: Message["request"]): string {
  if (request.channel === "email") return EMAIL_HOST;
  // An address that is none may stand in a journey from before addresses were checked: its sender refuses it.
  return URL.parse(request.url)?.host ?? "";
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "Error";
}
