// Sends through the binding of Cloudflare's Email Service. What its error codes mean, and which of them pass:
// developers.cloudflare.com/email-service/api/send-emails/workers-api/#error-codes
import { readMailbox } from "../../domain/mailbox.ts";
import type { EmailWay, OutgoingEmail } from "../outgoing-email.ts";
import { passing, refused, taken, type Outcome } from "../send-report.ts";

const SEND_TIMEOUT_MS = 10_000;

/**
 * Codes that the same message would meet again. Not among them, though refusals too: rate and daily limits, internal
 * errors, and E_DELIVERY_FAILED, which also stands for a mailbox that was busy (of one that is gone, the service keeps
 * a suppression, and the next attempt meets that).
 */
const REFUSALS = new Set([
  "E_VALIDATION_ERROR",
  "E_FIELD_MISSING",
  "E_TOO_MANY_RECIPIENTS",
  "E_SENDER_NOT_VERIFIED",
  "E_SENDER_DOMAIN_NOT_AVAILABLE",
  "E_RECIPIENT_NOT_ALLOWED",
  "E_RECIPIENT_SUPPRESSED",
  "E_CONTENT_TOO_LARGE",
  "E_HEADER_NOT_ALLOWED",
  "E_HEADER_USE_API_FIELD",
  "E_HEADER_VALUE_INVALID",
  "E_HEADER_VALUE_TOO_LONG",
  "E_HEADER_NAME_INVALID",
  "E_HEADERS_TOO_LARGE",
  "E_HEADERS_TOO_MANY",
]);
const CODE = /^E_[A-Z_]{1,60}$/;

/** A sender over the binding. It takes no idempotency key: an attempt whose answer was lost may arrive twice. */
export function cloudflareSender(binding: Pick<SendEmail, "send">): EmailWay {
  return async (email) => {
    const overdue = Promise.withResolvers<"overdue">();
    const timer = setTimeout(() => overdue.resolve("overdue"), SEND_TIMEOUT_MS);
    try {
      const answer = await Promise.race([binding.send(messageOf(email)), overdue.promise]);
      if (answer !== "overdue") return taken(answer.messageId);
      return passing("timeout", `There was no answer within ${SEND_TIMEOUT_MS / 1_000} seconds.`);
    } catch (error) {
      return outcomeOf(error);
    } finally {
      clearTimeout(timer);
    }
  };
}

function messageOf({ from, to, replyTo, subject, html, text, headers }: OutgoingEmail): EmailMessageBuilder {
  return {
    from: addressOf(from),
    to,
    subject,
    html,
    text,
    headers,
    ...(replyTo === null ? {} : { replyTo: addressOf(replyTo) }),
  };
}

/** The service takes a name only as a field of its own: `Name <address>` fails its validation. */
function addressOf(text: string): string | EmailAddress {
  const mailbox = readMailbox(text);
  if (mailbox === null) return text;
  return mailbox.name === null ? mailbox.address : { name: mailbox.name, email: mailbox.address };
}

function outcomeOf(error: unknown): Outcome {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const words = typeof message === "string" ? message : null;
  if (typeof code !== "string" || !CODE.test(code)) return passing("provider_error", words);
  return REFUSALS.has(code) ? refused("rejected", code, words) : passing(code, words);
}
