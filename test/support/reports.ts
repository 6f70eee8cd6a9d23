// Reports of what became of e-mails, as the providers send them.
import { Webhook } from "standardwebhooks";
import { env } from "cloudflare:workers";
import type { ApiRequest } from "./api.ts";

/** What an event of Resend's says of a message; the shape of its documentation, with the tags as they arrive. */
export interface ResendReport {
  type?: string;
  workspaceId: string;
  deliveryId: string;
  to?: string;
  bounce?: { type: string; subType?: string; message?: string; diagnosticCode?: string[] };
}

export function aResendEvent({ type = "email.bounced", workspaceId, deliveryId, to, bounce }: ResendReport): object {
  return {
    type,
    created_at: "2026-05-31T12:00:00.000Z",
    data: {
      email_id: "56761188-7520-42d8-8898-ff6fc54ce618",
      created_at: "2026-05-31T11:59:00.000Z",
      from: "Acme <hello@example.com>",
      to: [to ?? "alex@example.com"],
      subject: "Your order 1001",
      tags: { waypost_workspace: workspaceId, waypost_delivery: deliveryId },
      ...(type === "email.bounced" ? { bounce: bounce ?? { type: "Permanent", subType: "General" } } : {}),
    },
  };
}

/** The request that carries an event, or any text, signed as Resend signs. */
export function signedByResend(
  event: object | string,
  { secret = env.RESEND_WEBHOOK_SECRET?.split(",")[0] ?? "", at = Date.now() } = {},
): ApiRequest & { headers: Record<string, string>; body: string } {
  const body = typeof event === "string" ? event : JSON.stringify(event);
  const signature = new Webhook(secret).sign("msg_1", new Date(at), body);
  return {
    method: "POST",
    path: "/api/v1/inbound/resend",
    headers: {
      "svix-id": "msg_1",
      "svix-timestamp": String(Math.floor(at / 1_000)),
      "svix-signature": signature,
    },
    body,
  };
}
