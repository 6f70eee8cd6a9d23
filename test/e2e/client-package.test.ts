// The published package: what `npm pack` puts into it, that it needs nothing else, that programs of other people run
// and type-check with it, and that its types are the server's.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientSizes, sizeRows } from "../../src/cli/client/size.ts";
import { PROJECT_ROOT } from "../../src/cli/local/bundle.ts";
import { builtClient } from "../support/built-client.ts";
import { caughtUp, readAll } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";

/** The vendor's published sample as it is written, but for where the client comes from. */
const SAMPLE = `
import Segmentflow from "waypost/client";

const client = new Segmentflow({
  apiKey: process.env.SEGMENTFLOW_API_KEY,
});

const result = await client.v1.events.track(
  {
    event: "order.created",
    profile: {
      email: "alex@example.com",
      externalId: "cus_123",
      properties: {
        firstName: "Alex",
        plan: "Pro",
      },
    },
    data: {
      orderId: "ord_9421",
      total: 49,
      payment: {
        token: "tok_live_abc",
      },
    },
    redactedDataPaths: ["/event/payment/token"],
    referenceId: "ord_9421",
    occurredAt: "2026-05-31T12:00:00.000Z",
  },
  {
    headers: { "Idempotency-Key": "order.created:ord_9421" },
  },
);

console.log(result.eventId, result.profileId, result.matchedJourneys);
`;

const run = promisify(execFile);
const QUIET_NPM = {
  npm_config_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_loglevel: "error",
};

let built: string;
/** A folder of somebody who installed the package. */
let consumer: string;
let packed: string[];
let server: DevServer;

beforeAll(async () => {
  built = await builtClient();
  const { stdout } = await npm(["pack", "--json", "--pack-destination", dirname(built)], built);
  const [report] = readPackReport(stdout);
  packed = report.files.map(({ path }) => path).toSorted();
  consumer = mkdtempSync(join(tmpdir(), "waypost-consumer-"));
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await npm(["install", join(dirname(built), report.filename)], consumer);
  server = await startDevServer({ stateDir: newStateDir() });
});

afterAll(async () => {
  // Started last: when a step before it failed, there is none.
  await (server as DevServer | undefined)?.kill9();
});

interface PackReport {
  filename: string;
  files: { path: string }[];
}

/** npm 11 lists the packages, npm 12 names them. */
function readPackReport(json: string): [PackReport] {
  const report = JSON.parse(json) as [PackReport] | Record<string, PackReport>;
  return Array.isArray(report) ? report : (Object.values(report) as [PackReport]);
}

async function npm(args: string[], cwd: string) {
  return await run("npm", args, { cwd, env: { ...process.env, ...QUIET_NPM } });
}

/** Runs a program in the consumer's folder, with the server's address and a key in its environment. */
async function runProgram(name: string, source: string) {
  writeFileSync(join(consumer, name), source);
  return await run(process.execPath, [name], {
    cwd: consumer,
    env: {
      ...process.env,
      WAYPOST_BASE_URL: server.baseUrl,
      WAYPOST_API_KEY: server.dev.apiKey,
      SEGMENTFLOW_API_KEY: server.dev.apiKey,
    },
  });
}

/** Type-checks files. @returns what the compiler says of them, and of nothing else */
async function typeErrors(
  directory: string,
  compilerOptions: object,
  files: Record<string, string>,
): Promise<string[]> {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const options = { strict: true, noEmit: true, skipLibCheck: false, types: [], target: "ES2022", ...compilerOptions };
  writeFileSync(
    join(directory, "tsconfig.json"),
    JSON.stringify({ compilerOptions: options, files: Object.keys(files) }),
  );
  const tsc = join(PROJECT_ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", directory, "--pretty", "false"], { cwd: directory }).catch(
    (failure: { stdout: string }) => failure,
  );
  // Of paths outside the folder only the server's own sources are left, and those are not the client's affair.
  return stdout.split("\n").filter((line) => /^(?!\.\.)[\w./-]+\(\d+,\d+\): error/.test(line));
}

async function storedCount(referenceId: string): Promise<number> {
  await caughtUp(server);
  const events = await readAll<{ referenceId: string }>(server, "/api/v1/events");
  return events.filter((event) => event.referenceId === referenceId).length;
}

