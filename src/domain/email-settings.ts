// Which way e-mails leave a deployment, and what that way lacks. Names settings, never a value: what it says is shown
// in /healthz and in the log of a message. @see docs/sending-email.md

export const EMAIL_SENDERS = ["cloudflare", "resend", "file"] as const;
export type EmailSenderName = (typeof EMAIL_SENDERS)[number];

/** What can stand in a header as a key; what cannot would look like a broken connection, attempt after attempt. */
const KEY = /^[\u0021-\u007e]+$/;

/** The deployment's settings, as far as they decide about e-mail. Bindings only count as there or not. */
export interface EmailSettings {
  /** One of {@link EMAIL_SENDERS}; unset = `cloudflare`. */
  EMAIL_SENDER?: string;
  EMAIL?: unknown;
  EMAIL_FILES?: unknown;
  RESEND_API_KEY?: string;
  RESEND_BASE_URL?: string;
}

/** The sender that is asked for; `null` when there is none of that name. */
export function emailSenderName({ EMAIL_SENDER = "cloudflare" }: EmailSettings): EmailSenderName | null {
  return EMAIL_SENDERS.find((name) => name === EMAIL_SENDER) ?? null;
}

/**
 * Tells why no e-mail can be sent under these settings.
 *
 * @returns a sentence for the operator; `null` = nothing is missing
 */
export function emailSettingsIssue(settings: EmailSettings): string | null {
  switch (emailSenderName(settings)) {
    case null:
      return `EMAIL_SENDER is none of ${EMAIL_SENDERS.join(", ")}: see docs/sending-email.md`;
    case "cloudflare":
      return settings.EMAIL === undefined ? "The binding EMAIL is missing: see docs/sending-email.md" : null;
    case "file":
      return settings.EMAIL_FILES === undefined
        ? "The binding EMAIL_FILES is missing; only `npm run dev` has one: see docs/sending-email.md"
        : null;
    case "resend":
      return resendIssue(settings);
  }
}

function resendIssue({ RESEND_API_KEY = "", RESEND_BASE_URL }: EmailSettings): string | null {
  const key = RESEND_API_KEY.trim();
  if (key === "") return "RESEND_API_KEY is not set: see docs/sending-email.md";
  if (!KEY.test(key)) return "RESEND_API_KEY is not one word of plain ASCII: see docs/sending-email.md";
  return RESEND_BASE_URL === undefined || isBaseUrl(RESEND_BASE_URL)
    ? null
    : "RESEND_BASE_URL is not an http or https URL: see docs/sending-email.md";
}

function isBaseUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
