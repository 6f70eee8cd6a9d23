// `npm run client:size`: what the client adds to a program that is minified, with and without its buffer, in bytes.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { PROJECT_ROOT } from "../local/bundle.ts";
import { CLIENT_TARGET } from "./build.ts";

export interface ClientSize {
  minified: number;
  gzipped: number;
}

/** What a program uses, as it would import it; the rest is for the bundler to drop. */
const USES = {
  "all of it": 'export * from "./src/client/index.ts";',
  "with the buffer": 'export { Waypost } from "./src/client/index.ts";',
  "without the buffer": 'export { WaypostCore } from "./src/client/index.ts";',
};

/** Builds each use as a bundler would and weighs it. */
export async function clientSizes(): Promise<Record<keyof typeof USES, ClientSize>> {
  const sizes = await Promise.all(
    Object.entries(USES).map(async ([use, contents]) => {
      const { outputFiles } = await build({
        stdin: { contents, resolveDir: PROJECT_ROOT, loader: "ts" },
        bundle: true,
        minify: true,
        write: false,
        format: "esm",
        platform: "neutral",
        target: CLIENT_TARGET,
      });
      const bytes = outputFiles[0]?.contents ?? new Uint8Array();
      return [use, { minified: bytes.byteLength, gzipped: gzipSync(bytes, { level: 9 }).byteLength }];
    }),
  );
  return Object.fromEntries(sizes) as Record<keyof typeof USES, ClientSize>;
}

/** The sizes as docs/client.md has them, a row for each use. */
export async function sizeRows(): Promise<string[]> {
  const inBytes = (bytes: number): string => bytes.toLocaleString("en");
  return Object.entries(await clientSizes()).map(
    ([use, { minified, gzipped }]) => `| ${use} | ${inBytes(minified)} | ${inBytes(gzipped)} |`,
  );
}

if (import.meta.main) {
  console.log(["| | minified, bytes | and gzipped |", "|---|---|---|", ...(await sizeRows())].join("\n"));
}
