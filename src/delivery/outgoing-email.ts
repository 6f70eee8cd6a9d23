// What a sender is given. Everything in it is safe to stand in a header: sent or not sent is all a sender decides.
import type { Outcome } from "./send-report.ts";

/** An e-mail as it leaves: rendered, with its headers. */
export interface OutgoingEmail {
  deliveryId: string;
  /** The same for each attempt to tell one address of one delivery; without an address, up to 256 characters. */
  idempotencyKey: string;
  workspaceId: string;
  /** An address, or `Name <address>`. */
  from: string;
  /** An address. */
  to: string;
  /** As `from`. */
  replyTo: string | null;
  subject: string;
  html: string;
  text: string;
  headers: Record<string, string>;
}

/** One way out; what it throws counts as passing. */
export type EmailWay = (email: OutgoingEmail) => Promise<Outcome>;
