// `npm run deploy`: looks before it changes anything (login, secrets), then makes the queues and the database, migrates
// it, and only then uploads the code that needs the new schema. Never reads, makes or prints the value of a secret.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { PROJECT_ROOT, QUIET_WRANGLER, wranglerScript } from "./local/bundle.ts";
import { StartupFailure } from "./startup-failure.ts";

const DATABASE = "waypost";
/** As wrangler.toml names them: a Worker that is to read a queue cannot be uploaded before it is there. */
const QUEUES = ["waypost-deliveries", "waypost-email-events"];
const NO_SUCH_QUEUE = "does not exist";
const REQUIRED_SECRETS = ["KEY_SECRETS", "LEDGER_SECRETS", "ADMIN_TOKEN"];
/** Cloudflare's code for a Worker that was never deployed. */
const NO_SUCH_WORKER = "10007";

try {
  deploy();
} catch (error) {
  if (!(error instanceof StartupFailure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function deploy(): void {
  const { values } = parseArgs({ options: { "secrets-file": { type: "string" } } });
  const secretsFile = values["secrets-file"];
  checkLogin();
  checkSecrets(secretsFile);
  for (const queue of QUEUES) provisionQueue(queue);
  provisionDatabase();
  show("Applying migrations", ["d1", "migrations", "apply", DATABASE, "--remote"]);
  show("Deploying", ["deploy", ...(secretsFile === undefined ? [] : ["--secrets-file", secretsFile])]);
  process.stdout.write(
    'Deployed. Check GET /healthz, then make a workspace: docs/operations.md, "The first workspace".\n',
  );
}

function checkLogin(): void {
  const { ok, output } = ask(["whoami", "--json"]);
  if (ok) return;
  throw new StartupFailure(
    "Not logged in to Cloudflare. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN " +
      `(and CLOUDFLARE_ACCOUNT_ID if it reaches several accounts), and try again.${quoted(output)}`,
  );
}

/** A Worker without its secrets would answer every request with an error. */
function checkSecrets(secretsFile: string | undefined): void {
  if (secretsFile !== undefined) return;
  const { ok, output } = ask(["secret", "list", "--format", "json"]);
  if (!ok && output.includes(NO_SUCH_WORKER)) {
    throw new StartupFailure(
      "This is the first deployment, and the Worker needs its secrets with it. Make a file of them outside this " +
        'folder (docs/operations.md, "Secrets"), run `npm run deploy -- --secrets-file <file>`, then delete the file.',
    );
  }
  if (!ok) throw new StartupFailure(`The Worker's secrets cannot be listed.${quoted(output)}`);
  const set = new Set((JSON.parse(output) as { name: string }[]).map((secret) => secret.name));
  const missing = REQUIRED_SECRETS.filter((name) => !set.has(name));
  if (missing.length === 0) return;
  const commands = missing.map((name) => `  npx wrangler secret put ${name}`).join("\n");
  throw new StartupFailure(`Secrets are missing. Set them (docs/operations.md, "Secrets") and try again:\n${commands}`);
}

function provisionQueue(queue: string): void {
  const { ok, output } = ask(["queues", "info", queue]);
  if (ok) return;
  if (!output.includes(NO_SUCH_QUEUE)) throw new StartupFailure(`The queues cannot be looked up.${quoted(output)}`);
  show(`Making the queue ${queue}`, ["queues", "create", queue]);
}

/** wrangler finds the database by its name, so that no account's id is kept in this project. */
function provisionDatabase(): void {
  const { ok, output } = ask(["d1", "list", "--json"]);
  if (!ok) throw new StartupFailure(`The databases cannot be listed.${quoted(output)}`);
  const exists = (JSON.parse(output) as { name: string }[]).some((database) => database.name === DATABASE);
  if (!exists) show("Making the database", ["d1", "create", DATABASE, "--update-config=false"]);
}

function ask(args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [wranglerScript(), ...args], {
    ...wranglerOptions(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  return status === 0 ? { ok: true, output: stdout } : { ok: false, output: `${stdout}\n${stderr}`.trim() };
}

/** Runs a step that changes something, with its output, and its questions, before the person's eyes. */
function show(step: string, args: string[]): void {
  process.stdout.write(`${step} …\n`);
  const { status } = spawnSync(process.execPath, [wranglerScript(), ...args], {
    ...wranglerOptions(),
    stdio: "inherit",
  });
  if (status !== 0)
    throw new StartupFailure(`${step}: failed. Nothing after it was done; it is safe to run this again.`);
}

function wranglerOptions() {
  return { cwd: PROJECT_ROOT, env: { ...process.env, ...QUIET_WRANGLER }, encoding: "utf8" } as const;
}

function quoted(output: string): string {
  return output === "" ? "" : `\n${output.replaceAll(/^/gm, "  ")}`;
}
