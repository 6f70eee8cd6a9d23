// `npm run build:client`: builds the published package `waypost/client` into dist/client, ready for `npm pack`. It is
// a package of its own: who installs the client must not install the server's dependencies.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { PROJECT_ROOT } from "../local/bundle.ts";
import { StartupFailure } from "../startup-failure.ts";
import { writeDeclarations } from "./declarations.ts";

/** Where `npm run build:client` puts the package. */
export const CLIENT_DIRECTORY = join(PROJECT_ROOT, "dist", "client");
/** What the oldest supported platforms understand: Node 20, browsers and Workers of the same years. */
export const CLIENT_TARGET = "es2022";
const ENTRY = join(PROJECT_ROOT, "src", "client", "index.ts");

interface Manifest {
  name: string;
  version: string;
  license: string;
}

/** Builds the package into `directory`, which is emptied first. @throws StartupFailure, or the bundler's error */
export async function buildClient(directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await build({
    entryPoints: [ENTRY],
    outfile: join(directory, "client.js"),
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: CLIENT_TARGET,
    charset: "utf8",
    logLevel: "silent",
  });
  writeDeclarations(join(directory, "types"));
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(packageManifest(), null, 2)}\n`);
  copyFileSync(join(PROJECT_ROOT, "LICENSE"), join(directory, "LICENSE"));
  copyFileSync(join(PROJECT_ROOT, "docs", "client.md"), join(directory, "README.md"));
}

function packageManifest(): object {
  const { name, version, license } = JSON.parse(readFileSync(join(PROJECT_ROOT, "package.json"), "utf8")) as Manifest;
  return {
    name,
    version,
    description: "The TypeScript client of Waypost",
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: {
      "./client": { types: "./types/index.d.ts", default: "./client.js" },
      "./package.json": "./package.json",
    },
    files: ["client.js", "types"],
  };
}

if (import.meta.main) {
  try {
    await buildClient(CLIENT_DIRECTORY);
  } catch (error) {
    if (!(error instanceof StartupFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
