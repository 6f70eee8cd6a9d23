// Looks at other processes of this machine, by /proc where there is one (a bare Linux has no `ps`), else by `ps`.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";

export interface ProcessIdentity {
  pid: number;
  /** When it started, as the system writes it: a pid alone may by now be somebody else's. */
  startedAt: string;
}

const HAS_PROC = existsSync("/proc/self/stat");

/** @returns null when no such process runs (any more) */
export function identify(pid: number): ProcessIdentity | null {
  const startedAt = HAS_PROC ? readProc(pid)?.startedAt : ps("-o", "lstart=", "-p", String(pid));
  return startedAt === undefined || startedAt === "" ? null : { pid, startedAt };
}

/** Whether that very process still runs. */
export function isRunning(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startedAt === process.startedAt;
}

/** The processes this one started and that still run, of one program. */
export function childrenNamed(program: string): ProcessIdentity[] {
  const children = HAS_PROC ? childrenFromProc(program) : childrenFromPs(program);
  return children.map(identify).filter((child) => child !== null);
}

function childrenFromProc(program: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const entry = readProc(pid);
      return entry?.parent === process.pid && entry.program === program;
    });
}

function childrenFromPs(program: string): number[] {
  return ps("-axo", "pid=,ppid=,comm=")
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(?:.*\/)?(.+?)\s*$/.exec(line))
    .filter((match) => Number(match?.[2]) === process.pid && match?.[3] === program)
    .map((match) => Number(match?.[1]));
}

function readProc(pid: number): { program: string; parent: number; startedAt: string } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // proc(5): pid (comm) state ppid … num_threads is field 20, starttime 22; comm may hold spaces and parentheses.
  const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie has ended, and only waits for its parent to look: once its last thread has ended too, which holds its port
  // and its files until then.
  if (afterName[0] === "Z" && Number(afterName[17]) <= 1) return undefined;
  return {
    program: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")),
    parent: Number(afterName[1]),
    startedAt: afterName[19] ?? "",
  };
}

function ps(...args: string[]): string {
  try {
    return execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}
