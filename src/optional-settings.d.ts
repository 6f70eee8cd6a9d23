// Settings that a deployment may leave out, which is why wrangler.toml does not name them: docs/operations.md.

interface OptionalSettings {
  /** `true` lets webhooks call the very machine that the Worker runs on. For development; a deployment leaves it out. */
  ALLOW_LOOPBACK_WEBHOOKS?: string;
  /** Where people reach this deployment, such as https://events.example.com: what links in e-mails begin with. */
  PUBLIC_URL?: string;
  /** Which way e-mails leave: `cloudflare` (unset), `resend` or `file`. docs/sending-email.md */
  EMAIL_SENDER?: string;
  /** Resend's key, a secret. */
  RESEND_API_KEY?: string;
  /** Another service that speaks as Resend does. */
  RESEND_BASE_URL?: string;
  /** What Resend signs its reports with, a secret: a list, newest first. */
  RESEND_WEBHOOK_SECRET?: string;
  /** Takes e-mails as files; only `npm run dev` has it. */
  EMAIL_FILES?: Fetcher;
}

declare namespace Cloudflare {
  interface Env extends OptionalSettings {}
}

interface Env extends OptionalSettings {}
