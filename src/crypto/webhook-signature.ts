// Signs webhooks as Standard Webhooks 1.0.0 has it: HMAC-SHA-256 over id, instant and body, so that a receiver can tell
// who sent a message, that it is whole, and that it is not an old one played again.
import { createHmac } from "node:crypto";

const PREFIX = "whsec_";
/** The specification asks for 24 to 64. */
export const WEBHOOK_SECRET_BYTES = 32;

/** Writes random bytes as a secret to sign with. @param random  24 to 64 bytes */
export function formatWebhookSecret(random: Uint8Array): string {
  return PREFIX + Buffer.from(random).toString("base64");
}

/**
 * Signs a message.
 *
 * @param secrets   as {@link formatWebhookSecret} writes them; one signature each, in their order
 * @param id        the delivery's: the same for each attempt
 * @param seconds   the attempt's instant, Unix seconds
 * @param body      as it is sent; empty = the request has none
 * @returns the headers that carry it
 */
export function webhookSignatureHeaders(
  secrets: readonly string[],
  id: string,
  seconds: number,
  body: string,
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  const signed = `${id}.${seconds}.${body}`;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": signatures.join(" ") };
}
