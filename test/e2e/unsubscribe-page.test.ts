// The unsubscribe page in Chromium, from the link in a real e-mail: readable on a phone, usable by keyboard, done with
// one press, and nothing but itself to load.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { startBrowser } from "../support/browser.ts";
import { activateJourney, read, readAll, track, writeTemplate } from "../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../support/dev-server.ts";
import { SOON_MS } from "../support/patience.ts";

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };

const TEMPLATE = {
  key: "news",
  name: "News",
  definition: {
    subject: "News",
    from: "news@example.com",
    body: {
      root: "html",
      elements: {
        html: { type: "Html", props: {}, children: ["body"] },
        body: { type: "Body", props: {}, children: ["text"] },
        text: { type: "Text", props: { text: "News" }, children: [] },
      },
    },
  },
};

const JOURNEY = {
  key: "news",
  name: "News",
  entry: { event: "news.asked" },
  steps: [{ id: "news", type: "email", template: "news" }],
};

const stateDir = newStateDir();
let server: DevServer;
let browser: Browser;
let page: Page;
/** What the browser complains of: a blocked style or script, a failed load. */
let complaints: string[];
/** Addresses that the page asked for. */
let requested: string[];

const started: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of started.toReversed()) await end();
});

beforeAll(async () => {
  server = await startDevServer({ stateDir });
  started.push(server.kill9);
  browser = await startBrowser();
  started.push(async () => await browser.close());
  await writeTemplate(server, TEMPLATE);
  await activateJourney(server, JOURNEY);
});

beforeEach(async () => {
  page = await browser.newPage({ viewport: PHONE });
  complaints = [];
  requested = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requested.push(request.url()));
});
afterEach(async () => await page.close());

/** Has somebody be sent an e-mail. @returns its unsubscribe link, and whose it is */
async function anEmailTo(email: string): Promise<{ url: string; profileId: string }> {
  const { text } = await track(server, `news-${email}`, { event: "news.asked", profile: { email } });
  const { profileId } = JSON.parse(text) as { profileId: string };
  const { id } = await vi.waitFor(
    async () => {
      const deliveries = await readAll<{ id: string; status: string; target: string }>(server, "/api/v1/deliveries");
      const sent = deliveries.find(({ target, status }) => target === email && status === "sent");
      if (sent === undefined) throw new Error("not sent yet");
      return sent;
    },
    { timeout: SOON_MS, interval: 100 },
  );
  const { headers } = JSON.parse(readFileSync(join(stateDir, "emails", `${id}.json`), "utf8")) as {
    headers: Record<string, string>;
  };
  return { url: (headers["List-Unsubscribe"] ?? "").slice(1, -1), profileId };
}

async function reasonsOf(profileId: string): Promise<string[]> {
  const path = `/api/v1/profiles/${profileId}`;
  return (await read<{ deliverySuppression: { reasons: string[] } }>(server, path)).deliverySuppression.reasons;
}

/** As the browser computes it: `rgb(…)`. */
async function styleOf(selector: string, property: string): Promise<string> {
  return await page.evaluate<string>(
    `getComputedStyle(document.querySelector("${selector}")).getPropertyValue("${property}")`,
  );
}

/** Relative luminance of an `rgb(…)` (WCAG 2.2). */
function luminanceOf(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.039_28 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

it("is done with one press of its button, and says so", async () => {
  const { url, profileId } = await anEmailTo("press@example.com");
  await page.goto(url);
  expect(await page.getByRole("heading", { level: 1 }).innerText()).toMatch(/^Unsubscribe from .+\?$/);
  expect(await reasonsOf(profileId)).toEqual([]);
  await page.getByRole("button", { name: "Unsubscribe" }).click();
  await page.getByRole("heading", { name: "You are unsubscribed" }).waitFor();
  expect(await reasonsOf(profileId)).toEqual(["unsubscribe"]);
  expect(complaints).toEqual([]);
});

it("is done by keyboard alone", async () => {
  const { url, profileId } = await anEmailTo("keyboard@example.com");
  await page.goto(url);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "You are unsubscribed" }).waitFor();
  expect(await reasonsOf(profileId)).toEqual(["unsubscribe"]);
});

it.each([
  ["a phone", PHONE],
  ["a desktop", DESKTOP],
])("fits %s, and its button is large enough for a thumb", async (_, viewport) => {
  const { url } = await anEmailTo(`width-${viewport.width}@example.com`);
  await page.setViewportSize(viewport);
  await page.goto(url);
  const scrolled = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  const button = await page.getByRole("button").boundingBox();
  expect([scrolled, (button?.height ?? 0) >= 44]).toEqual([0, true]);
});

it.each(["light", "dark"] as const)("has enough contrast in a %s scheme", async (colorScheme) => {
  const { url } = await anEmailTo(`${colorScheme}@example.com`);
  await page.emulateMedia({ colorScheme });
  await page.goto(url);
  const contrasts: number[] = [];
  for (const [text, ground] of [
    ["h1", "main"],
    ["p", "main"],
    ["button", "button"],
  ] as const) {
    const ink = luminanceOf(await styleOf(text, "color"));
    const paper = luminanceOf(await styleOf(ground, "background-color"));
    contrasts.push((Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
  }
  // WCAG 2.2, 1.4.3: 4.5 to 1.
  expect(contrasts.filter((ratio) => ratio < 4.5)).toEqual([]);
});

it("loads nothing but itself", async () => {
  const { url } = await anEmailTo("loads@example.com");
  await page.goto(url);
  expect(requested.filter((address) => !address.endsWith("/favicon.ico"))).toEqual([url]);
  expect(complaints).toEqual([]);
});

it("says of a broken link that it does not work", async () => {
  const { url } = await anEmailTo("broken@example.com");
  const answer = await page.goto(url.slice(0, -3));
  expect([answer?.status(), await page.getByRole("heading").innerText()]).toEqual([404, "This link does not work"]);
  expect(await page.getByRole("button").count()).toBe(0);
});
