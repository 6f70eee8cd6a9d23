// What stays of an event whose person was erased: that it was accepted, when, and what it decided. Pure; D1 does the
// same to its rows in src/d1/erase.ts.
import type { UserEventRow } from "./event.ts";
import { packReceipt, unpackReceipt } from "./receipt.ts";

/**
 * Takes the person out of an event: profile, payload, reference and the receipt's warnings, which name profiles. The
 * receipt's entries stay, for they are what journeys' counts are made of; they hold ids and never a value.
 */
export function withoutPerson({ data_parts: _parts, ...row }: UserEventRow): UserEventRow {
  const { journeys } = unpackReceipt(row.receipt);
  return {
    ...row,
    profile_id: null,
    data: null,
    reference_id: null,
    redacted_data_paths: null,
    receipt: packReceipt({ journeys, warnings: [] }),
  };
}
