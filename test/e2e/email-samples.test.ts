// E-mails as a browser shows them, at the width of a phone and of a desktop. With EMAIL_SHOTS=<folder> it leaves pictures
// there for people to look at.
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderEmail } from "../../src/delivery/render.ts";
import { startBrowser } from "../support/browser.ts";
import { EMAIL_SAMPLES, HOSTILE_SAMPLE, type EmailSample } from "../support/email-samples.ts";

const WIDTHS = [390, 1280];
const SHOTS = process.env["EMAIL_SHOTS"];

let browser: Browser;

beforeAll(async () => void (browser = await startBrowser()));
afterAll(async () => await browser.close());

interface Shown {
  page: Page;
  /** What the page said or did that an e-mail has no business with. */
  noise: string[];
  /** Addresses that it asked for. */
  asked: string[];
}

async function show({ name, definition, state }: EmailSample, width: number): Promise<Shown> {
  const rendered = await renderEmail(definition, state);
  if (!rendered.ok) throw new Error(rendered.error.message);
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const shown: Shown = { page, noise: [], asked: [] };
  page.on("dialog", (dialog) => {
    shown.noise.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => shown.noise.push(error.message));
  await page.route("**/*", async (route) => {
    shown.asked.push(route.request().url());
    await route.abort();
  });
  await page.setContent(rendered.value.html, { waitUntil: "load" });
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}-${width}.png`), fullPage: true });
  return shown;
}

/** By how much the page is wider than its window. */
async function overflowOf(page: Page): Promise<number> {
  return await page.evaluate(`document.documentElement.scrollWidth - window.innerWidth`);
}

describe.each(EMAIL_SAMPLES)("the e-mail $name", (sample) => {
  it.each(WIDTHS)("fits into a window of %i pixels and asks nobody for anything", async (width) => {
    const { page, noise, asked } = await show(sample, width);
    expect([await overflowOf(page), noise, asked]).toEqual([0, [], []]);
    await page.close();
  });
});

describe("an e-mail of hostile values", () => {
  it("runs nothing, loads nothing but https images, and leads nowhere else", async () => {
    const { page, noise, asked } = await show(HOSTILE_SAMPLE, 1280);
    // Whoever reads it may click and hover everywhere.
    await page.evaluate(`document.querySelectorAll("*").forEach((element) => {
      for (const type of ["mouseover", "focus", "load", "error"]) element.dispatchEvent(new Event(type));
    })`);
    const found = await page.evaluate(`({
      scripts: document.querySelectorAll("script, style, link, iframe, object, embed, form, base, svg, math").length,
      handlers: [...document.querySelectorAll("*")].flatMap(({ attributes }) => [...attributes]).filter(({ name }) => name.startsWith("on")).length,
      protocols: [...new Set([...document.querySelectorAll("[href]")].map((element) => element.protocol))],
      sources: [...document.images].filter(({ src }) => !src.startsWith("https://example.com/")).length,
    })`);
    expect(found).toEqual({ scripts: 0, handlers: 0, protocols: ["https:"], sources: 0 });
    expect(noise).toEqual([]);
    expect(asked.filter((url) => !url.startsWith("https://example.com/"))).toEqual([]);
    await page.close();
  });
});
