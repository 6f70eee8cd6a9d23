// What came back for an e-mail that was sent: it bounced, or the person called it spam. A message stays sent, whatever
// comes back for it; what changes is whether its address is written to again. @see docs/sending-email.md#what-comes-back
import { oneLine } from "./one-line.ts";

/**
 * - `hard_bounce`: the address takes no mail, and will not: it is suppressed
 * - `soft_bounce`: it took none this time, and may again: it is only noted
 * - `complaint`: the person called the message spam: the address is suppressed
 */
export type EmailReturn = "hard_bounce" | "soft_bounce" | "complaint";

export interface ReturnedEmail {
  /** The message it came back for, as the provider gives it back. Whether there is such a one, the cell knows. */
  deliveryId: string;
  /** The address that it went to, as the provider writes it. */
  address: string;
  kind: EmailReturn;
  /** Why, in the words of who refused it, on one line; `null` = not told. */
  diagnosticCode: string | null;
}

const MAX_DIAGNOSTIC_CHARACTERS = 300;

/** Writes a provider's words as a diagnostic code: the first that are any. */
export function diagnosticCodeOf(...words: (string | undefined)[]): string | null {
  const lines = words.map((text) => oneLine(text ?? "", MAX_DIAGNOSTIC_CHARACTERS));
  return lines.find((line) => line !== "") ?? null;
}
