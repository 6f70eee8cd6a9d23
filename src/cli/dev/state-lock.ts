// One state folder, one server: two runtimes on the same SQLite files would each answer from their own memory.
// The lock names its holder and the runtime it started, so that one left by `kill -9` is seen and cleaned up.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { StartupFailure, codeOf, fileFailure } from "../startup-failure.ts";
import { writePrivateJson } from "./files.ts";
import { childrenNamed, identify, isRunning, type ProcessIdentity } from "./processes.ts";

interface LockRecord {
  holder: ProcessIdentity;
  runtime: ProcessIdentity[];
}

const REAP_POLL_MS = 20;
const REAP_POLLS = 500;

/**
 * Ends a runtime that outlived its server, so that neither its port nor its files are in use.
 * Does nothing while the server itself is alive.
 */
export async function reapOrphans(stateDir: string): Promise<void> {
  const left = readLock(stateDir);
  if (left === null || isRunning(left.holder)) return;
  for (const orphan of left.runtime.filter(isRunning)) {
    process.kill(orphan.pid, "SIGKILL");
    for (let poll = 0; poll < REAP_POLLS && isRunning(orphan); poll++) await wait(REAP_POLL_MS);
  }
}

/** @throws StartupFailure when another server that is alive holds the folder */
export function acquireLock(stateDir: string): void {
  const file = lockFile(stateDir);
  for (;;) {
    try {
      return writeFileSync(file, JSON.stringify(lockRecord([])), { flag: "wx", mode: 0o600 });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw fileFailure("write", file, error);
    }
    const held = readLock(stateDir);
    if (held !== null && isRunning(held.holder)) {
      throw new StartupFailure(
        `Another \`npm run dev\` (process ${held.holder.pid}) uses the state in ${stateDir}. ` +
          `Stop it, or give this one a state of its own: STATE_DIR=… npm run dev`,
      );
    }
    rmSync(file, { force: true });
  }
}

/** Notes the runtime processes this server has started by now. */
export function recordRuntime(stateDir: string): void {
  writePrivateJson(lockFile(stateDir), lockRecord(childrenNamed("workerd")));
}

export function releaseLock(stateDir: string): void {
  rmSync(lockFile(stateDir), { force: true });
}

function lockFile(stateDir: string): string {
  return join(stateDir, "dev.lock");
}

function lockRecord(runtime: ProcessIdentity[]): LockRecord {
  return { holder: identify(process.pid) ?? { pid: process.pid, startedAt: "" }, runtime };
}

/** A lock that cannot be read was cut off while it was written: nobody holds it. */
function readLock(stateDir: string): LockRecord | null {
  try {
    const record = JSON.parse(readFileSync(lockFile(stateDir), "utf8")) as Partial<LockRecord>;
    return record.holder && Array.isArray(record.runtime) ? (record as LockRecord) : null;
  } catch {
    return null;
  }
}
