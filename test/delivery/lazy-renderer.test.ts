import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** Packages that only the making of an e-mail needs. */
const HEAVY =
  /node_modules\/(?:react|react-dom|@react-email|@json-render|html-to-text|htmlparser2|entities|html5parser)\//;

/** Files that are evaluated when the Worker starts: whatever its entry imports without waiting for a call. */
async function evaluatedAtStart(): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: ["src/index.ts"],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
    outfile: "index.js",
  });
  const seen = new Set<string>();
  const open = ["src/index.ts"];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const { path, kind } of metafile.inputs[file]?.imports ?? []) {
      if (kind === "import-statement" || kind === "require-call") open.push(path);
    }
  }
  return [...seen];
}

describe("the Worker when it starts", () => {
  it("evaluates nothing of what renders e-mails", async () => {
    const files = await evaluatedAtStart();
    expect(files).toContain("src/delivery/render.ts");
    expect(files.filter((file) => HEAVY.test(file) || file.startsWith("src/delivery/render-"))).toEqual([]);
  });
});
