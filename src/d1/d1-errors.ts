// What a failed D1 statement says about whom: D1 itself, or the rows that were sent. SQLite's messages can
// quote what a caller sent, so nothing of a message is kept but D1's own error codes.

/**
 * Trouble of D1, of the way to it, or of its limits: the same rows will be taken later. Anything else is
 * settled by asking D1 again. Wordings: D1's published list of errors, and those of Workers' limits.
 */
const OUTAGE =
  /network connection lost|overloaded|timed? ?out|\breset\b|internal error|cannot resolve|transient issue|too many (?:requests|api requests|subrequests)|rate limit|memory limit|cpu (?:time )?limit|daily|maximum db size|storage limit|connection (?:refused|closed)/i;

/** SQLite codes that tell of the database or its machine, whatever the rows. */
const OUTAGE_CODES = new Set([
  "SQLITE_AUTH",
  "SQLITE_BUSY",
  "SQLITE_CANTOPEN",
  "SQLITE_CORRUPT",
  "SQLITE_FULL",
  "SQLITE_INTERRUPT",
  "SQLITE_IOERR",
  "SQLITE_LOCKED",
  "SQLITE_NOMEM",
  "SQLITE_PROTOCOL",
  "SQLITE_READONLY",
]);

/** Where D1 puts the code: at the end, so that a value quoted earlier in the message is never taken for one. */
const TRAILING_CODE = /: (SQLITE_[A-Z]+)(?: \(extended: (SQLITE_[A-Z_]+)\))?$/;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

/**
 * Tells whether an error is D1's own trouble, beyond doubt. The words are looked for only where D1 names no
 * SQLite code: a refusal may quote a value, and a value may say anything.
 */
export function isOutage(error: unknown): boolean {
  const message = messageOf(error);
  const code = TRAILING_CODE.exec(message)?.[1];
  return code === undefined ? OUTAGE.test(message) : OUTAGE_CODES.has(code);
}

/** Names the kind of error: SQLite's code as far as D1 tells it, else `D1_ERROR`. Holds no value. */
export function errorCode(error: unknown): string {
  const code = TRAILING_CODE.exec(messageOf(error));
  return code?.[2] ?? code?.[1] ?? "D1_ERROR";
}
