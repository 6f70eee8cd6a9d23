// What vendors' clients write as an instant, made into one. Only ISO 8601: the engine's own parser takes far more,
// and reads a text without an offset in whatever time zone it runs in.

const ISO_8601 = /^(\d{4}-\d{2}-(\d{2}))(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;
const WRITTEN = "0000-00-00T00:00:00.000Z";

/**
 * Reads a date, or a date and time; without an offset it is UTC.
 *
 * @returns ISO 8601 UTC with milliseconds; `null` when it is no such text, no day of the calendar, or outside the
 *          years 0000–9999
 */
export function readInstant(text: string): string | null {
  const [, date = "", day = "", time = "00:00", offset = "Z"] = ISO_8601.exec(text) ?? [];
  if (date === "") return null;
  // A day that its month does not have is taken for one of the next month by some parsers.
  const midnight = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(midnight) || new Date(midnight).getUTCDate() !== Number(day)) return null;
  const ms = Date.parse(`${date}T${time.replace(",", ".")}${normaliseOffset(offset)}`);
  if (Number.isNaN(ms)) return null;
  const iso = new Date(ms).toISOString();
  return iso.length === WRITTEN.length ? iso : null;
}

function normaliseOffset(offset: string): string {
  if (offset.toUpperCase() === "Z") return "Z";
  const digits = offset.slice(1).replace(":", "").padEnd(4, "0");
  return `${offset.slice(0, 1)}${digits.slice(0, 2)}:${digits.slice(2)}`;
}
