// What a message is made of, put together when it is handed out: with the person as they are then. Reads only.
import type { DeliveryJob } from "../domain/delivery.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Profile } from "../domain/profile.ts";
import { profileScope } from "../domain/profile-scope.ts";
import { parseRedactionPath, redact } from "../domain/redaction.ts";
import type { DeliveryRequest } from "../domain/steps/step-runtime.ts";
import { standardBody } from "../domain/steps/webhook.ts";
import type { TemplateDefinition } from "../domain/template.ts";
import type { Delivery } from "./delivery-store.ts";
import type { Enrollment, EnrollmentStore } from "./enrollment-store.ts";
import type { KeptMessage } from "./kept-messages.ts";
import type { JourneyStore } from "./journey-store.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { TemplateStore } from "./template-store.ts";

export type EmailRequest = Extract<DeliveryRequest, { channel: "email" }>;
export type WebhookRequest = Extract<DeliveryRequest, { channel: "webhook" }>;

/** A message that is to be sent, with its run and whose it is. */
export interface Message<R extends DeliveryRequest = DeliveryRequest> {
  delivery: Delivery;
  request: R;
  enrollment: Enrollment;
  /** The live profile; `null` = the person was erased. */
  profile: Profile | null;
}

/** What an e-mail needs besides its message. */
export interface EmailParticulars {
  attempt: number;
  template: TemplateDefinition;
  to: string;
  redirected: boolean;
  defaultFrom: string | null;
  unsubscribeUrl: string | null;
}

export class DeliveryJobs {
  readonly #enrollments: EnrollmentStore;
  readonly #profiles: ProfileStore;
  readonly #journeys: JourneyStore;
  readonly #templates: TemplateStore;

  constructor(parts: {
    enrollments: EnrollmentStore;
    profiles: ProfileStore;
    journeys: JourneyStore;
    templates: TemplateStore;
  }) {
    this.#enrollments = parts.enrollments;
    this.#profiles = parts.profiles;
    this.#journeys = parts.journeys;
    this.#templates = parts.templates;
  }

  /** @returns `null` when its person was erased */
  messageOf(delivery: Delivery): Message | null {
    const { request } = delivery;
    const enrollment = this.#enrollments.find(delivery.enrollmentId);
    if (request === null || enrollment === null) return null;
    return { delivery, request, enrollment, profile: this.#profiles.findLive(enrollment.profileId) };
  }

  templateOf({ snapshotId }: Delivery): TemplateDefinition | null {
    return snapshotId === null ? null : this.#templates.snapshot(snapshotId);
  }

  email(message: Message<EmailRequest>, particulars: EmailParticulars): DeliveryJob {
    const { delivery, enrollment, profile } = message;
    const { journeyKey, version } = enrollment;
    const { unsubscribeUrl } = particulars;
    const journey: JsonObject = {
      key: journeyKey,
      version,
      name: this.#journeys.find(journeyKey)?.name ?? journeyKey,
      stepId: delivery.stepId,
      enrollmentId: enrollment.id,
      deliveryId: delivery.id,
      unsubscribeUrl,
    };
    const state = { event: this.#eventOf(message)?.data ?? {}, profile: scopeOf(profile), journey };
    return { channel: "email", deliveryId: delivery.id, state, ...particulars };
  }

  webhook(message: Message<WebhookRequest>, attempt: number, secrets: string[]): DeliveryJob {
    const { delivery, request } = message;
    const { url, method, headers } = request;
    const body = this.#bodyOf(message);
    return { channel: "webhook", deliveryId: delivery.id, attempt, url, method, headers, body, secrets };
  }

  /** What is kept of a message that failed. */
  keptOf(message: Message): KeptMessage {
    const { delivery, request } = message;
    const event = needsEvent(request) ? this.#eventOf(message) : null;
    if (event === null) return { event: null, withheld: false };
    const paths = this.templateOf(delivery)?.sensitiveTransactionalVariablePaths ?? [];
    const data = without(event.data, paths);
    return { event: { event: event.event, data }, withheld: data !== event.data || this.#lacks(delivery) };
  }

  /** The event that started the run: as it is held, else as it was kept with the message. */
  #eventOf({ delivery, enrollment }: Message): { event: string; data: Json } | null {
    if (delivery.isMadeOfKept) return this.#enrollments.deliveries.kept.of(delivery.id)?.event ?? null;
    return this.#enrollments.entryEvents.find(enrollment.eventId);
  }

  #lacks({ id, isMadeOfKept }: Delivery): boolean {
    return isMadeOfKept && (this.#enrollments.deliveries.kept.of(id)?.withheld ?? false);
  }

  #bodyOf(message: Message<WebhookRequest>): string | null {
    const { delivery, request, enrollment, profile } = message;
    const { body } = request;
    if (body.kind === "none") return null;
    if (body.kind === "json") return JSON.stringify(body.value);
    const event = this.#eventOf(message);
    const standard = standardBody({
      // When the step asked for it: each attempt says the same.
      timestamp: new Date(delivery.createdAt).toISOString(),
      deliveryId: delivery.id,
      enrollmentId: enrollment.id,
      journeyKey: enrollment.journeyKey,
      version: delivery.version,
      stepId: delivery.stepId,
      profile: {
        id: profile?.id ?? enrollment.profileId,
        email: profile?.identities.emails[0] ?? null,
        externalId: profile?.identities.externalId ?? null,
      },
      event: { id: enrollment.eventId, name: event?.event ?? "", data: event?.data ?? {} },
    });
    return JSON.stringify(standard);
  }
}

/** Whether a message is made of the event that started its run; the others hold all they say. */
export function needsEvent(request: DeliveryRequest): boolean {
  return request.channel === "email" || request.body.kind === "standard";
}

function scopeOf(profile: Profile | null): JsonObject {
  if (profile === null) return {};
  const { emails, externalId } = profile.identities;
  const properties = JSON.parse(profile.propertiesJson) as JsonObject;
  return profileScope(properties, { email: emails[0] ?? null, externalId });
}

/** Data without what lies at the paths; the same object when nothing does. A path that is none names nothing. */
function without(data: Json, paths: readonly string[]): Json {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return data;
  return redact(
    data,
    paths.filter((path) => parseRedactionPath(path).ok),
  );
}
