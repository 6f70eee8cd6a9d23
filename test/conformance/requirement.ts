// How a conformance test is called: by the requirement it checks, with where that stands. docs/compatibility.md is
// made from these titles, so a requirement that no test checks cannot be claimed.

/**
 * Where a requirement stands.
 * - `D` the vendor's documentation, `S` the vendor's own client, `W` seen in the wild
 * - `A` nothing says: our choice
 */
export type Mark = "D" | "S" | "W" | "A";

/**
 * Names a test after a requirement.
 *
 * @param text    the requirement, in the present tense: `answers 202 with an empty body`
 * @param mark    how it is known
 * @param source  document and date, or client and version: `Create Event 2023-01-24`, `klaviyo-api 23.0.0`
 */
export function requirement(text: string, mark: Mark, source: string): string {
  return `${text} ⟨${mark} · ${source}⟩`;
}
