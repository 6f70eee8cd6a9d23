// How much is said about one bad document: enough to go on with, never so much that a small request costs a large
// answer.

/** Issues told of one request or document; past that, nobody reads on. */
export const MAX_ISSUES = 50;

/**
 * Shortens a list of issues to what is told.
 *
 * @param more  makes the last issue, which says how many were left out: at least, for checks may have stopped early
 */
export function toldIssues<T>(issues: readonly T[], more: (message: string) => T): T[] {
  if (issues.length <= MAX_ISSUES) return [...issues];
  const told = issues.slice(0, MAX_ISSUES - 1);
  return [...told, more(`At least ${issues.length - told.length} more: change what is told above first.`)];
}
