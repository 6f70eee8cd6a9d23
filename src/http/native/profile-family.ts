// A profile and all that were merged into it: what a list by profile covers.
import { askCell } from "../cell-access.ts";
import type { HttpContext } from "../context.ts";
import { Failure } from "../errors.ts";

/** Ids of the live profile that answers for an id, and of those merged into it; an unknown id stands alone. */
export async function familyOf(c: HttpContext, profileId: string): Promise<string[]> {
  try {
    const profile = await askCell(c, async (cell, caller) => await cell.readProfile(caller, profileId));
    return [profile.id, ...profile.mergedFrom];
  } catch (error) {
    // A list filtered by somebody who is not here is empty, not an error.
    if (error instanceof Failure && error.error.code === "not_found") return [profileId];
    throw error;
  }
}
