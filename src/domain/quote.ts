// How an issue names words from the caller's own document: in quotes and on one line, or as parts of a path; never
// longer than a name.

/** Characters; the longest name a journey document holds is 64. */
const MAX_QUOTED_CHARACTERS = 64;

/** Quotes a name for a message; a longer one is cut, control characters and lone surrogates are escaped. */
export function quote(name: string): string {
  return JSON.stringify(cutName(name));
}

/** Joins keys and indices to a path, `steps.2.for`; a longer key is cut. */
export function dotPath(parts: readonly (string | number)[]): string {
  return parts.map((part) => cutName(String(part))).join(".");
}

function cutName(name: string): string {
  return name.length > MAX_QUOTED_CHARACTERS ? `${name.slice(0, MAX_QUOTED_CHARACTERS)}…` : name;
}
