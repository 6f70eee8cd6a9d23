// Calls a webhook once: signed, to an address that may be called, within a time, reading no more of the answer than it
// needs. The answer's status decides how it went, and nothing that comes after it. Never throws.
import { version } from "../../package.json";
import { webhookSignatureHeaders } from "../crypto/webhook-signature.ts";
import type { DeliveryJob, SendReport } from "../domain/delivery.ts";
import { retryAfterMs } from "../domain/retry-after.ts";
import { opensLoopback, webhookAddressIssue } from "../domain/webhook-address.ts";
import { isReservedHeader } from "../domain/webhook-headers.ts";
import { passing, refused, taken, type Outcome } from "./send-report.ts";

type WebhookJob = Extract<DeliveryJob, { channel: "webhook" }>;

/** For connecting, sending and reading the answer together. */
const ANSWER_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

const GONE = 410;
const TEXT_TYPE = /^(?:text\/|application\/(?:[a-z0-9.+-]+\+)?(?:json|xml)\b)/i;
/** Shorter words of a header are no secrets, and would leave holes in what a receiver says. */
const MIN_HIDDEN_CHARACTERS = 8;
/** As some write JSON. */
const ESCAPED_SLASH = "\\/";

/**
 * Makes one attempt to deliver a webhook.
 *
 * @param env  of it the setting that opens loopback addresses; @see docs/webhooks.md
 * @returns `sent` for a 2xx; `failed` for 410 (`endpoint_disabled`) and for what may not be called (`rejected`); `retry`
 *          for everything else, a redirect included
 */
export async function sendWebhook(job: WebhookJob, env: Pick<Env, "ALLOW_LOOPBACK_WEBHOOKS">): Promise<SendReport> {
  const startedAt = Date.now();
  const issue = webhookAddressIssue(job.url, { loopback: opensLoopback(env.ALLOW_LOOPBACK_WEBHOOKS) });
  const outcome = issue === null ? await call(job, startedAt) : refused("rejected", "address_refused", issue);
  return { ...outcome, durationMs: Date.now() - startedAt };
}

async function call(job: WebhookJob, now: number): Promise<Outcome> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), ANSWER_TIMEOUT_MS);
  try {
    const answer = await fetch(job.url, requestOf(job, now, deadline.signal));
    return outcomeOf(answer, withoutSecrets(await beginningOf(answer), job));
  } catch {
    // The error's own text is about this machine's network.
    return deadline.signal.aborted
      ? passing("timeout", `There was no answer within ${ANSWER_TIMEOUT_MS / 1_000} seconds.`)
      : passing("connection_failed", "The connection could not be made, or broke before there was an answer.");
  } finally {
    clearTimeout(timer);
  }
}

function requestOf(job: WebhookJob, now: number, signal: AbortSignal): RequestInit {
  const headers = new Headers({ "user-agent": `Waypost/${version}` });
  if (job.body !== null) headers.set("content-type", "application/json");
  for (const [name, value] of Object.entries(job.headers)) {
    // A journey from before a name was reserved may still have it.
    if (!isReservedHeader(name)) headers.set(name, value);
  }
  const signature = webhookSignatureHeaders(job.secrets, job.deliveryId, Math.floor(now / 1_000), job.body ?? "");
  for (const [name, value] of Object.entries(signature)) headers.set(name, value);
  // A GET must reach its receiver, not a cache on the way.
  return { method: job.method, headers, body: job.body, redirect: "manual", cache: "no-store", signal };
}

function outcomeOf(answer: Response, said: string | null): Outcome {
  const code = String(answer.status);
  if (answer.ok) return { ...taken(null), code };
  if (answer.status === GONE) return refused("endpoint_disabled", code, said);
  const isRedirect = answer.status >= 300 && answer.status < 400;
  const message = isRedirect ? "The address answers with a redirect, which is not followed." : said;
  return passing(code, message, retryAfterMs(answer.headers.get("retry-after"), Date.now()));
}

/** Reads an answer as far as it is read at all; how it ends changes nothing. @returns its text; `null` = it is none */
async function beginningOf(answer: Response): Promise<string | null> {
  if (answer.body === null) return null;
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let bytes = 0; bytes < MAX_ANSWER_BYTES;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // It broke off, or its time is over: what has come is what there is.
  }
  // Its end may never come: nobody waits for it.
  reader.cancel().catch(() => undefined);
  return TEXT_TYPE.test(answer.headers.get("content-type") ?? "text/plain") ? text : null;
}

/** Takes out what a receiver repeats of the journey's own headers: a token in one is not for everyone who reads logs. */
function withoutSecrets(said: string | null, job: WebhookJob): string | null {
  // As they stand, and as a receiver reads them: `name=token; …` of a cookie, `name="token", …` of an authorization.
  const words = Object.values(job.headers).flatMap((value) => [...value.split(/\s+/), ...value.split(/[\s"'=:;,]+/)]);
  return [...new Set(words)]
    .filter((word) => word.length >= MIN_HIDDEN_CHARACTERS)
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, word) => text.replaceAll(word, "…"), said?.replaceAll(ESCAPED_SLASH, "/") ?? "");
}
