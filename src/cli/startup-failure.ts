// A failure whose message is all its reader needs: what is wrong and the way out, without a stack trace.

export class StartupFailure extends Error {
  override name = "StartupFailure";
}

/**
 * Turns a failure of the file system into a sentence; anything else is passed on as it is.
 *
 * @param what  what was being done, as in "make the state folder"
 * @param path  the file or folder it was done to
 */
export function fileFailure(what: string, path: string, error: unknown): unknown {
  const reason = REASONS[codeOf(error) ?? ""];
  return reason === undefined ? error : new StartupFailure(`Cannot ${what} ${path}: ${reason}.`);
}

/** The code of a system error (`ENOSPC`, `EADDRINUSE` …), or null. */
export function codeOf(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : null;
}

const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOENT: "a folder on the way is missing, or a link leads nowhere",
  ELOOP: "its links lead round in a circle",
  ENOTDIR: "a part of that path is a file, not a folder",
  EEXIST: "there is a file of that name",
  EISDIR: "there is a folder of that name",
};
