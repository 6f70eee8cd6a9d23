// Which way e-mails leave this deployment. A sender never throws, and a deployment that lacks a setting loses no
// message by it: they wait for their next attempt, and say what is missing.
import type { SendReport } from "../domain/delivery.ts";
import { emailSenderName, emailSettingsIssue, type EmailSettings } from "../domain/email-settings.ts";
import type { EmailWay, OutgoingEmail } from "./outgoing-email.ts";
import { passing, type Outcome } from "./send-report.ts";
import { cloudflareSender } from "./senders/cloudflare.ts";
import { fileSender } from "./senders/file.ts";
import { RESEND_BASE_URL, resendSender } from "./senders/resend.ts";

export type EmailSender = (email: OutgoingEmail) => Promise<SendReport>;

/** What of a deployment decides about e-mail; `Env` is one. */
export interface EmailBindings extends EmailSettings {
  EMAIL?: Pick<SendEmail, "send">;
  EMAIL_FILES?: Pick<Fetcher, "fetch">;
}

/** Chooses the sender by the deployment's settings. @see docs/sending-email.md */
export function emailSenderOf(env: EmailBindings): EmailSender {
  const way = wayOf(env);
  return async (email) => {
    const startedAt = Date.now();
    const outcome = await attempt(way, email);
    return { ...outcome, durationMs: Date.now() - startedAt };
  };
}

function wayOf(env: EmailBindings): EmailWay {
  const issue = emailSettingsIssue(env);
  if (issue !== null) return notConfigured(issue);
  switch (emailSenderName(env) ?? "cloudflare") {
    case "cloudflare":
      return cloudflareSender(env.EMAIL as Pick<SendEmail, "send">);
    case "file":
      return fileSender(env.EMAIL_FILES as Pick<Fetcher, "fetch">);
    case "resend":
      return resendSender({
        apiKey: (env.RESEND_API_KEY ?? "").trim(),
        baseUrl: env.RESEND_BASE_URL ?? RESEND_BASE_URL,
      });
  }
}

async function attempt(way: EmailWay, email: OutgoingEmail): Promise<Outcome> {
  try {
    return await way(email);
  } catch (error) {
    // Its text may quote the message: its name is what is safe to log.
    const name = error instanceof Error ? error.name : "";
    console.error(JSON.stringify({ level: "error", at: "email-sender", error: name }));
    return passing("internal", null);
  }
}

const told = new Set<string>();

/** Says what is missing in the log of every message, and once in the Worker's. */
function notConfigured(issue: string): EmailWay {
  return async () => {
    if (!told.has(issue))
      console.error(JSON.stringify({ level: "error", at: "email-sender", misconfiguration: issue }));
    told.add(issue);
    return passing("not_configured", issue);
  };
}
