// The sender over the Email Service's binding: what the binding is given, and what is made of each of its codes. The
// codes are those of developers.cloudflare.com/email-service/api/send-emails/workers-api/#error-codes.
import { afterEach, describe, expect, it, vi } from "vitest";
import { emailSenderOf } from "../../src/delivery/email-sender.ts";
import { anOutgoingEmail } from "../support/emails.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A binding that takes everything, or does what it is told. */
function aBinding(answer: () => Promise<EmailSendResult> = async () => ({ messageId: "<m-1@example.com>" })) {
  const sent: unknown[] = [];
  const send = async (message: unknown): Promise<EmailSendResult> => {
    sent.push(message);
    return await answer();
  };
  return { sent, sender: emailSenderOf({ EMAIL: { send } }) };
}

const throwing = (code: unknown, message = "What is wrong.") =>
  aBinding(async () => {
    throw Object.assign(new Error(message), { code });
  }).sender;

describe("the sender over Cloudflare's Email Service", () => {
  it("hands the e-mail to the binding, names and addresses apart, and keeps the id it was given", async () => {
    const { sent, sender } = aBinding();
    const email = anOutgoingEmail({ from: '"Acme, Inc." <hello@example.com>', replyTo: "help@example.com" });
    expect(await sender(email)).toMatchObject({ outcome: "sent", providerId: "<m-1@example.com>", code: null });
    expect(sent).toEqual([
      {
        from: { name: "Acme, Inc.", email: "hello@example.com" },
        to: "alex@example.com",
        replyTo: "help@example.com",
        subject: email.subject,
        html: email.html,
        text: email.text,
        headers: email.headers,
      },
    ]);
  });

  it("leaves replyTo out when there is none", async () => {
    const { sent, sender } = aBinding();
    await sender(anOutgoingEmail({ from: "hello@example.com" }));
    expect(sent[0]).toMatchObject({ from: "hello@example.com" });
    expect(sent[0]).not.toHaveProperty("replyTo");
  });

  it.each([
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
  ])("gives up after %s", async (code) => {
    expect(await throwing(code)(anOutgoingEmail())).toMatchObject({
      outcome: "failed",
      reason: "rejected",
      code,
      message: "What is wrong.",
    });
  });

  it.each(["E_RATE_LIMIT_EXCEEDED", "E_DAILY_LIMIT_EXCEEDED", "E_INTERNAL_SERVER_ERROR", "E_DELIVERY_FAILED", "E_NEW"])(
    "tries again after %s",
    async (code) => {
      expect(await throwing(code)(anOutgoingEmail())).toMatchObject({ outcome: "retry", reason: null, code });
    },
  );

  it.each([undefined, 7, "", "not a code"])("tries again after an error whose code is %j", async (code) => {
    expect(await throwing(code)(anOutgoingEmail())).toMatchObject({ outcome: "retry", code: "provider_error" });
  });

  it("tries again when something is thrown that is no error", async () => {
    const { sender } = aBinding(async () => {
      throw null;
    });
    expect(await sender(anOutgoingEmail())).toMatchObject({ outcome: "retry" });
  });

  it("waits ten seconds for the binding, and no longer", async () => {
    vi.useFakeTimers();
    const { sender } = aBinding(async () => await new Promise(() => undefined));
    const sending = sender(anOutgoingEmail());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await sending).toMatchObject({ outcome: "retry", code: "timeout", durationMs: 10_000 });
  });
});
