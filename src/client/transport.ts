// Sends one call: prepares it once, then tries until an answer is final. The body, the headers and the idempotency
// key are the same bytes in every attempt. Redirects are not followed: they would carry the API key elsewhere.
import { AbortError, ConnectionError, refused, TimeoutError, UsageError, type WaypostError } from "./errors.ts";
import { setHeader, settingsOf, type ClientOptions, type RequestOptions, type Settings } from "./options.ts";
import { MAX_RETRY_AFTER_MS, readRetryAfterMs, retryDelayMs, shouldRetry } from "./retry.ts";

const KEY_HEADER = "idempotency-key";

export interface Call {
  method: "GET" | "POST";
  /** From the root of the API on, each part encoded. */
  path: string;
  query?: Readonly<Record<string, string | number | undefined>>;
  /** JSON text. */
  body?: string;
  /** Whether the request has an idempotency key, in the header. */
  isKeyed?: boolean;
}

/** A success, and what came with it. */
export interface Answer<T> {
  data: T;
  status: number;
  headers: Headers;
  requestId: string | null;
  /** Whether this is the answer to an earlier request under the same key: this call changed nothing. */
  idempotentReplayed: boolean;
  /** How often the call was made, 1 or more. */
  attempts: number;
}

export type Send = <T>(call: Call, options?: RequestOptions) => Promise<Answer<T>>;

type Outcome =
  | { error: null; text: string; response: Response }
  | { error: WaypostError; isRetryable: boolean; retryAfterMs: number | null };

/**
 * Makes a call, again and again while that may help.
 *
 * @throws WaypostError of the last attempt
 */
export async function send<T>(client: ClientOptions, call: Call, options: RequestOptions = {}): Promise<Answer<T>> {
  const settings = settingsOf(client, options);
  const url = urlOf(settings.baseUrl, call);
  const init = initOf(settings, call, options);
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(settings, url, init, options.signal);
    if (outcome.error === null) return answerOf<T>(outcome, attempt);
    if (!outcome.isRetryable || attempt > settings.maxRetries) throw outcome.error;
    await pause(retryDelayMs(attempt - 1, outcome.retryAfterMs, Math.random()), options.signal);
  }
}

/** Writes a body as JSON text. @throws UsageError that never repeats a part of it */
export function toJson(body: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch {
    // The platform's own error may name what is in the body.
  }
  if (text === undefined) throw new UsageError("invalid_body", "The body cannot be written as JSON.");
  return text;
}

/** A random UUID, also where `crypto.randomUUID` is missing: on pages without TLS. */
export function newIdempotencyKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Tells whether a value is an object that JSON writes with braces. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function urlOf(baseUrl: URL, { path, query = {} }: Call): string {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

function initOf({ headers }: Settings, { method, body, isKeyed = false }: Call, options: RequestOptions): RequestInit {
  if (isKeyed && !headers.has(KEY_HEADER)) {
    setHeader(headers, KEY_HEADER, options.idempotencyKey ?? newIdempotencyKey());
  }
  if (body !== undefined) headers.set("content-type", "application/json");
  return {
    method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
    ...(options.keepalive === true ? { keepalive: true } : {}),
  };
}

async function attemptOnce(
  settings: Settings,
  url: string,
  init: RequestInit,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  if (signal?.aborted === true) throw new AbortError();
  const { timeoutMs } = settings;
  const controller = new AbortController();
  let end: (error: WaypostError) => void = () => undefined;
  // The race holds also when a fetch of the caller's own takes no notice of its signal.
  const ended = new Promise<never>((_, reject) => {
    end = (error) => {
      reject(error);
      controller.abort();
    };
  });
  const abort = () => end(new AbortError());
  signal?.addEventListener("abort", abort, { once: true });
  const timer = timeoutMs === null ? undefined : setTimeout(() => end(new TimeoutError(timeoutMs)), timeoutMs);
  try {
    return judge(await Promise.race([exchange(settings, url, { ...init, signal: controller.signal }), ended]));
  } catch (error) {
    if (error instanceof AbortError) throw error;
    const failure = error instanceof TimeoutError ? error : connectionError(url, error);
    return { error: failure, isRetryable: true, retryAfterMs: null };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function exchange({ fetch }: Settings, url: string, init: RequestInit) {
  // Not as a method of the settings: browsers and Workers refuse a fetch that is called as something's own.
  const response = await fetch(url, init);
  return { response, text: await response.text() };
}

function judge({ response, text }: { response: Response; text: string }): Outcome {
  if (response.ok) return { error: null, text, response };
  const { status, headers } = response;
  const retryAfterMs = readRetryAfterMs(headers, Date.now());
  const isRetryable = shouldRetry(status, headers) && (retryAfterMs ?? 0) <= MAX_RETRY_AFTER_MS;
  const error = refused({
    status,
    ...envelopeOf(text, status),
    requestId: headers.get("x-request-id"),
    retryAfterMs,
  });
  return { error, isRetryable, retryAfterMs };
}

/** What the server says went wrong; what is no envelope of ours is somebody else's page, and is not passed on. */
function envelopeOf(text: string, status: number) {
  const envelope = parse(text);
  if (isObject(envelope) && typeof envelope["error"] === "string" && typeof envelope["message"] === "string") {
    const { error: code, message, details } = envelope;
    return { code, message: `${status} ${code}: ${message}`, details: isObject(details) ? details : null };
  }
  // A browser hides a redirect behind status 0.
  const isRedirect = status === 0 || (status >= 300 && status < 400);
  const message = isRedirect ? "A redirect was answered: set baseURL to where it leads." : `${status} was answered.`;
  return { code: isRedirect ? "redirected" : `http_${status}`, message, details: null };
}

function answerOf<T>({ text, response }: { text: string; response: Response }, attempts: number): Answer<T> {
  const data = parse(text);
  const { status, headers } = response;
  if (!isObject(data)) throw new ConnectionError("What answered is not a Waypost server.", "unexpected_answer");
  return {
    data: data as T,
    status,
    headers,
    requestId: headers.get("x-request-id"),
    idempotentReplayed: headers.get("idempotent-replayed") === "true",
    attempts,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Keeps of a failure only where it went and the system's short code: its text and causes may quote the request. */
function connectionError(url: string, error: unknown): ConnectionError {
  const code = codeOf(error) ?? (isObject(error) ? codeOf(error["cause"]) : undefined);
  const { origin } = new URL(url);
  return new ConnectionError(`No answer came from ${origin}${code === undefined ? "" : ` (${code})`}.`);
}

function codeOf(error: unknown): string | undefined {
  const code = isObject(error) ? error["code"] : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : undefined;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let resume: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (resume = resolve));
  const timer = setTimeout(resume, ms);
  signal?.addEventListener("abort", resume, { once: true });
  await over;
  clearTimeout(timer);
  signal?.removeEventListener("abort", resume);
}
