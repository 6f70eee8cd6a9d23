// Who a dry run would have let in so far: what was decided before counts for what is decided after, though nothing of
// it was written. Handed from slice to slice by whoever reads the events.
import type { Standing } from "../domain/eligibility.ts";

/** Entries by whom (and what the journey counts by); under the empty text those of all people. */
export type RehearsedEntries = Map<string, number>;

const EVERYBODY = "";

/** Counts an entry. */
export function rehearseEntry(entries: RehearsedEntries, profileId: string, entryKey: string | null): void {
  const places = [EVERYBODY, profileId, ...(entryKey === null ? [] : [keyed(profileId, entryKey)])];
  for (const place of places) entries.set(place, (entries.get(place) ?? 0) + 1);
}

/** Entries of all people. */
export function rehearsedOfAll(entries: RehearsedEntries): number {
  return entries.get(EVERYBODY) ?? 0;
}

/**
 * How a person would stand if they had entered.
 *
 * @param now  when the entries would have begun, Unix milliseconds
 */
export function standingAfter(
  entries: RehearsedEntries,
  standing: Standing,
  { profileId, entryKey, now }: { profileId: string; entryKey: string | null; now: number },
): Standing {
  const ofPerson = entries.get(profileId) ?? 0;
  const counted = entryKey === null ? ofPerson : (entries.get(keyed(profileId, entryKey)) ?? 0);
  return {
    has: (kind) => standing.has(kind),
    suppressed: (transactional) => standing.suppressed(transactional),
    history: () => {
      const history = standing.history();
      return counted === 0 ? history : { lastStartedAt: now, active: history.active + counted };
    },
    startedAfter: (instant, most) =>
      Math.min(most, standing.startedAfter(instant, most) + (now > instant ? ofPerson : 0)),
  };
}

function keyed(profileId: string, entryKey: string): string {
  return `${profileId} ${entryKey}`;
}
