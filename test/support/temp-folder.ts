// What tests write goes into one folder, and is gone when they have ended: the state folders of a single run take up
// more than a gigabyte. KEEP_TEST_FILES=1 leaves it, to look at what a failure left behind.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Run by vitest before its suites; what they start inherits the folder. @returns what runs after them */
export default function useOneFolder(): () => void {
  const before = process.env["TMPDIR"];
  const folder = mkdtempSync(join(tmpdir(), "waypost-tests-"));
  process.env["TMPDIR"] = folder;
  return () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    // Somebody who is just ending may still write.
    if (process.env["KEEP_TEST_FILES"] === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 50 });
    else console.log(`What the tests wrote is in ${folder}`);
  };
}
