// Small JSON files that must be whole whenever somebody reads them, and readable by their owner only.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { StartupFailure, codeOf, fileFailure } from "../startup-failure.ts";

/** Writes beside the file and renames, mode 0600, making its folder if need be. */
export function writePrivateJson(file: string, value: unknown): void {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(beside, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw fileFailure("write", file, error);
  }
}

/** @returns the parsed file, or null when there is none */
export function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw fileFailure("read", file, error);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new StartupFailure(`${file} is not JSON any more. Repair it, or move it away to start afresh.`);
  }
}
