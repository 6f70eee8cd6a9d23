// A receipt as it is kept: ten journeys that listen make it the largest part of an event, so each entry is an
// array, and what follows from the rest is left out. Unpacking gives the same receipt, key order included.
import type { FailedClause, Receipt, ReceiptEntry, SkipReason, Warning } from "./event.ts";

/** Journey id, key, version, reason; then the enrollment's id, or the detail: path, operator, 1 if negated. */
type PackedEntry =
  | [string, string, number, ReceiptEntry["reason"]]
  | [string, string, number, "enrolled", string]
  | [string, string, number, SkipReason, string | null, string]
  | [string, string, number, SkipReason, string | null, string, 1];

type PackedReceipt = [PackedEntry[], Warning[]] | [PackedEntry[]];

/** Writes a receipt as compact JSON text. */
export function packReceipt({ journeys, warnings }: Receipt): string {
  const entries = journeys.map(packEntry);
  const packed: PackedReceipt = warnings.length === 0 ? [entries] : [entries, warnings];
  return JSON.stringify(packed);
}

/** Reads what {@link packReceipt} wrote. */
export function unpackReceipt(text: string): Receipt {
  const [entries, warnings = []] = JSON.parse(text) as PackedReceipt;
  return { journeys: entries.map(unpackEntry), warnings };
}

function packEntry({ journeyId, key, version, reason, enrollmentId, detail }: ReceiptEntry): PackedEntry {
  if (reason === "enrolled") {
    return enrollmentId === null ? [journeyId, key, version, reason] : [journeyId, key, version, reason, enrollmentId];
  }
  if (detail === null) return [journeyId, key, version, reason];
  const { path, operator, not } = detail;
  return not === undefined
    ? [journeyId, key, version, reason, path, operator]
    : [journeyId, key, version, reason, path, operator, 1];
}

function unpackEntry([journeyId, key, version, reason, first, operator, not]: PackedEntry): ReceiptEntry {
  const outcome = reason === "enrolled" ? "enrolled" : "skipped";
  const enrollmentId = reason === "enrolled" ? (first ?? null) : null;
  const detail = operator === undefined ? null : clauseOf(first ?? null, operator, not);
  return { journeyId, key, version, outcome, reason, enrollmentId, detail };
}

function clauseOf(path: string | null, operator: string, not: 1 | undefined): FailedClause {
  return not === undefined ? { path, operator } : { path, operator, not: true };
}
