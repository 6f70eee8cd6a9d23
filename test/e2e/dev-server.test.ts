// `npm run dev` as its user meets it: the promises of docs/contributing.md, "The local server", each shown on the
// real process.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { groupIsAlive, newStateDir, spawnDevServer, startDevServer } from "../support/dev-server.ts";
import type { DevProcess, DevServer } from "../support/dev-server.ts";
import { SOON_MS } from "../support/patience.ts";

const ALL_SCOPES_COUNT = 12;
/** Six servers, one after another. */
const MANY_STARTS_MS = 400_000;

/** Sends SIGTERM to the server, and not to what it runs, as soon as a library has installed a handler beside its own. */
const SIGNALLED_BY_LIBRARIES = `
  let handlers = 0;
  if (process.argv[1].endsWith("src/cli/dev.ts")) process.on("newListener", (event) => {
    if (event !== "SIGTERM" || (handlers += 1) === 1) return;
    setTimeout(() => process.kill(process.pid, "SIGTERM"), 1);
  });`;

const started: DevProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill9()));
});

/** A server that ends with its test, however that ends. */
async function start(options: Parameters<typeof startDevServer>[0]): Promise<DevServer> {
  const server = await startDevServer(options);
  started.push(server);
  return server;
}

/** The same for a server that may never get ready. */
async function spawnServer(options: Parameters<typeof spawnDevServer>[0]): Promise<DevProcess> {
  const server = await spawnDevServer(options);
  started.push(server);
  return server;
}

/** Runs the printed curl as a shell would, plus the answer's headers. */
function pasteCurl(server: DevServer): { status: number; headers: string; body: string } {
  const printed = server.stdout().slice(server.stdout().indexOf("curl "));
  // Behind the empty line may stand what was sent meanwhile.
  const [command = ""] = printed.split("\n\n");
  const output = execFileSync("sh", ["-c", command.replace("curl ", "curl -i ")], { encoding: "utf8" });
  const [headers = "", ...body] = output.split("\r\n\r\n");
  return { status: Number(headers.split(" ")[1]), headers: headers.toLowerCase(), body: body.join("\r\n\r\n") };
}

/** What it said to greet; of e-mails it tells when they are sent. */
function greetingOf(server: DevServer): string[] {
  return server
    .stdout()
    .split("\n")
    .filter((line) => !line.startsWith("E-mail to "));
}

/** The command lines of all processes; a bare Linux has no `ps`. */
function commandLines(): string {
  if (!existsSync("/proc/self/cmdline")) return execFileSync("ps", ["-axww", "-o", "args="], { encoding: "utf8" });
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(readCommandLine).join("\n");
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended between the listing and the look.
    return "";
  }
}

