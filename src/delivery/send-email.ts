// One attempt to send an e-mail: rendered from the snapshot of its template, addressed, given its headers, handed to
// the deployment's sender. Nothing rendered is kept, here or anywhere.
import { createHash } from "node:crypto";
import type { DeliveryJob, SendReport } from "../domain/delivery.ts";
import { formatMailbox, readMailbox } from "../domain/mailbox.ts";
import { emailSenderOf, type EmailBindings } from "./email-sender.ts";
import { renderEmail, type RenderedEmail } from "./render.ts";
import type { OutgoingEmail } from "./outgoing-email.ts";
import { passing, refused, type Outcome } from "./send-report.ts";

type EmailJob = Extract<DeliveryJob, { channel: "email" }>;

/**
 * Renders and sends an e-mail. Never throws.
 *
 * @param job  as the cell hands it out
 * @param env  the deployment's: which sender, and what it needs
 */
export async function sendEmail(job: EmailJob, workspaceId: string, env: EmailBindings): Promise<SendReport> {
  const startedAt = Date.now();
  const prepared = await prepare(job, workspaceId);
  const report = prepared.ok ? await emailSenderOf(env)(prepared.value) : prepared.error;
  const sentTo = { target: job.to, redirected: job.redirected };
  return { ...report, durationMs: Date.now() - startedAt, sentTo };
}

type Prepared = { ok: true; value: OutgoingEmail } | { ok: false; error: Outcome };

async function prepare(job: EmailJob, workspaceId: string): Promise<Prepared> {
  let rendered: Awaited<ReturnType<typeof renderEmail>>;
  try {
    rendered = await renderEmail(job.template, job.state);
  } catch (error) {
    // Its text may quote what was rendered: its name is what is safe to log.
    const name = error instanceof Error ? error.name : "";
    console.error(JSON.stringify({ level: "error", at: "send-email", deliveryId: job.deliveryId, error: name }));
    return { ok: false, error: passing("internal", null) };
  }
  if (!rendered.ok) return { ok: false, error: refused("render_failed", "render_failed", rendered.error.message) };
  return address(job, workspaceId, rendered.value);
}

/**
 * Names an e-mail to its provider. A provider refuses another e-mail under the same key, and has to: who takes the
 * person's place gets one of their own, and nobody gets two.
 */
function idempotencyKeyOf({ deliveryId, redirected, to }: EmailJob): string {
  if (!redirected) return deliveryId;
  return `${deliveryId}/redirected/${createHash("sha256").update(to).digest("hex").slice(0, 32)}`;
}

function address(job: EmailJob, workspaceId: string, rendered: RenderedEmail): Prepared {
  const from = senderOf(job, rendered);
  if (!from.ok) return from;
  const to = readMailbox(job.to);
  if (to === null) {
    return rejected("invalid_to", "The step's `to` does not give an e-mail address.");
  }
  if (rendered.subject === "") {
    const message = "The template's subject is empty with this event and person.";
    return { ok: false, error: refused("render_failed", "no_subject", message) };
  }
  const replyTo = readMailbox(rendered.replyTo ?? "");
  return {
    ok: true,
    value: {
      deliveryId: job.deliveryId,
      idempotencyKey: idempotencyKeyOf(job),
      workspaceId,
      from: from.value,
      to: to.address,
      // Somebody who cannot be answered at another address is answered at the sender's.
      replyTo: replyTo === null ? null : formatMailbox(replyTo),
      subject: rendered.subject,
      html: rendered.html,
      text: rendered.text,
      headers: headersOf(job),
    },
  };
}

/** The template's, if it gives one; the workspace's otherwise. */
function senderOf({ defaultFrom }: EmailJob, { from }: RenderedEmail): { ok: true; value: string } | NotPrepared {
  const given = from ?? defaultFrom;
  if (given === null) {
    return rejected(
      "no_from",
      "Nobody to send from: give the template a `from`, or the workspace a `settings.defaultFrom`.",
    );
  }
  const mailbox = readMailbox(given);
  if (mailbox === null) {
    return rejected("invalid_from", "`from` gives neither an e-mail address nor a name and an address in <>.");
  }
  return { ok: true, value: formatMailbox(mailbox) };
}

type NotPrepared = Extract<Prepared, { ok: false }>;

function rejected(code: string, message: string): NotPrepared {
  return { ok: false, error: refused("rejected", code, message) };
}

/** RFC 8058: both, so that a mail program ends such messages with one POST. A transactional message has neither. */
function headersOf({ deliveryId, unsubscribeUrl }: EmailJob): Record<string, string> {
  return {
    "X-Waypost-Delivery": deliveryId,
    ...(unsubscribeUrl === null
      ? {}
      : { "List-Unsubscribe": `<${unsubscribeUrl}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" }),
  };
}
