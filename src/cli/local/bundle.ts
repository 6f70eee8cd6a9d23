// Builds the Worker exactly as a deployment would upload it (`wrangler deploy --dry-run`), without an account.
import { spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { StartupFailure, fileFailure } from "../startup-failure.ts";

/** The project's folder: where package.json and wrangler.toml lie. */
export const PROJECT_ROOT = resolve(import.meta.dirname, "../../..");
export const WRANGLER_CONFIG = join(PROJECT_ROOT, "wrangler.toml");

/** wrangler without its banner, its usage reports and its local trace store (which keeps URLs and SQL texts). */
export const QUIET_WRANGLER = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

type ModuleType = "ESModule" | "CompiledWasm" | "Data" | "Text";

export interface WorkerBundle {
  directory: string;
  /** The entry first. */
  modules: { type: ModuleType; path: string }[];
}

// What wrangler emits beside the entry, by its own default rules.
const MODULE_TYPES: Record<string, ModuleType> = {
  ".js": "ESModule",
  ".wasm": "CompiledWasm",
  ".bin": "Data",
  ".txt": "Text",
  ".html": "Text",
  ".sql": "Text",
};

/**
 * Builds src/index.ts into `directory`, which is emptied first.
 *
 * @throws StartupFailure with the build's own errors when the source does not build
 */
export async function buildWorker(directory: string, signal?: AbortSignal): Promise<WorkerBundle> {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    throw fileFailure("empty", directory, error);
  }
  await wrangler(["deploy", "--dry-run", "--config", WRANGLER_CONFIG, "--outdir", directory], signal);
  const entry = join(directory, "index.js");
  const others = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .filter((path) => path !== entry && extname(path) in MODULE_TYPES);
  const modules = [entry, ...others].map((path) => ({ type: MODULE_TYPES[extname(path)] ?? "ESModule", path }));
  return { directory, modules };
}

/**
 * The path of wrangler itself, to be run by this Node. Not its executable script, which starts it in a process of its
 * own: ended at that moment, the script leaves that process behind.
 */
export function wranglerScript(): string {
  return createRequire(import.meta.url).resolve("wrangler");
}

/** Settles when wrangler has ended, also when it was told to: nothing of it outlives the answer. */
function wrangler(args: string[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [wranglerScript(), ...args], {
      cwd: PROJECT_ROOT,
      env: { ...process.env, ...QUIET_WRANGLER, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
    const end = () => child.kill("SIGTERM");
    signal?.addEventListener("abort", end, { once: true });
    child.once("error", fail);
    child.once("close", (code) => {
      signal?.removeEventListener("abort", end);
      if (code === 0) return done();
      return fail(new StartupFailure(`The Worker does not build.\n${Buffer.concat(said).toString("utf8").trim()}`));
    });
  });
}
