// What a client and a call can be told, and where what is not told comes from. The environment is read when a call
// needs it, not when the client is made: in a Worker it may not be there yet.
import { UsageError } from "./errors.ts";

const DEFAULT_BASE_URL = "http://127.0.0.1:8787";
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_RETRIES = 2;
/** What a timer can hold; a longer one would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface ClientOptions {
  /** A secret key, `wp_sk_…`. Left out: `WAYPOST_API_KEY`. `null`: none is sent, for a proxy that adds it. */
  apiKey?: string | null | undefined;
  /** Where the server is, with a path if it has one. Left out: `WAYPOST_BASE_URL`, else what `npm run dev` serves. */
  baseURL?: string | undefined;
  /** How long one attempt may take, in ms; default 60,000. */
  timeout?: number | undefined;
  /** How often a call is made again; default 2. */
  maxRetries?: number | undefined;
  /** Sent with every call; a call's own headers win. */
  defaultHeaders?: Readonly<Record<string, string>> | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: Fetch | undefined;
}

export interface RequestOptions {
  /** `Idempotency-Key` among them is the event's key, and wins over `idempotencyKey`. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** 1–255 characters. Left out, one is made; either way it is the same for every retry of this call. */
  idempotencyKey?: string | undefined;
  /** Ends the call, whatever it is doing. */
  signal?: AbortSignal | undefined;
  /** How long one attempt may take, in ms. */
  timeout?: number | undefined;
  /** How often this call is made again. */
  maxRetries?: number | undefined;
  /** Lets the request outlive the page that sends it; a browser takes at most 64 KiB of such bodies at once. */
  keepalive?: boolean | undefined;
}

/** What holds for one call. */
export interface Settings {
  baseUrl: URL;
  headers: Headers;
  /** `null` = as long as it takes. */
  timeoutMs: number | null;
  maxRetries: number;
  fetch: Fetch;
}

/**
 * Puts a client's and a call's options together.
 *
 * @throws UsageError that never repeats a value
 */
export function settingsOf(client: ClientOptions, call: RequestOptions): Settings {
  const apiKey = client.apiKey === undefined ? environment("WAYPOST_API_KEY") : client.apiKey;
  if (apiKey === undefined || apiKey === "") {
    throw new UsageError("missing_api_key", "There is no API key: pass apiKey, or set WAYPOST_API_KEY.");
  }
  return {
    baseUrl: readBaseUrl(client.baseURL ?? environment("WAYPOST_BASE_URL") ?? DEFAULT_BASE_URL),
    headers: headersOf(apiKey === null ? {} : { "x-api-key": apiKey }, client.defaultHeaders, call.headers),
    timeoutMs: readTimeout(call.timeout ?? client.timeout ?? DEFAULT_TIMEOUT_MS),
    maxRetries: readMaxRetries(call.maxRetries ?? client.maxRetries ?? DEFAULT_MAX_RETRIES),
    fetch: client.fetch ?? globalThis.fetch,
  };
}

/** Refuses options that are `null` or no object, which code without types may pass. @throws UsageError */
export function checkOptions(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new UsageError("invalid_options", "Options and parameters must be an object, or left out.");
}

/**
 * Sets a header, its value as UTF-8, which is how the server reads it: most platforms send a character as one byte
 * and refuse those beyond U+00FF, workerd writes UTF-8 by itself.
 */
export function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, isAscii(value) || writesUtf8() ? value : asBytes(value));
  } catch {
    // The platform's own error would repeat the value.
    throw new UsageError("invalid_header", "A header has a name or a value that HTTP cannot carry.");
  }
}

function headersOf(...layers: (Readonly<Record<string, string>> | undefined)[]): Headers {
  const headers = new Headers({ accept: "application/json" });
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer ?? {})) setHeader(headers, name, value);
  }
  return headers;
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7F]/.test(text);
}

function asBytes(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function writesUtf8(): boolean {
  try {
    return new Headers({ probe: "\u0100" }).get("probe") === "\u0100";
  } catch {
    return false;
  }
}

function readBaseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError("invalid_base_url", "baseURL is not a URL.");
  }
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new UsageError("invalid_base_url", "baseURL must be http or https, without a user name or password.");
  }
  return url;
}

function readTimeout(ms: number): number | null {
  if (!(ms > 0)) throw new UsageError("invalid_timeout", "timeout must be a number of milliseconds above 0.");
  return ms > LONGEST_TIMEOUT_MS ? null : ms;
}

function readMaxRetries(count: number): number {
  if (!(count >= 0)) throw new UsageError("invalid_max_retries", "maxRetries must be a number from 0.");
  return count;
}

function environment(name: string): string | undefined {
  try {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    return process?.env?.[name];
  } catch {
    // A runtime may refuse to show its environment.
    return undefined;
  }
}
