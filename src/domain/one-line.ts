// Others' words, made fit to be kept and shown: on one line, well-formed, and not long.

// oxlint-disable-next-line no-control-regex -- control characters are what it is looking for
const BREAKS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/g;

/** Writes a text on one line of at most so many characters; breaks and control characters become spaces. */
export function oneLine(text: string, maxCharacters: number): string {
  return text.toWellFormed().replaceAll(BREAKS, " ").trim().slice(0, maxCharacters).toWellFormed().trim();
}