describe("a first start on an empty state", () => {
  let server: DevServer;
  let curl: ReturnType<typeof pasteCurl>;
  beforeAll(async () => {
    server = await startDevServer({ stateDir: newStateDir() });
    curl = pasteCurl(server);
  });
  afterAll(async () => server.kill9());

  const get = async (path: string, key = server.dev.apiKey) =>
    fetch(`${server.baseUrl}${path}`, { headers: { "x-api-key": key } });

  it("prints one ready line, with its address, before anything else", () => {
    const lines = server.stdout().split("\n");
    expect(lines[0]).toBe(`Ready on http://127.0.0.1:${server.port}`);
    expect(lines.filter((line) => line.includes("Ready on"))).toHaveLength(1);
  });

  it("prints nothing on stderr", () => {
    expect(server.stderr()).toBe("");
  });

  it("writes dev.json with the address and every credential", () => {
    expect(Object.keys(server.dev).toSorted()).toEqual(
      ["adminToken", "apiKey", "baseUrl", "eventsKey", "workspaceId", "writeKey"].toSorted(),
    );
    expect(server.baseUrl).toBe(`http://127.0.0.1:${server.port}`);
  });

  it("keeps dev.json and the secrets readable by their owner only", () => {
    const secrets = join(dirname(server.devJson), "state", "dev-secrets.json");
    for (const file of [server.devJson, secrets]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("puts no secret into a process's arguments", () => {
    const { adminToken, apiKey, eventsKey, writeKey } = server.dev;
    const made = JSON.parse(readFileSync(join(dirname(server.devJson), "state", "dev-secrets.json"), "utf8")) as {
      keySecrets: string[];
      ledgerSecrets: string[];
    };
    const secrets = [...made.keySecrets, ...made.ledgerSecrets, adminToken, apiKey, eventsKey, writeKey];
    const lines = commandLines();
    expect(lines).toContain("workerd");
    expect(secrets.filter((secret) => lines.includes(secret))).toEqual([]);
  });

  it("prints a curl that is accepted and starts the demo journey", () => {
    expect(curl.status).toBe(202);
    expect(JSON.parse(curl.body)).toMatchObject({ matchedJourneys: 1, enrolledJourneys: 1, skippedJourneys: 0 });
  });

  it("has one active journey on order.created and one draft", async () => {
    const answer = await get("/api/v1/journeys");
    const { items } = await answer.json<{
      items: { key: string; status: string; definition: { entry: { event: string } } }[];
    }>();
    const shown = items.map(({ key, status, definition }) => `${key}: ${status} on ${definition.entry.event}`);
    expect(shown.toSorted()).toEqual(["order-follow-up: active on order.created", "win-back: draft on cart.abandoned"]);
  });

  it("gives apiKey every scope and eventsKey events:write alone", async () => {
    const answer = await fetch(`${server.baseUrl}/api/v1/api-keys?workspaceId=${server.dev.workspaceId}`, {
      headers: { authorization: `Bearer ${server.dev.adminToken}` },
    });
    const { items } = await answer.json<{ items: { kind: string; scopes: string[] }[] }>();
    const shown = items.map(({ kind, scopes }) => `${kind}: ${scopes.length === 1 ? scopes[0] : scopes.length}`);
    expect(shown.toSorted()).toEqual([`secret: ${ALL_SCOPES_COUNT}`, "secret: events:write", "write: events:write"]);
    expect((await get("/api/v1/journeys", server.dev.eventsKey)).status).toBe(403);
  });

  it("refuses a second server on the same state", async () => {
    const second = await spawnServer({ stateDir: join(dirname(server.devJson), "state") });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr()).toContain("STATE_DIR=");
    expect((await fetch(`${server.baseUrl}/healthz`)).status).toBe(200);
  });

  it("refuses a port that is taken, naming it and the way out", async () => {
    const stateDir = newStateDir();
    const second = await spawnServer({ stateDir, port: server.port });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr()).toContain(`Port ${server.port} is taken`);
    expect(second.stderr()).toContain("PORT=");
    expect(second.stdout()).toBe("");
    expect(existsSync(stateDir)).toBe(false);
  });
});

describe("a second start on the same state", () => {
  it("keeps every credential and replays the printed curl", async () => {
    const stateDir = newStateDir();
    const first = await start({ stateDir });
    const firstCurl = pasteCurl(first);
    await first.stop();
    const second = await start({ stateDir, port: first.port });
    const secondCurl = pasteCurl(second);
    expect(second.dev).toEqual(first.dev);
    expect(greetingOf(second)).toEqual(greetingOf(first));
    expect(secondCurl.body).toBe(firstCurl.body);
    expect(firstCurl.headers).not.toContain("idempotent-replayed");
    expect(secondCurl.headers).toContain("idempotent-replayed: true");
  });

  it("completes a seeding that was cut off after any of its steps", { timeout: MANY_STARTS_MS }, async () => {
    const stateDir = newStateDir();
    const whole = await start({ stateDir });
    await whole.stop();
    const secretsFile = join(stateDir, "dev-secrets.json");
    const secrets = JSON.parse(readFileSync(secretsFile, "utf8")) as { demo: object };
    const steps = Object.entries(secrets.demo);
    for (const kept of steps.keys()) {
      // The state as it is when the process ends after a step was taken, and before it was noted.
      writeFileSync(secretsFile, JSON.stringify({ ...secrets, demo: Object.fromEntries(steps.slice(0, kept)) }));
      const next = await start({ stateDir });
      expect(next.dev.workspaceId).toBe(whole.dev.workspaceId);
      expect(JSON.parse(pasteCurl(next).body)).toMatchObject({ matchedJourneys: 1 });
      await next.stop();
    }
  });

  it("leaves a demo journey as its owner left it", async () => {
    const stateDir = newStateDir();
    const first = await start({ stateDir });
    await fetch(`${first.baseUrl}/api/v1/journeys/order-follow-up/pause`, {
      method: "POST",
      headers: { "x-api-key": first.dev.apiKey, "content-type": "application/json" },
      body: "{}",
    });
    await first.stop();
    const second = await start({ stateDir });
    const answer = await fetch(`${second.baseUrl}/api/v1/journeys/order-follow-up`, {
      headers: { "x-api-key": second.dev.apiKey },
    });
    expect(await answer.json()).toMatchObject({ status: "paused" });
  });

  it("takes over after the server was killed and its runtime was not", async () => {
    const stateDir = newStateDir();
    const first = await start({ stateDir });
    const body = pasteCurl(first).body;
    await first.stop("SIGKILL");
    expect(groupIsAlive(first.pid)).toBe(true);
    const second = await start({ stateDir, port: first.port });
    expect(groupIsAlive(first.pid)).toBe(false);
    expect(pasteCurl(second).body).toBe(body);
  });
});

describe("the end", () => {
  const leavesNoProcess = async ({ pid }: DevProcess): Promise<void> =>
    await expect.poll(() => groupIsAlive(pid), { timeout: SOON_MS }).toBe(false);

  it.each(["SIGINT", "SIGTERM"] as const)("%s exits 0, says nothing, leaves no process", async (signal) => {
    const server = await start({ stateDir: newStateDir() });
    expect(await server.stop(signal)).toEqual({ code: 0, signal: null });
    expect(server.stderr()).toBe("");
    await leavesNoProcess(server);
  });

  it("Ctrl-C, which reaches the runtime too, exits 0 without a word", async () => {
    const server = await start({ stateDir: newStateDir() });
    process.kill(-server.pid, "SIGINT");
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.stderr()).toBe("");
    await leavesNoProcess(server);
  });

  it("a signal during the start exits 0 and leaves no process", async () => {
    const server = await spawnServer({ stateDir: newStateDir() });
    await expect
      .poll(() => existsSync(join(dirname(server.devJson), "state", "dev.lock")), { timeout: SOON_MS, interval: 5 })
      .toBe(true);
    expect(await server.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(server.stdout() + server.stderr()).toBe("");
    await leavesNoProcess(server);
  });

  it("a signal exits 0 as well when a library has just installed a handler of its own", async () => {
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SIGNALLED_BY_LIBRARIES)}` };
    const server = await spawnServer({ stateDir: newStateDir(), env });
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.stdout() + server.stderr()).toBe("");
    await leavesNoProcess(server);
  });
});

describe("a state that cannot be used", () => {
  let blocker: Server | undefined;
  afterEach(() => void blocker?.close());

  it("is named when a file lies where the folder should be", async () => {
    const stateDir = newStateDir();
    writeFileSync(stateDir, "");
    const server = await spawnServer({ stateDir });
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect(server.stderr()).toBe(`Cannot make the state folder ${stateDir}: there is a file of that name.\n`);
  });

  it("is named when the secrets in it are damaged", async () => {
    const stateDir = newStateDir();
    mkdirSync(stateDir);
    writeFileSync(join(stateDir, "dev-secrets.json"), "{");
    const server = await spawnServer({ stateDir });
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect(server.stderr()).toContain("dev-secrets.json is not JSON any more");
    expect(existsSync(join(stateDir, "dev.lock"))).toBe(false);
  });

  it("is no matter when the port is already taken: nothing is made", async () => {
    blocker = createServer();
    await new Promise<void>((listening) => blocker?.listen(0, "127.0.0.1", listening));
    const { port } = blocker.address() as AddressInfo;
    const stateDir = newStateDir();
    const server = await spawnServer({ stateDir, port });
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect(existsSync(stateDir)).toBe(false);
  });
});
