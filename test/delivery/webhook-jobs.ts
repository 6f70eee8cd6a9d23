// Webhooks to send in tests, as the cell hands them out.
import type { DeliveryJob } from "../../src/domain/delivery.ts";

export type WebhookJob = Extract<DeliveryJob, { channel: "webhook" }>;

export const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
export const PREVIOUS_SECRET = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;

export function aWebhookJob(over: Partial<WebhookJob> = {}): WebhookJob {
  return {
    channel: "webhook",
    deliveryId: "019bf964-302b-7a7f-add2-589343ef9f32",
    attempt: 1,
    url: "http://127.0.0.1:9/",
    method: "POST",
    headers: {},
    body: '{"type":"journey.step","data":{"name":"Zoë 🎉"}}',
    secrets: [SECRET],
    ...over,
  };
}

/** A development machine's settings. */
export const LOOPBACK_OPEN = { ALLOW_LOOPBACK_WEBHOOKS: "true" };
