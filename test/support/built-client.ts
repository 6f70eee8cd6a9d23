// The client as it is published: built into a folder of the test's own, so that no test needs a build by hand.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildClient } from "../../src/cli/client/build.ts";

/** Builds the package as `npm run build:client` does. @returns its folder */
export async function builtClient(): Promise<string> {
  const directory = join(mkdtempSync(join(tmpdir(), "waypost-client-")), "client");
  await buildClient(directory);
  return directory;
}
