// Starts the real `npm run dev` (its script, by this Node) on a state folder and port of the test's own, in a
// process group of its own, so that a test can end it politely or as a power cut would.
import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const PROJECT_ROOT = resolve(import.meta.dirname, "../..");
const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;
const GROUP_POLL_MS = 10;
/** Below those that systems give to outgoing connections and to whoever asks for any port (RFC 6335: from 49152 on; on
 * Linux from 32768 on). Among those a port that was let go a moment ago may be somebody else's by now. */
const PORTS = { least: 20_000, most: 32_000 };

/** What dev.json says. */
export interface DevFile {
  baseUrl: string;
  workspaceId: string;
  apiKey: string;
  eventsKey: string;
  writeKey: string;
  adminToken: string;
}

export interface DevServerOptions {
  stateDir: string;
  /** A free one when left out. */
  port?: number;
  env?: Record<string, string>;
}

export interface ExitedProcess {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The process from its first moment on, before and whether or not it gets ready. */
export interface DevProcess {
  pid: number;
  port: number;
  devJson: string;
  /** All it printed so far. */
  stdout: () => string;
  stderr: () => string;
  exited: Promise<ExitedProcess>;
  /** Resolves at the ready line; rejects, with what it printed, when it exits first or takes too long. */
  ready: Promise<void>;
  /** Sends a signal and waits for the end. */
  stop: (signal?: NodeJS.Signals) => Promise<ExitedProcess>;
  /** SIGKILL to the whole process group, runtime included, as a power cut would end it. */
  kill9: () => Promise<void>;
}

export interface DevServer extends DevProcess {
  baseUrl: string;
  dev: DevFile;
}

/** An empty folder for a server's state, kept as long as the test machine keeps its temporary files. */
export function newStateDir(): string {
  return join(mkdtempSync(join(tmpdir(), "waypost-test-")), "state");
}

/** A port that was free a moment ago, and that nobody is given who asks for any. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.least, PORTS.most);
    const probe = createServer();
    const isFree = await new Promise<boolean>((known) => {
      probe.once("error", () => known(false)).listen(port, "127.0.0.1", () => known(true));
    });
    if (!isFree) continue;
    await new Promise((closed) => probe.close(closed));
    return port;
  }
}

/** Starts a server and waits until it is ready. */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const server = await spawnDevServer(options);
  await server.ready.catch(async (error: unknown) => {
    await server.kill9();
    throw error;
  });
  const dev = JSON.parse(readFileSync(server.devJson, "utf8")) as DevFile;
  return { ...server, baseUrl: dev.baseUrl, dev };
}

/** Starts a server without waiting: for tests of what it does when it cannot get ready. */
export async function spawnDevServer({ stateDir, port, env }: DevServerOptions): Promise<DevProcess> {
  const chosenPort = port ?? (await freePort());
  const devJson = join(stateDir, "..", "dev.json");
  const child = spawn(process.execPath, ["src/cli/dev.ts"], {
    cwd: PROJECT_ROOT,
    env: { ...withoutNpm(process.env), PORT: String(chosenPort), STATE_DIR: stateDir, DEV_JSON: devJson, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error("the dev server could not be spawned");
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const exited = new Promise<ExitedProcess>((done) => child.once("close", (code, signal) => done({ code, signal })));
  const ready = whenReady(child, stdout, stderr, exited);
  // A test that expects no readiness does not wait for it.
  ready.catch(() => undefined);

  return {
    pid,
    port: chosenPort,
    devJson,
    stdout,
    stderr,
    exited,
    ready,
    stop: async (signal = "SIGINT") => {
      child.kill(signal);
      const overdue = setTimeout(() => killGroup(pid), STOP_TIMEOUT_MS);
      const exit = await exited;
      clearTimeout(overdue);
      return exit;
    },
    kill9: async () => {
      killGroup(pid);
      await exited;
      // Whoever looks into its files, or starts on them again, must not meet its runtime on the way out.
      while (groupIsAlive(pid)) await wait(GROUP_POLL_MS);
    },
  };
}

/** Whether a process still runs in a server's group: its children share it. */
export function groupIsAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
  } catch {
    return false;
  }
  if (!existsSync("/proc/self/stat")) return true;
  // One that has ended is there until its new parent looks, which is nobody's promise.
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && runsInGroup(name, pid));
}

/** By proc(5): pid (comm) state ppid pgrp … num_threads is field 20. A zombie has ended with its last thread. */
function runsInGroup(name: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, "utf8");
    const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(afterName[2]) === group && (afterName[0] !== "Z" || Number(afterName[17]) > 1);
  } catch {
    // It ended between the listing and the look.
    return false;
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // There is nobody left.
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return () => text;
}

async function whenReady(
  child: ChildProcess,
  stdout: () => string,
  stderr: () => string,
  exited: Promise<ExitedProcess>,
): Promise<void> {
  const { promise: readyLine, resolve: isReady } = Promise.withResolvers<"ready">();
  const look = () => {
    if (/^Ready on /m.test(stdout())) isReady("ready");
  };
  child.stdout?.on("data", look);
  look();
  const overdue = Promise.withResolvers<"overdue">();
  const timer = setTimeout(() => overdue.resolve("overdue"), START_TIMEOUT_MS);
  const outcome = await Promise.race([readyLine, exited, overdue.promise]);
  clearTimeout(timer);
  child.stdout?.off("data", look);
  if (outcome === "ready") return;
  const what = outcome === "overdue" ? "took too long" : `exited with ${outcome.code ?? outcome.signal}`;
  throw new Error(`the dev server ${what}\n${stdout()}\n${stderr()}`);
}

/** The server must not take the test runner's npm for its own. */
function withoutNpm(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, npm_lifecycle_event: undefined };
}
