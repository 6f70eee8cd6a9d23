// Chromium as a test drives it: headless, with a profile of its own, and without a word to anybody but loopback.
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";
import { SOON_MS } from "./patience.ts";

const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Starts a browser; `close()` ends it and everything it kept. */
export async function startBrowser(): Promise<Browser> {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(`There is no ${EXECUTABLE}: install Debian's package chromium, or set CHROMIUM to a browser.`);
  }
  return await chromium.launch({
    executablePath: EXECUTABLE,
    timeout: SOON_MS,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
