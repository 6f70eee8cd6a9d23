// Nothing is rounded silently: a number that a double cannot hold is refused, with where it stands.
import type { RequestIssue } from "../domain/errors.ts";

/** Only a literal this long, or with an exponent of three digits, can be more than a double holds. */
const SUSPICIOUS = /\d{16,}|[eE][+-]?\d{3,}/;

const MESSAGE = "The number is more than a double can hold exactly; send it as a string.";

/**
 * Finds a number that parsing would change: an integer that loses digits, or one that over- or underflows.
 *
 * @param text  JSON text that parses
 */
export function findRoundedNumber(text: string): RequestIssue | null {
  if (!SUSPICIOUS.test(text)) return null;
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
  return first === undefined ? null : { path: pathTo(root, first.holder, first.key), message: MESSAGE };
}

function isRounded(source: string, value: number): boolean {
  if (!Number.isFinite(value)) return true;
  const [mantissa = ""] = source.split(/[eE]/);
  if (value === 0) return /[1-9]/.test(mantissa);
  return /^-?\d+$/.test(source) && BigInt(source) !== BigInt(value);
}

/** The way from the root to an object found while parsing. */
function pathTo(root: unknown, holder: object, key: string): string {
  const open: { value: unknown; path: string[] }[] = [{ value: root, path: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.value === holder) return [...next.path, key].join(".");
    if (typeof next.value !== "object" || next.value === null) continue;
    for (const [name, child] of Object.entries(next.value)) open.push({ value: child, path: [...next.path, name] });
  }
  return key === "" ? "body" : key;
}
