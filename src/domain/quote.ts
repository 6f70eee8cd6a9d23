// How a message names a word from the caller's own document: in quotes, on one line, never longer than a name.

/** Characters; the longest name a journey document holds is 64. */
const MAX_QUOTED_CHARACTERS = 64;

/** Quotes a name for a message; a longer one is cut, control characters and lone surrogates are escaped. */
export function quote(name: string): string {
  const cut = name.length > MAX_QUOTED_CHARACTERS;
  return JSON.stringify(cut ? `${name.slice(0, MAX_QUOTED_CHARACTERS)}…` : name);
}
