// `npm run dev`: the whole service on this machine, with a demo workspace in it. Prints `Ready on …` once, when
// everything a client could ask for is there; says what is wrong in a sentence; leaves no process behind.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { emailFiles } from "./dev/email-files.ts";
import { writePrivateJson } from "./dev/files.ts";
import { greeting } from "./dev/greeting.ts";
import { loadSecrets, saveSecrets, secretBindings } from "./dev/secrets.ts";
import { seedDemo } from "./dev/seed.ts";
import { HOST, claimPort, portFailure, readSettings } from "./dev/settings.ts";
import { acquireLock, reapOrphans, recordRuntime, releaseLock } from "./dev/state-lock.ts";
import { buildWorker, PROJECT_ROOT } from "./local/bundle.ts";
import { applyMigrations } from "./local/d1-migrations.ts";
import { runtimeFailure, startRuntime, startStorageOnly, type Runtime, type RuntimeLog } from "./local/runtime.ts";
import { StartupFailure, fileFailure } from "./startup-failure.ts";

const CRON_INTERVAL_MS = 60_000;
const PARENT_POLL_MS = 1_000;
const STOP_TIMEOUT_MS = 3_000;
const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const stopping = new AbortController();
const greeted = Promise.withResolvers<void>();
const cleanups: (() => void | Promise<void>)[] = [];
let exitCode = 0;

takeSignals();
stopWithNpm();
try {
  await serve();
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`${error instanceof StartupFailure ? error.message : inspect(error)}\n`);
    exitCode = 1;
    await stop();
  }
}

async function serve(): Promise<void> {
  const settings = readSettings(process.env, PROJECT_ROOT);
  const { stateDir, devJson } = settings;
  await reapOrphans(stateDir);
  const port = await claimPort(settings.port);

  makeDirectory(stateDir);
  acquireLock(stateDir);
  cleanups.push(() => releaseLock(stateDir));
  // One from an earlier run would tell its reader that this one is ready.
  removeFile(devJson);
  const secrets = loadSecrets(stateDir);

  const building = buildWorker(join(stateDir, "bundle"), stopping.signal);
  cleanups.push(async () => void (await building));
  const bundle = await building;
  await migrate(stateDir);
  const runtime = keep(
    await startRuntime(bundle, {
      host: HOST,
      port,
      stateDir,
      secrets: { ...secretBindings(secrets), ...settings.email },
      emailFiles: emailFiles(join(stateDir, "emails"), (line) => void printLine(line)),
      onLog: printLog,
    }),
  );
  await runtime.ready.catch((error: unknown) => {
    throw runtimeFailure(portFailure(port, error));
  });
  recordRuntime(stateDir);

  const baseUrl = `http://${HOST}:${port}`;
  const demo = await seedDemo(baseUrl, secrets.adminToken, secrets.demo, (step) =>
    saveSecrets(stateDir, Object.assign(secrets, { demo: step })),
  );
  const { workspaceId, apiKey, eventsKey, writeKey } = demo;
  writePrivateJson(devJson, { baseUrl, workspaceId, apiKey, eventsKey, writeKey, adminToken: secrets.adminToken });
  process.stdout.write(greeting(baseUrl, eventsKey));
  greeted.resolve();
  runCron(runtime);
}

/** Before the Worker that needs the new schema serves anything. */
async function migrate(stateDir: string): Promise<void> {
  const storage = keep(await startStorageOnly({ stateDir, onLog: printLog }));
  await storage.ready.catch((error: unknown) => {
    throw runtimeFailure(error);
  });
  recordRuntime(stateDir);
  await applyMigrations(await storage.getD1Database("DB"), join(PROJECT_ROOT, "migrations"));
  await storage.dispose();
}

/** Locally no cron fires by itself; in production the platform's does. */
function runCron(runtime: Runtime): void {
  setInterval(() => void triggerCron(runtime), CRON_INTERVAL_MS);
}

async function triggerCron(runtime: Runtime): Promise<void> {
  try {
    const worker = await runtime.getWorker();
    await worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
  } catch (error) {
    if (!stopping.signal.aborted) process.stderr.write(`The cron trigger failed: ${inspect(error)}\n`);
  }
}

function keep(runtime: Runtime): Runtime {
  cleanups.push(() => runtime.dispose());
  return runtime;
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw fileFailure("make the state folder", path, error);
  }
}

function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw fileFailure("replace", path, error);
  }
}

/** The Worker's own errors reach the developer; the runtime's chatter does not get here. */
function printLog(log: RuntimeLog): void {
  const stream = log.level === "error" || log.level === "warn" ? process.stderr : process.stdout;
  if (!stopping.signal.aborted) stream.write(`${log.message}\n`);
}

/** What a run of before this start has left to send is told of after the greeting, which comes first. */
async function printLine(line: string): Promise<void> {
  await greeted.promise;
  if (!stopping.signal.aborted) process.stdout.write(`${line}\n`);
}

/** Takes the signals that end us, and keeps them: libraries install handlers that exit at once, whenever they start. */
function takeSignals(): void {
  const end = (): void => void stop();
  for (const signal of END_SIGNALS) {
    process.removeAllListeners(signal);
    process.on(signal, end);
  }
  process.on("newListener", (event: string | symbol, listener: (...args: unknown[]) => void) => {
    if (!END_SIGNALS.some((signal) => signal === event) || listener === end) return;
    // It is installed after this, and gone before any signal can be told.
    queueMicrotask(() => process.off(event, listener));
  });
}

/** npm that was killed cannot pass the signal on: its server would go on unseen, and hold the port. */
function stopWithNpm(): void {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) void stop();
  }, PARENT_POLL_MS).unref();
}

async function stop(): Promise<void> {
  if (stopping.signal.aborted) return;
  stopping.abort();
  setTimeout(() => process.exit(exitCode), STOP_TIMEOUT_MS);
  for (const cleanup of cleanups.toReversed()) {
    // What cannot be tidied up must not keep the rest from it.
    await (async () => cleanup())().catch(() => undefined);
  }
  process.exit(exitCode);
}
