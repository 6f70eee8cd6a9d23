// A mailbox as a sender is written: an address, or a name and an address in angle brackets (RFC 5322, 3.4). What could
// begin another header, or another mailbox, is in neither.
import { EMAIL_PATTERN, MAX_EMAIL_CHARACTERS } from "./identity-values.ts";

const MAX_NAME_CHARACTERS = 200;
/** A name as it is, or in quotes; quotes inside are left out, since few senders read them alike. */
const NAMED = /^(?:"([^"\\<>]+)"|([^"\\<>,;:@]+)) <([^<>]+)>$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it is looking for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
/** What a name may hold without quotes: the characters of atoms, and what is not ASCII. */
const PLAIN_NAME = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ \u0080-\u{10FFFF}]+$/u;

export interface Mailbox {
  /** What people see; `null` = only the address. */
  name: string | null;
  address: string;
}

/** Tells whether a text is one e-mail address. */
export function isEmailAddress(text: string): boolean {
  return text.length <= MAX_EMAIL_CHARACTERS && EMAIL_PATTERN.test(text);
}

/** Tells whether a text is an e-mail address, or `Name <address>`. */
export function isMailbox(text: string): boolean {
  return readMailbox(text) !== null;
}

/** Reads an e-mail address, or `Name <address>`. @returns `null` when a text is neither */
export function readMailbox(text: string): Mailbox | null {
  if (isEmailAddress(text)) return { name: null, address: text };
  const [, quoted, plain, address = ""] = NAMED.exec(text) ?? [];
  const name = (quoted ?? plain ?? "").trim();
  if (name === "" || name.length > MAX_NAME_CHARACTERS || CONTROL.test(text)) return null;
  return name.isWellFormed() && isEmailAddress(address) ? { name, address } : null;
}

/** Writes a mailbox as a header has it, its name in quotes where it has to be. */
export function formatMailbox({ name, address }: Mailbox): string {
  if (name === null) return address;
  return PLAIN_NAME.test(name) ? `${name} <${address}>` : `"${name}" <${address}>`;
}
