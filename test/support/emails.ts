// An e-mail on its way out.
import type { OutgoingEmail } from "../../src/delivery/outgoing-email.ts";

/** One that everybody would take. */
export function anOutgoingEmail(over: Partial<OutgoingEmail> = {}): OutgoingEmail {
  return {
    deliveryId: "019bf964-302b-7a7f-add2-589343ef9f32",
    idempotencyKey: "019bf964-302b-7a7f-add2-589343ef9f32",
    workspaceId: "019bf964-302b-7a7f-add2-589343ef9f31",
    from: "Acme <hello@example.com>",
    to: "alex@example.com",
    replyTo: null,
    subject: "Your order 1001",
    html: "<p>Thank you, Zoë.</p>",
    text: "Thank you, Zoë.",
    headers: { "X-Waypost-Delivery": "019bf964-302b-7a7f-add2-589343ef9f32" },
    ...over,
  };
}
