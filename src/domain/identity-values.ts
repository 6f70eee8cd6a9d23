// What a value must look like to be an identity of its kind, whichever door it comes through.

/** Longest address that SMTP can carry: 64 + 1 + 255 (RFC 5321, 4.5.3.1). */
export const MAX_EMAIL_CHARACTERS = 320;

export const EMAIL_PATTERN =
  /^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$/;

const MAX_ID_CHARACTERS = 255;
export const E164_PATTERN = /^\+[1-9]\d{6,14}$/;

/** Whether a text can be an externalId or an anonymousId: 1–255 characters of well-formed Unicode, no U+0000. */
export function isIdentityText(text: string): boolean {
  return text.length > 0 && text.length <= MAX_ID_CHARACTERS && text.isWellFormed() && !text.includes("\0");
}

/**
 * Writes a phone number as E.164: a plus sign and 7–15 digits. What people put between digits is left out; a number
 * without its country is none, since nobody can tell which country was meant.
 *
 * @returns `null` when it is no such number
 */
export function normalisePhone(text: string): string | null {
  const digits = text.replaceAll(/[\s().\-\u2010-\u2015/]/g, "").replace(/^00/, "+");
  return E164_PATTERN.test(digits) ? digits : null;
}
