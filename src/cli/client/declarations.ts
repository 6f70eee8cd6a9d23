// Writes the client's type declarations: what the compiler makes of src/client, with the types that come from the
// server's schemas written out in plain TypeScript, so that who uses the client needs neither valibot nor the server.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PROJECT_ROOT } from "../local/bundle.ts";
import { StartupFailure } from "../startup-failure.ts";

const OWN_SOURCES = /^src\/(?:cli\/)?client\//;

/**
 * Writes one `.d.ts` for each file of src/client into `directory`.
 *
 * @throws StartupFailure with the compiler's own words
 */
export function writeDeclarations(directory: string): void {
  const emitted = mkdtempSync(join(tmpdir(), "waypost-declarations-"));
  try {
    compile(emitted);
    const comments = readFileSync(join(PROJECT_ROOT, "src/client/wire.ts"), "utf8");
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(join(emitted, "client"))) {
      const text =
        name === "wire.d.ts"
          ? plainTypes(readFileSync(join(emitted, "cli/client/plain-types.d.ts"), "utf8"), comments)
          : readFileSync(join(emitted, "client", name), "utf8");
      writeFileSync(join(directory, name), withEmittedNames(text));
    }
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
}

/** The server's own files are `npm run types`' affair: here they are only read for their schemas. */
function compile(outDir: string): void {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  const tsc = join(dirname(manifest), "bin", "tsc");
  const args = [tsc, "-p", "tsconfig.client.json", "--outDir", outDir, "--pretty", "false"];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: PROJECT_ROOT, encoding: "utf8" });
  const own = stdout.split("\n").filter((line) => OWN_SOURCES.test(line));
  if (own.length > 0) throw new StartupFailure(`The client does not compile.\n${own.join("\n")}`);
  if (status === null) throw new StartupFailure(`The compiler could not be run.\n${stderr}`);
}

/** Turns the constants of plain-types.ts into the types they have, each with its comment in wire.ts. */
function plainTypes(constants: string, commented: string): string {
  const types = constants.replaceAll(
    /^export declare const (\w+): /gm,
    (_, name: string) => `${commentOf(commented, name)}export type ${name} = `,
  );
  if (/\bany\b|\bunknown\b(?!>)|import\(|Plain</.test(types)) {
    throw new StartupFailure(
      "A type of src/client/wire.ts could not be written out: see what the compiler made of it.",
    );
  }
  return types;
}

function commentOf(commented: string, name: string): string {
  const found = new RegExp(String.raw`(/\*\* [^\n]* \*/\n)export type ${name} =`).exec(commented);
  return found?.[1] ?? "";
}

/** Declarations import each other as the compiled files would. */
function withEmittedNames(text: string): string {
  return text.replaceAll(/(from "\.\/[\w-]+)\.ts"/g, '$1.js"');
}
