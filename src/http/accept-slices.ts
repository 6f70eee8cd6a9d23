// How much a door hands to the cell at once. One call is one transaction, and while it runs every other request of the
// workspace waits; so what is more than a slice goes in several calls, in order.
import type { AcceptCommand } from "../cell/command.ts";

/** Commands of one slice. */
export const MAX_SLICE_COMMANDS = 100;
/** Texts of one slice. A call to an object carries 32 MiB at most, two bytes a character. */
const MAX_SLICE_CHARACTERS = 2 * 1024 * 1024;

/**
 * Cuts what goes to the cell where it would be too many or, together, too large for one call. What is larger by itself
 * is a slice of its own.
 *
 * @param items         taken one by one: no more than a slice of them is held at once
 * @param charactersOf  about how long an item's texts are, those that may be long
 */
export function* slicesOf<T>(
  items: Iterable<T>,
  maxItems: number,
  charactersOf: (item: T) => number,
): Generator<T[], void, undefined> {
  let slice: T[] = [];
  let characters = 0;
  for (const item of items) {
    const size = charactersOf(item);
    if (slice.length > 0 && (slice.length === maxItems || characters + size > MAX_SLICE_CHARACTERS)) {
      yield slice;
      slice = [];
      characters = 0;
    }
    slice.push(item);
    characters += size;
  }
  if (slice.length > 0) yield slice;
}

/** About how long a command's texts are, those that may be long. */
export function commandCharacters(command: AcceptCommand): number {
  const { propertiesJson, listEditsJson, dataJson, unredactedJson, redactedDataPaths } = command;
  const texts = [propertiesJson, listEditsJson, dataJson, unredactedJson, ...redactedDataPaths];
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}
