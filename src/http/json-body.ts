// Reads a request's body as JSON within bounds: cut off while reading, whatever Content-Length says; well-formed
// UTF-8; no deeper, longer or more precise than what can be kept exactly as it was sent.
import type { RequestIssue } from "../domain/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";
import { Failure } from "./errors.ts";
import { findRoundedNumber } from "./json-numbers.ts";

export interface BodyLimits {
  maxBytes: number;
  /** Objects and arrays inside each other, the body itself included. */
  maxDepth: number;
  /** Object keys in the whole body. */
  maxKeys: number;
  /** One string, as UTF-8. */
  maxStringBytes: number;
}

/** Limits of the native API. @see docs/errors.md#limits */
export const NATIVE_LIMITS: BodyLimits = {
  maxBytes: 256 * 1024,
  maxDepth: 32,
  maxKeys: 1_000,
  maxStringBytes: 32 * 1024,
};

/** Limits of a journey's document: two hundred steps with conditions of sixteen levels must fit. */
export const JOURNEY_LIMITS: BodyLimits = { ...NATIVE_LIMITS, maxDepth: 64, maxKeys: 10_000 };

/** Limits of a template: a thousand elements with their styles must fit. */
export const TEMPLATE_LIMITS: BodyLimits = { ...NATIVE_LIMITS, maxDepth: 64, maxKeys: 20_000 };

/** Limits of a preview: a template, and an event to see it with. */
export const PREVIEW_LIMITS: BodyLimits = { ...TEMPLATE_LIMITS, maxBytes: 2 * TEMPLATE_LIMITS.maxBytes };

/** Up to here a body is read at once, as declared. */
const SMALL_BODY_BYTES = 64 * 1024;

const MAX_UTF8_BYTES_PER_UNIT = 3;
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const utf8 = new TextEncoder();

/**
 * Reads a body that is a JSON object; valibot takes an array for one.
 *
 * @param whenEmpty  what a body without a byte stands for; left out = it is refused
 * @throws Failure as {@link readJsonBody}
 */
export async function readJsonObject(
  request: Request,
  limits: BodyLimits,
  whenEmpty?: JsonObject,
): Promise<JsonObject> {
  const body = await readJsonBody(request, limits, whenEmpty);
  if (!isJsonObject(body)) throw invalidBody("The body is not a JSON object.");
  return body;
}

/**
 * Reads and parses a body.
 *
 * @param whenEmpty  what a body without a byte stands for; left out = it is refused
 * @throws Failure `payload_too_large`, or `invalid_request` with what to change; never with a value
 */
async function readJsonBody(request: Request, limits: BodyLimits, whenEmpty?: Json): Promise<Json> {
  const text = await readText(request, limits.maxBytes);
  if (text === "" && whenEmpty !== undefined) return whenEmpty;
  const body = parseJson(text);
  const issue = checkShape(body, limits) ?? findRoundedNumber(text);
  if (issue !== null) throw new Failure({ code: "invalid_request", issues: [issue] });
  return body;
}

/**
 * Reads a body as text; an empty one is the empty text.
 *
 * @throws Failure `payload_too_large`, or `invalid_request` when it breaks off or is not UTF-8
 */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const bytes = await readCapped(request, maxBytes);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw invalidBody("The body is not valid UTF-8.");
  }
}

/**
 * Parses a body's text.
 *
 * @throws Failure `invalid_request`
 */
export function parseJson(text: string): Json {
  if (text === "") throw invalidBody("The body is empty; send a JSON object.");
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw invalidBody("The body is not valid JSON.");
  }
}

/** Reads a body's bytes, cut off at a bound while reading. @throws Failure `payload_too_large` or `invalid_request` */
export async function readCapped(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): Failure => new Failure({ code: "payload_too_large", maxBytes });
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > maxBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  if (declared <= SMALL_BODY_BYTES) return await readDeclared(request, maxBytes);
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      size += chunk.value.byteLength;
      if (size > maxBytes) {
        // What is still to come is dropped with every refused request's.
        reader.releaseLock();
        throw tooLarge();
      }
      chunks.push(chunk.value);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw invalidBody("The body ended before it was complete.");
  }
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Reads a body that says how short it is in one go: it costs half of what reading its stream does. */
async function readDeclared(request: Request, maxBytes: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await request.arrayBuffer());
  } catch {
    throw invalidBody("The body ended before it was complete.");
  }
  // HTTP holds a body to its Content-Length; a caller inside the process need not.
  if (bytes.byteLength > maxBytes) throw new Failure({ code: "payload_too_large", maxBytes });
  return bytes;
}

/**
 * Finds what is too deep, too long or too much. Not recursive: depth is what it guards against.
 *
 * @param what  what the value is called
 */
export function checkShape(root: Json, limits: BodyLimits, what = "body"): RequestIssue | null {
  const open: { value: Json; depth: number }[] = [{ value: root, depth: 1 }];
  let keys = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value === "string") {
      if (isTooLong(value, limits.maxStringBytes)) {
        return { path: what, message: `A string is longer than ${limits.maxStringBytes} bytes.` };
      }
    } else if (typeof value === "object" && value !== null) {
      if (depth > limits.maxDepth) {
        return { path: what, message: `The ${what} is nested deeper than ${limits.maxDepth} levels.` };
      }
      if (Array.isArray(value)) {
        for (const item of value) open.push({ value: item, depth: depth + 1 });
      } else {
        for (const key of Object.keys(value)) {
          keys += 1;
          if (isTooLong(key, limits.maxStringBytes)) {
            return { path: what, message: `A key is longer than ${limits.maxStringBytes} bytes.` };
          }
          open.push({ value: value[key] as Json, depth: depth + 1 });
        }
        if (keys > limits.maxKeys) {
          return { path: what, message: `The ${what} has more than ${limits.maxKeys} keys in all.` };
        }
      }
    }
  }
  return null;
}

/** Tells whether a text takes more bytes than this as UTF-8. */
export function isTooLong(text: string, maxBytes: number): boolean {
  return text.length * MAX_UTF8_BYTES_PER_UNIT > maxBytes && utf8.encode(text).byteLength > maxBytes;
}

/** The body as a whole is not what it has to be. */
export function invalidBody(message: string): Failure {
  return new Failure({ code: "invalid_request", issues: [{ path: "body", message }] });
}
