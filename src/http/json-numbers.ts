// Nothing is rounded silently: a number that a double cannot hold is refused, with where it stands, or kept as text.
import type { RequestIssue } from "../domain/errors.ts";
import type { Json } from "../domain/json.ts";

/** Only a literal this long, or with an exponent of three digits, can be more than a double holds. */
const SUSPICIOUS = /\d{16,}|[eE][+-]?\d{3,}/;

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const MESSAGE = "The number is more than a double can hold exactly; send it as a string.";

/** Tells, quickly, that no number in a text can be more than a double holds; `true` = it has to be looked at. */
export function mayHoldRoundedNumber(text: string): boolean {
  return SUSPICIOUS.test(text);
}

/**
 * Finds a number that parsing would change: an integer that loses digits, or one that over- or underflows.
 *
 * @param text  JSON text that parses
 */
export function findRoundedNumber(text: string): RequestIssue | null {
  if (!mayHoldRoundedNumber(text)) return null;
  const found: { holder: object; key: string }[] = [];
  const root: unknown = JSON.parse(
    text,
    function (this: object, key: string, value: unknown, context?: { source?: string }) {
      if (typeof value === "number" && found.length === 0 && isRounded(context?.source ?? "", value)) {
        found.push({ holder: this, key });
      }
      return value;
    },
  );
  const [first] = found;
  return first === undefined ? null : { path: memberOf(root, first.holder, first.key), message: MESSAGE };
}

/**
 * Parses JSON text, and keeps a number that a double cannot hold as the text it was written as.
 *
 * @throws SyntaxError
 */
export function parseKeepingNumbers(text: string): Json {
  if (!SUSPICIOUS.test(text)) return JSON.parse(text) as Json;
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const source = context?.source ?? "";
    return typeof value === "number" && isRounded(source, value) ? source : value;
  }) as Json;
}

/**
 * Reads a number that was sent as text.
 *
 * @returns the number; the text where a double cannot hold it, or where it is no number as JSON writes one
 */
export function numberOrText(text: string): number | string {
  if (!JSON_NUMBER.test(text)) return text;
  const value = Number(text);
  return isRounded(text, value) ? text : value;
}

function isRounded(source: string, value: number): boolean {
  if (!Number.isFinite(value)) return true;
  const [mantissa = ""] = source.split(/[eE]/);
  if (value === 0) return /[1-9]/.test(mantissa);
  return /^-?\d+$/.test(source) && BigInt(source) !== BigInt(value);
}

/**
 * The member of the body that an object found while parsing is in. No further: deeper names are the caller's own,
 * and below a redacted place they are as secret as the values.
 */
function memberOf(root: unknown, holder: object, key: string): string {
  if (root === holder) return nameOf(key);
  const open = Object.entries(root ?? {}).map(([member, value]) => ({ member, value: value as unknown }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { member, value } = next;
    if (value === holder) return nameOf(member);
    if (typeof value !== "object" || value === null) continue;
    for (const child of Object.values(value)) open.push({ member, value: child });
  }
  return "body";
}

/** A field's name; anything that no field of ours is called like stays unnamed. */
function nameOf(member: string): string {
  return /^[A-Za-z]{1,32}$/.test(member) ? member : "body";
}
