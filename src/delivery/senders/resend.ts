// Sends over HTTP to Resend, or to a service that speaks as it does. Each e-mail has an idempotency key, so that an
// attempt whose answer was lost is not sent twice. Sources: resend.com/docs/api-reference/emails/send-email and /errors.
import { DELIVERY_TAG, WORKSPACE_TAG } from "../../domain/email-tags.ts";
import { isJsonObject, type Json } from "../../domain/json.ts";
import { retryAfterMs } from "../../domain/retry-after.ts";
import type { EmailWay, OutgoingEmail } from "../outgoing-email.ts";
import { passing, refused, taken, type Outcome } from "../send-report.ts";

export const RESEND_BASE_URL = "https://api.resend.com";

const SEND_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

const PASSING_STATUSES = new Set([408, 425, 429]);
/** Names of a 403 that is about the account's key and not about the message. */
const KEY_ERRORS = new Set(["missing_api_key", "invalid_api_key", "restricted_api_key", "suspended_api_key"]);

export interface ResendAccount {
  apiKey: string;
  /** With or without a slash at its end. */
  baseUrl: string;
}

/** A sender over HTTP. */
export function resendSender({ apiKey, baseUrl }: ResendAccount): EmailWay {
  const url = `${baseUrl.replace(/\/+$/, "")}/emails`;
  return async (email) => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), SEND_TIMEOUT_MS);
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: {
          authorization: `Bearer ${apiKey}`,
          "content-type": "application/json",
          "idempotency-key": email.idempotencyKey,
        },
        body: JSON.stringify(bodyOf(email)),
        // The key goes to the one host that was set, wherever that points.
        redirect: "manual",
        signal: deadline.signal,
      });
      return outcomeOf(answer.status, answer.headers.get("retry-after"), await readAnswer(answer));
    } catch {
      // The error's own text is about this machine's network.
      return deadline.signal.aborted
        ? passing("timeout", `There was no answer within ${SEND_TIMEOUT_MS / 1_000} seconds.`)
        : passing("connection_failed", "The connection could not be made, or broke before there was an answer.");
    } finally {
      clearTimeout(timer);
    }
  };
}

function bodyOf({ deliveryId, workspaceId, from, to, replyTo, subject, html, text, headers }: OutgoingEmail) {
  return {
    from,
    to: [to],
    subject,
    html,
    text,
    headers,
    ...(replyTo === null ? {} : { reply_to: replyTo }),
    tags: [
      { name: WORKSPACE_TAG, value: workspaceId },
      { name: DELIVERY_TAG, value: deliveryId },
    ],
  };
}

function outcomeOf(status: number, retryAfter: string | null, answer: Record<string, Json>): Outcome {
  const name = textOf(answer["name"]).toLowerCase();
  const message = [name, textOf(answer["message"])].filter((part) => part !== "").join(": ");
  const code = String(status);
  if (status >= 200 && status < 300) return taken(textOf(answer["id"]) || null);
  // The key stands for an e-mail to this very address, worded as the event or the person was then: its answer was lost.
  if (status === 409 && name === "invalid_idempotent_request") {
    return taken(null, { code, message: "An earlier attempt was taken; its answer was lost." });
  }
  const isPassing =
    status >= 500 ||
    PASSING_STATUSES.has(status) ||
    // The same message is just being taken.
    status === 409 ||
    // The operator's to mend, and no fault of the message's.
    status === 401 ||
    (status === 403 && KEY_ERRORS.has(name)) ||
    (status >= 300 && status < 400);
  return isPassing ? passing(code, message, retryAfterMs(retryAfter, Date.now())) : refused("rejected", code, message);
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** What the answer says; nothing when it breaks off or is no JSON object: its status has said the rest. */
async function readAnswer(answer: Response): Promise<Record<string, Json>> {
  try {
    const value = JSON.parse(await readText(answer)) as Json;
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

async function readText(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return "";
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