describe("the package", () => {
  it("holds the built client, its types, and nothing else", () => {
    const types = packed.filter((path) => /^types\/[\w-]+\.d\.ts$/.test(path));
    expect(types).toContain("types/index.d.ts");
    expect(packed.filter((path) => !types.includes(path))).toEqual([
      "LICENSE",
      "README.md",
      "client.js",
      "package.json",
    ]);
  });

  it("is all that a pack of the whole repository could hold", async () => {
    const { stdout } = await npm(["pack", "--json", "--dry-run", "--ignore-scripts"], PROJECT_ROOT);
    const others = readPackReport(stdout)[0].files.filter(
      ({ path }) => !/^dist\/client\/(client\.js|types\/)/.test(path),
    );
    expect(others.map(({ path }) => path).toSorted()).toEqual(["LICENSE", "README.md", "package.json"]);
  });

  it("brings no other package", () => {
    expect(readdirSync(join(consumer, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["waypost"]);
    const manifest = JSON.parse(readFileSync(join(built, "package.json"), "utf8")) as Record<string, unknown>;
    expect(Object.keys(manifest).filter((field) => /dependencies|scripts|private/i.test(field))).toEqual([]);
  });

  it("imports nothing but itself", () => {
    for (const path of packed.filter((name) => /\.(js|d\.ts)$/.test(name))) {
      const text = readFileSync(join(built, path), "utf8");
      const specifiers = [...text.matchAll(/(?:from|import|require)\s*\(?\s*["']([^"']+)["']/g)].map(
        (match) => match[1],
      );
      const missing = specifiers.filter((specifier) => !isOwnType(specifier ?? ""));
      expect([path, missing]).toEqual([path, []]);
    }
  });

  it("is under 4 KB minified and gzipped without its buffer, which a bundler drops", async () => {
    const sizes = await clientSizes();
    expect(sizes["without the buffer"].gzipped).toBeLessThan(4_000);
    expect(sizes["with the buffer"].gzipped).toBeGreaterThan(sizes["without the buffer"].gzipped + 500);
  });

  it("has the sizes that its page tells", async () => {
    const page = readFileSync(join(PROJECT_ROOT, "docs/client.md"), "utf8");
    for (const line of await sizeRows()) expect(page).toContain(line);
  });

  function isOwnType(specifier: string): boolean {
    return /^\.\/[\w-]+\.js$/.test(specifier) && existsSync(join(built, "types", specifier.replace(/\.js$/, ".d.ts")));
  }
});

describe("a program that has it installed", () => {
  it("runs the published sample as it is written", async () => {
    const { stdout, stderr } = await runProgram("sample.mjs", SAMPLE);
    expect(stdout).toMatch(/^[0-9a-f-]{36} [0-9a-f-]{36} 1\n$/);
    expect(stderr).toBe("");
    expect(await storedCount("ord_9421")).toBe(1);
  });

  it.each(["import Client", "import { Waypost as Client }", "import { Segmentflow as Client }"])(
    "can write %s",
    async (start) => {
      const { stdout } = await runProgram(
        "names.mjs",
        `${start} from "waypost/client"; console.log(typeof new Client().v1.events.track);`,
      );
      expect(stdout).toBe("function\n");
    },
  );

  it("shows nobody its key when it logs its client", async () => {
    const { stdout } = await runProgram(
      "log.mjs",
      `import { inspect } from "node:util"; import Waypost from "waypost/client";
       const client = new Waypost({ apiKey: process.env.WAYPOST_API_KEY, defaultHeaders: { secret: "wp_sk_" } });
       console.log(inspect(client, { depth: 9, showHidden: true, getters: true }), JSON.stringify(client));`,
    );
    expect(stdout).not.toContain("wp_sk_");
  });

  it.each([
    ["ends at once", "at-once", ""],
    ["waits for the result at its top level", "awaited", "await taken;"],
    ["has other work first", "later", "setTimeout(() => undefined, 50);"],
  ])("sends what its buffer holds when it %s", async (_, referenceId, ending) => {
    const program = `import Waypost from "waypost/client";
      const buffer = new Waypost().buffer({ maxDelayMs: 600_000 });
      const taken = buffer.track({ event: "program.ended", profile: { externalId: "cus_1" }, referenceId: "${referenceId}" });
      ${ending}`;
    const { stderr } = await runProgram("ending.mjs", program);
    expect(stderr).toBe("");
    expect(await storedCount(referenceId)).toBe(1);
  });

  it.each([
    ["a browser's", { lib: ["ES2022", "DOM", "DOM.AsyncIterable"], module: "ESNext", moduleResolution: "Bundler" }],
    ["Node's", { lib: ["ES2022"], types: ["node"], module: "NodeNext" }],
    [
      "a Worker's",
      { lib: ["ES2022"], types: ["@cloudflare/workers-types"], module: "ESNext", moduleResolution: "Bundler" },
    ],
  ])("type-checks among %s types, as strictly as can be", async (_, options) => {
    const found = await typeErrors(
      consumer,
      {
        ...options,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        typeRoots: [join(PROJECT_ROOT, "node_modules/@types"), join(PROJECT_ROOT, "node_modules")],
      },
      {
        "program.ts": `${SAMPLE.replace("process.env.SEGMENTFLOW_API_KEY", "undefined as string | undefined")}
          import { ConflictError, type StoredEvent } from "waypost/client";
          const stored: StoredEvent = await client.v1.events.retrieve(result.eventId);
          const reasons: string[] = stored.receipt.journeys.map(({ reason }) => reason);
          const { runId, status } = await client.v1.journeys.trigger("welcome", { profile: { userId: "u" }, variables: { n: 1 } });
          console.log(runId.length, status === "running");
          for await (const { source } of client.v1.events.list({ limit: 3 })) console.log(source === "api", reasons);
          const { data, idempotentReplayed } = await client.v1.events.track({ event: "a", profile: {} }, { include: "receipt" }).withResponse();
          console.log(data.receipt.warnings, idempotentReplayed satisfies boolean, new Segmentflow({ fetch }));
          const buffer = client.buffer({ onError: (error, { idempotencyKey }) => console.log(error.code, idempotencyKey) });
          await buffer.track({ event: "a", profile: { properties: { plan: null, tags: ["a", 1] } } }).catch((error: unknown) => {
            if (error instanceof ConflictError) console.log(error.status, error.requestId, error.details);
          });
          // @ts-expect-error the event's name is missing
          void client.v1.events.track({ profile: {} });
          // @ts-expect-error nobody is named
          void client.v1.journeys.trigger("welcome", {});
          // @ts-expect-error a date is no JSON
          void client.v1.events.track({ event: "a", profile: {}, data: { at: new Date() } });
          // @ts-expect-error the receipt was not asked for
          console.log(result.receipt);`,
      },
    );
    expect(found).toEqual([]);
  });

  it("is told by the compiler what is wrong", async () => {
    const found = await typeErrors(
      join(consumer, "wrong"),
      { lib: ["ES2022", "DOM"], module: "ESNext", moduleResolution: "Bundler" },
      { "program.ts": `import Waypost from "waypost/client"; void new Waypost().v1.events.track({ profile: {} });` },
    );
    expect(found).toHaveLength(1);
  });
});

describe("the published types", () => {
  const names = ["TrackParams", "Accepted", "Receipt", "StoredEvent", "ListedEvent", "TriggerParams", "TriggeredRun"];
  /** Identity, not assignability: a lost optional field is a difference. Objects of any keys differ in name only. */
  const identity = `
    type Marked<T> = T extends readonly (infer Item)[] ? Marked<Item>[]
      : T extends object ? string extends keyof T ? { anyKeys: unknown extends T[keyof T] ? "unknown" : "json" } : { [K in keyof T]: Marked<T[K]> }
      : T;
    type Same<A, B> = (<T>() => T extends Marked<A> ? 1 : 2) extends <T>() => T extends Marked<B> ? 1 : 2 ? true : false;`;

  async function differences(ofPublished: (text: string) => string): Promise<string[]> {
    const directory = join(mkdtempSync(join(tmpdir(), "waypost-types-")), "compared");
    const lines = names.map((name) => `export const same${name}: Same<published.${name}, wire.${name}> = true;`);
    return await typeErrors(
      directory,
      {
        lib: ["ES2024"],
        types: ["@cloudflare/workers-types", "node"],
        module: "ESNext",
        moduleResolution: "Bundler",
        allowImportingTsExtensions: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: true,
        typeRoots: [join(PROJECT_ROOT, "node_modules/@types"), join(PROJECT_ROOT, "node_modules")],
      },
      {
        "published.ts": ofPublished(readFileSync(join(built, "types/wire.d.ts"), "utf8")),
        "compare.ts": `import type * as published from "./published.ts";
          import type * as wire from ${JSON.stringify(join(PROJECT_ROOT, "src/client/wire.ts"))};
          ${identity}
          ${lines.join("\n")}`,
      },
    );
  }

  it("are those of the server's schemas", async () => {
    expect(await differences((text) => text)).toEqual([]);
  });

  it.each([
    ["a field that is lost", "    referenceId?: string | undefined;\n", ""],
    ["a field that became required", "occurredAt?: string", "occurredAt: string"],
    ["a value that is missing", '"enrolled" | "skipped"', '"enrolled"'],
    ["anything", "matchedJourneys: number", "matchedJourneys: any"],
  ])("would be told apart by %s", async (_, from, to) => {
    expect((await differences((text) => text.replaceAll(from, to))).length).toBeGreaterThan(0);
  });

  it("are all there", () => {
    const wire = readFileSync(join(PROJECT_ROOT, "src/client/wire.ts"), "utf8");
    const published = readFileSync(join(built, "types/wire.d.ts"), "utf8");
    expect([...wire.matchAll(/^export type (\w+) =/gm)].map((match) => match[1])).toEqual(names);
    for (const name of names)
      expect(published).toMatch(new RegExp(String.raw`^/\*\* .* \*/\nexport type ${name} = `, "m"));
  });
});
