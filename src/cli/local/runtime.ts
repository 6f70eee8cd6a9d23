// Runs the built Worker in workerd on this machine, with its real bindings: no proxy before it, no inspector,
// no request log, no look-up on the network. Its state is laid out as `wrangler dev --persist-to` has it.
import { join } from "node:path";
import {
  convertV4MiniflareOptions,
  Log,
  LogLevel,
  Miniflare,
  type V4FetchHandler,
  type V4WorkerOptionsShape,
} from "miniflare";
import { StartupFailure, codeOf } from "../startup-failure.ts";
import { WRANGLER_CONFIG, type WorkerBundle } from "./bundle.ts";

export interface RuntimeLog {
  level: string;
  message: string;
}

export interface RuntimeOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  stateDir: string;
  secrets: Record<string, string>;
  /** Takes e-mails that are sent as files, if the settings say so. */
  emailFiles: V4FetchHandler;
  /** Everything the Worker logs, and its uncaught errors as level `error`. */
  onLog: (log: RuntimeLog) => void;
}

/** A running Worker. `dispose()` ends the runtime's process. */
export type Runtime = Miniflare;

const WORKER_NAME = "waypost";
const UNCAUGHT = "uncaught exception; source = ";
/** Of a `fetch` that found nobody, whoever catches it; one without a place in our code says nothing anyway. */
const NOBODY_THERE = "Uncaught (in promise); stack = Error: Network connection lost.";

/** Starts the Worker; `await runtime.ready` gives its URL. */
export async function startRuntime(bundle: WorkerBundle, options: RuntimeOptions): Promise<Runtime> {
  return new Miniflare(
    convertV4MiniflareOptions({
      ...sharedOptions(options),
      host: options.host,
      port: options.port,
      unsafeTriggerHandlers: true,
      workers: [
        {
          ...(await bindingsOfProject(options.secrets)),
          serviceBindings: { EMAIL_FILES: options.emailFiles },
          modules: bundle.modules,
          modulesRoot: bundle.directory,
        },
      ],
    }),
  );
}

/** Starts the same storage with no Worker on it, for work that must be done before anything is served. */
export async function startStorageOnly(options: Pick<RuntimeOptions, "stateDir" | "onLog">): Promise<Runtime> {
  const { d1Databases = {} } = await bindingsOfProject({});
  return new Miniflare(
    convertV4MiniflareOptions({
      ...sharedOptions(options),
      workers: [{ name: WORKER_NAME, d1Databases, script: "export default {}", modules: true }],
    }),
  );
}

/** What to say when `ready` rejects: the runtime has logged the cause by then. Others are passed on as they are. */
export function runtimeFailure(error: unknown): unknown {
  if (codeOf(error) !== "ERR_RUNTIME_FAILURE") return error;
  const isFull = error instanceof Error && error.message.includes("SQLITE_FULL");
  const reason = isFull ? "the disk is full" : "its own words are above";
  return new StartupFailure(`The Worker did not start: ${reason}.`);
}

function sharedOptions({ stateDir, onLog }: Pick<RuntimeOptions, "stateDir" | "onLog">) {
  return {
    cf: false,
    log: new Log(LogLevel.NONE),
    logRequests: false,
    // Without it workerd keeps uncaught errors of timers and alarms to itself.
    verbose: true,
    handleStructuredLogs: (log: RuntimeLog) => forwardLog(log, onLog),
    telemetry: { enabled: false },
    resourcePersistencePath: join(stateDir, "v3"),
  };
}

/** What is right on a machine of one's own, and nowhere else. */
const LOCAL_SETTINGS = { ALLOW_LOOPBACK_WEBHOOKS: "true" };

/** The bindings of wrangler.toml, with the secrets, which no file of the project holds. */
export async function bindingsOfProject(secrets: Record<string, string>): Promise<V4WorkerOptionsShape> {
  // Read when wrangler is loaded: it would print which file it looks for secrets in.
  process.env["WRANGLER_LOG"] = "error";
  const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
  // Its type loses the names of its members; the rules for modules are the build's affair.
  const read: V4WorkerOptionsShape = unstable_getMiniflareWorkerOptions(WRANGLER_CONFIG).workerOptions;
  const { modulesRules: _, ...options } = read;
  return { ...options, name: WORKER_NAME, bindings: { ...options.bindings, ...LOCAL_SETTINGS, ...secrets } };
}

/** workerd reports an uncaught error twice at level info: once with its stack, once with machine addresses. */
function forwardLog(log: RuntimeLog, onLog: (log: RuntimeLog) => void): void {
  if (log.message.trimEnd() === UNCAUGHT + NOBODY_THERE) return;
  if (log.message.startsWith(UNCAUGHT)) {
    const stack = log.message.slice(log.message.indexOf("stack = ") + "stack = ".length);
    return onLog({ level: "error", message: `Uncaught ${stack}` });
  }
  if (log.level !== "info" && log.level !== "debug") onLog(log);
}
