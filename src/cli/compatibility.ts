// Writes docs/compatibility.md from the titles of the conformance tests, and the code on the pages "moving from …"
// from the tests that run it: what is not tested cannot be claimed. `--check` only says whether they are up to date.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const TESTS = "test/conformance";
const PAGE = "docs/compatibility.md";
const MOVING = "docs/moving-from";

/** In the order of the page; each has a folder of tests and a page of its own. */
const DOORS = [
  { folder: "klaviyo", name: "Klaviyo", path: "/klaviyo" },
  { folder: "segment", name: "Segment and RudderStack", path: "/segment/v1" },
  { folder: "greenflash", name: "Greenflash", path: "/greenflash/api/v1" },
  { folder: "segmentstream", name: "SegmentStream", path: "/segmentstream" },
  { folder: "ingest", name: "Browser ingest", path: "/api/v1/ingest" },
];

const INTRODUCTION = `# Compatibility

Made by \`npm run compatibility\` from the titles of the tests in \`${TESTS}\`, which run in every check against a real server on a real port, with the vendors' own clients where there are any. A requirement without a test is not on this page.

**Source** says how a requirement is known: **D** the vendor's documentation, **S** the vendor's own client, **W** seen in the wild, **A** nothing says, so it is our choice.
`;

interface Listed {
  name: string;
  file: string;
}

interface Row {
  area: string;
  text: string;
  source: string;
  file: string;
}

/** Asks the test runner which tests there are; none of them runs. */
function listTests(): Listed[] {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const listed = execFileSync(
    process.execPath,
    [vitest, "list", "--json", "--no-static-parse", "--project", "e2e", `${TESTS}/`],
    {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  // The runner may say something of its own first.
  return JSON.parse(listed.slice(listed.indexOf("["))) as Listed[];
}

/** @throws Error when a test of the folder is not called by a requirement */
function rowsOf(folder: string, listed: readonly Listed[]): Row[] {
  return (
    listed
      .filter(({ file }) => relative(ROOT, file).startsWith(`${TESTS}/${folder}/`))
      // Files are collected at the same time, in whatever order they are done.
      .toSorted((one, other) => (one.file === other.file ? 0 : one.file < other.file ? -1 : 1))
      .map(({ name, file }) => {
        const parts = name.split(" > ");
        const title = /^(.*) ⟨(.*)⟩$/s.exec(parts.at(-1) ?? "");
        if (title === null) throw new Error(`${relative(ROOT, file)}: not titled by requirement(): ${name}`);
        const [, text = "", source = ""] = title;
        return { area: parts.slice(0, -1).join(", "), text, source, file: relative(ROOT, file) };
      })
  );
}

function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`).replaceAll(/\s+/g, " ");
}

function sectionOf({ folder, name, path }: (typeof DOORS)[number], rows: readonly Row[]): string {
  const areas = [...Map.groupBy(rows, ({ area }) => area)].map(([area, ofArea]) => {
    const lines = ofArea.map(
      ({ text, source, file }) => `| ${cell(text)} | ${cell(source)} | [${file.split("/").at(-1)}](../${file}) |`,
    );
    return `### ${name}: ${area}\n\n| Requirement | Source | Test |\n|---|---|---|\n${lines.join("\n")}\n`;
  });
  const moving = `[Moving from ${name}](moving-from/${folder}.md).`;
  return `## ${name}\n\nMounted at \`${path}\`; ${rows.length} requirements. ${moving}\n\n${areas.join("\n")}`;
}

/** Puts the named regions of tests into a page's code blocks. */
function withCode(page: string): string {
  return page.replaceAll(
    /<!-- code: (\S+)#(\S+) -->\n+```(\w+)\n[\s\S]*?```/g,
    (_, file: string, region: string, language: string) =>
      `<!-- code: ${file}#${region} -->\n\`\`\`${language}\n${regionOf(file, region)}\n\`\`\``,
  );
}

function regionOf(file: string, region: string): string {
  const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
  const start = lines.findIndex((line) => line.trim() === `// region: ${region}`);
  const end = lines.findIndex((line, i) => i > start && line.trim() === "// endregion");
  if (start < 0 || end < 0) throw new Error(`${file} has no region ${region}`);
  const code = lines.slice(start + 1, end);
  const indent = Math.min(...code.filter((line) => line.trim() !== "").map((line) => line.search(/\S/)));
  return code.map((line) => line.slice(indent)).join("\n");
}

function pages(): Map<string, string> {
  const listed = listTests();
  const doors = DOORS.filter(({ folder }) => existsSync(join(ROOT, TESTS, folder)));
  const sections = doors.map((door) => sectionOf(door, rowsOf(door.folder, listed)));
  const made = new Map([[PAGE, `${INTRODUCTION}\n${sections.join("\n")}`]]);
  for (const file of readdirSync(join(ROOT, MOVING)).filter((name) => name.endsWith(".md"))) {
    const path = `${MOVING}/${file}`;
    made.set(path, withCode(readFileSync(join(ROOT, path), "utf8")));
  }
  return made;
}

const stale = [...pages()].filter(([path, text]) => {
  const file = join(ROOT, path);
  return !existsSync(file) || readFileSync(file, "utf8") !== text;
});
if (process.argv.includes("--check")) {
  for (const [path] of stale) console.error(`${path} is not what its tests say: run "npm run compatibility".`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of stale) {
    writeFileSync(join(ROOT, path), text);
    console.log(`wrote ${path}`);
  }
}
