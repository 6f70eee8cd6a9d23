// What docs/webhooks.md tells who writes a receiver, held to what is sent: its code is run as it stands there, on a
// webhook that came over a connection, and its figures are those of the program.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { formatWebhookSecret } from "../../src/crypto/webhook-signature.ts";
import { sendWebhook } from "../../src/delivery/webhook-sender.ts";
import { MAX_ATTEMPTS, MAX_RETRY_AFTER_MS, retryWaitMs } from "../../src/domain/delivery-retry.ts";
import { isReservedHeader } from "../../src/domain/webhook-headers.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { aWebhookJob, LOOPBACK_OPEN, PREVIOUS_SECRET, SECRET } from "./webhook-jobs.ts";

type Headers = Record<string, string>;
/** Gives the message that a request carries, or throws. */
type Verify = (secret: string, headers: Headers, rawBody: string) => unknown;

const PAGE = readFileSync(resolve(import.meta.dirname, "../../docs/webhooks.md"), "utf8");
const SNIPPETS = [...PAGE.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code ?? "");
const STRANGER = formatWebhookSecret(new Uint8Array(32).fill(9));
const SIX_MINUTES_S = 360;

/** Loads the code of the page, with the library from where this project has it. */
async function verifierOf(code: string): Promise<Verify> {
  const file = join(mkdtempSync(join(tmpdir(), "waypost-page-")), "receiver.mjs");
  writeFileSync(file, code.replace('"standardwebhooks"', JSON.stringify(import.meta.resolve("standardwebhooks"))));
  const { verify } = (await import(pathToFileURL(file).href)) as { verify: Verify };
  return verify;
}

let headers: Headers;
let body: string;
beforeAll(async () => {
  const receiver = await startWebhookReceiver();
  const job = aWebhookJob({ url: receiver.url, secrets: [SECRET, PREVIOUS_SECRET] });
  await sendWebhook(job, LOOPBACK_OPEN);
  const [webhook] = receiver.received;
  headers = webhook?.headers as Headers;
  body = webhook?.body ?? "";
  await receiver.close();
});

const made: Record<string, Verify> = {};
beforeAll(async () => {
  const [withLibrary = "", without = ""] = SNIPPETS;
  Object.assign(made, { "with a library": await verifierOf(withLibrary), "without one": await verifierOf(without) });
});

afterEach(() => {
  vi.useRealTimers();
});

describe.each(["with a library", "without one"])("the page's receiver %s", (which) => {
  const verify: Verify = (...request) => made[which]?.(...request);

  it("takes what came, under either secret", () => {
    expect(verify(SECRET, headers, body)).toEqual(JSON.parse(body));
    expect(verify(PREVIOUS_SECRET, headers, body)).toEqual(JSON.parse(body));
  });

  it("refuses what came when it comes once more after six minutes", () => {
    vi.useFakeTimers({ now: Date.now() + SIX_MINUTES_S * 1_000, toFake: ["Date"] });
    expect(() => verify(SECRET, headers, body)).toThrow();
  });

  it.each<[string, () => unknown]>([
    ["under a secret that is not ours", () => verify(STRANGER, headers, body)],
    ["with another body", () => verify(SECRET, headers, `${body} `)],
    ["with another id", () => verify(SECRET, { ...headers, "webhook-id": "other" }, body)],
    ["with another instant", () => verify(SECRET, shifted(-1), body)],
    ["with an instant that is none", () => verify(SECRET, { ...headers, "webhook-timestamp": "now" }, body)],
    [
      "with a signature that is cut short",
      () => verify(SECRET, signed(headers["webhook-signature"]?.slice(0, 20)), body),
    ],
    ["with an empty signature", () => verify(SECRET, signed("v1,"), body)],
    ["with a signature of another version", () => verify(SECRET, signed(ofVersion("v2")), body)],
    ["without a signature", () => verify(SECRET, signed(undefined), body)],
  ])("refuses a request %s", (_, attempt) => {
    expect(attempt).toThrow();
  });
});

const shifted = (seconds: number): Headers => ({
  ...headers,
  "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + seconds),
});

const signed = (signature: string | undefined): Headers => {
  const { "webhook-signature": _, ...others } = headers;
  return signature === undefined ? others : { ...others, "webhook-signature": signature };
};

const ofVersion = (version: string): string => headers["webhook-signature"]?.replaceAll("v1,", `${version},`) ?? "";

describe("the page", () => {
  it("has no code for receivers besides", () => {
    expect(SNIPPETS).toHaveLength(2);
  });

  const UNITS = { s: 1_000, min: 60_000, h: 3_600_000 };
  const waitsIn = (line: string): number[] =>
    [...line.matchAll(/(\d+) (s|min|h)\b/g)].map(
      ([, count, unit]) => Number(count) * UNITS[unit as keyof typeof UNITS],
    );

  it.each([
    ["A failed attempt is made again after", false],
    ["An attempt that was not heard of again", true],
  ])("says when the next attempt is: %s", (beginning, lost) => {
    const sentence = PAGE.replaceAll("\n", " ").split(beginning)[1]?.split(":")[0] ?? "";
    const waits = waitsIn(sentence);
    expect(waits).toHaveLength(MAX_ATTEMPTS - 1);
    for (const [i, wait] of waits.entries()) {
      const asked = { deliveryId: aWebhookJob().deliveryId, failures: i + 1, lost, retryAfterMs: null };
      const planned = retryWaitMs(asked) ?? 0;
      expect(Math.abs(planned - wait)).toBeLessThanOrEqual(wait * 0.1);
    }
    expect(PAGE).toContain("eight attempts");
    expect([MAX_ATTEMPTS, MAX_RETRY_AFTER_MS]).toEqual([8, 24 * UNITS.h]);
  });

  it("names every header that is not the journey's to set", () => {
    const names = (PAGE.split("These are not the journey's to")[1]?.split("A header has")[0] ?? "").matchAll(
      /`([a-z0-9-]+)(…?)`/g,
    );
    const told = Array.from(names, ([, name = "", more]) => (more === "" ? name : `${name}x`)).filter(isReservedHeader);
    const reserved =
      "cf-x connection content-encoding content-length expect host http2-settings keep-alive proxy-x te trailer " +
      "transfer-encoding upgrade via webhook-x";
    expect(told.toSorted()).toEqual(reserved.split(" "));
  });
});
