// A receipt as it is kept: ten journeys that listen make it the largest part of an event, and an event's row is
// written twice as fast while it fits into its page. So entries are one text, what they came to is told once, and ids
// are in base 64. Unpacking gives the same receipt, key order included; what was packed otherwise before stays readable.
import type { FailedClause, Receipt, ReceiptEntry, SkipReason, Warning } from "./event.ts";
import { shortUuid, uuidOfShort } from "./ids.ts";

/** What an entry came to: its reason, and the detail: path, operator, 1 if negated. */
type PackedVerdict =
  | [ReceiptEntry["reason"]]
  | [SkipReason, string | null, string]
  | [SkipReason, string | null, string, 1];

/**
 * Entries as `<journey id> <place of the verdict> <version> <key>`, and ` <enrollment id>` of one that has it, with a
 * comma between them; nothing in them holds either. Then the verdicts.
 */
type PackedEntries = [string, ...PackedVerdict[]];

/** As the first deployed version packed: journey id, key, version, reason; then the enrollment's id or the detail. */
type FormerEntry =
  | [string, string, number, ReceiptEntry["reason"]]
  | [string, string, number, "enrolled", string]
  | [string, string, number, SkipReason, string | null, string]
  | [string, string, number, SkipReason, string | null, string, 1];

type PackedReceipt = [PackedEntries | FormerEntry[], Warning[]] | [PackedEntries | FormerEntry[]];

/** Writes a receipt as compact JSON text. */
export function packReceipt({ journeys, warnings }: Receipt): string {
  const verdicts: PackedVerdict[] = [];
  let entries = "";
  for (const entry of journeys) {
    let place = verdicts.findIndex((verdict) => isVerdictOf(verdict, entry));
    if (place === -1) place = verdicts.push(packVerdict(entry)) - 1;
    if (entries !== "") entries += ",";
    entries += `${shortUuid(entry.journeyId)} ${place} ${entry.version} ${entry.key}`;
    if (entry.enrollmentId !== null) entries += ` ${shortUuid(entry.enrollmentId)}`;
  }
  const packedEntries: PackedEntries | [] = entries === "" ? [] : [entries, ...verdicts];
  const packed: PackedReceipt = warnings.length === 0 ? [packedEntries] : [packedEntries, warnings];
  return JSON.stringify(packed);
}

/** Reads what {@link packReceipt} wrote, now or before. */
export function unpackReceipt(text: string): Receipt {
  const [entries, warnings = []] = JSON.parse(text) as PackedReceipt;
  return { journeys: isPacked(entries) ? unpackEntries(entries) : entries.map(unpackFormerEntry), warnings };
}

function isPacked(entries: PackedEntries | FormerEntry[]): entries is PackedEntries {
  return typeof entries[0] === "string";
}

function unpackEntries([entries, ...verdicts]: PackedEntries): ReceiptEntry[] {
  return entries.split(",").map((entry) => unpackEntry(entry, verdicts));
}

function packVerdict({ reason, detail }: ReceiptEntry): PackedVerdict {
  if (reason === "enrolled" || detail === null) return [reason];
  const { path, operator, not } = detail;
  return not === undefined ? [reason, path, operator] : [reason, path, operator, 1];
}

function isVerdictOf([reason, path, operator, not]: PackedVerdict, entry: ReceiptEntry): boolean {
  if (reason !== entry.reason) return false;
  const { detail } = entry;
  if (detail === null) return operator === undefined;
  return path === detail.path && operator === detail.operator && (not === 1) === (detail.not === true);
}

function unpackEntry(text: string, verdicts: readonly PackedVerdict[]): ReceiptEntry {
  const [journeyId, place, version, key, enrollmentId] = text.split(" ") as [string, string, string, string, string?];
  const [reason, path, operator, not] = verdicts[Number(place)] as PackedVerdict;
  return entryOf(
    { journeyId: uuidOfShort(journeyId), key, version: Number(version) },
    reason,
    enrollmentId === undefined ? null : uuidOfShort(enrollmentId),
    operator === undefined ? null : clauseOf(path ?? null, operator, not),
  );
}

function unpackFormerEntry([journeyId, key, version, reason, first, operator, not]: FormerEntry): ReceiptEntry {
  return entryOf(
    { journeyId, key, version },
    reason,
    reason === "enrolled" ? (first ?? null) : null,
    operator === undefined ? null : clauseOf(first ?? null, operator, not),
  );
}

function entryOf(
  journey: Pick<ReceiptEntry, "journeyId" | "key" | "version">,
  reason: ReceiptEntry["reason"],
  enrollmentId: string | null,
  detail: FailedClause | null,
): ReceiptEntry {
  return { ...journey, outcome: reason === "enrolled" ? "enrolled" : "skipped", reason, enrollmentId, detail };
}

function clauseOf(path: string | null, operator: string, not: 1 | undefined): FailedClause {
  return not === undefined ? { path, operator } : { path, operator, not: true };
}
