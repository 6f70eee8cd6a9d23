// Reads what vendors' clients send: JSON by the look of the body, whatever the content type says, compressed or not,
// and never more than the vendor's limit once it is inflated. Lenient where the native API is strict: a number that
// a double cannot hold is kept as text instead of being refused, so that still nothing is rounded.
import type { Buffer } from "node:buffer";
import { brotliDecompressSync, unzipSync, type InputType } from "node:zlib";
import { isJsonObject, type Json, type JsonObject } from "../../domain/json.ts";
import { Failure } from "../errors.ts";
import { checkShape, invalidBody, readCapped } from "../json-body.ts";
import { parseKeepingNumbers } from "../json-numbers.ts";

export interface VendorBodyLimits {
  /** Of the body once it is inflated. */
  maxBytes: number;
  /** Objects and arrays inside each other, the body itself included. */
  maxDepth: number;
}

/** What compressing adds to bytes that cannot be compressed is far below this. */
const COMPRESSION_OVERHEAD_BYTES = 64 * 1024;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Reads a body that is a JSON object.
 *
 * @throws Failure `payload_too_large`, or `invalid_request` at the path `body` with what to change
 */
export async function readVendorObject(request: Request, limits: VendorBodyLimits): Promise<JsonObject> {
  const body = parseVendorJson(await readVendorText(request, limits.maxBytes), limits.maxDepth);
  if (!isJsonObject(body)) throw invalidBody("The body is not a JSON object.");
  return body;
}

/** Reads a body as text, inflating it if need be. @throws as {@link readVendorObject} */
export async function readVendorText(request: Request, maxBytes: number): Promise<string> {
  const encoding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  const compressed = encoding !== "identity" && encoding !== "";
  const sent = await readCapped(request, compressed ? maxBytes + COMPRESSION_OVERHEAD_BYTES : maxBytes);
  const bytes = inflate(sent, encoding, maxBytes);
  if (bytes.byteLength > maxBytes) throw new Failure({ code: "payload_too_large", maxBytes });
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw invalidBody("The body is not valid UTF-8.");
  }
}

/** Parses JSON text. @throws as {@link readVendorObject} */
export function parseVendorJson(text: string, maxDepth: number): Json {
  if (text.trim() === "") throw invalidBody("The body is empty; send a JSON object.");
  let body: Json;
  try {
    body = parseKeepingNumbers(text);
  } catch {
    throw invalidBody("The body is not valid JSON.");
  }
  const unbounded = Number.POSITIVE_INFINITY;
  const issue = checkShape(body, {
    maxBytes: unbounded,
    maxDepth,
    maxKeys: unbounded,
    maxStringBytes: unbounded,
  });
  if (issue !== null) throw new Failure({ code: "invalid_request", issues: [issue] });
  return body;
}

function inflate(bytes: Uint8Array, encoding: string, maxBytes: number): Uint8Array {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      // A proxy may have inflated the body and left the header: JSON never begins with gzip's first bytes.
      return isGzip(bytes) ? inflated(unzipSync, bytes, maxBytes) : bytes;
    case "deflate":
      return inflated(unzipSync, bytes, maxBytes);
    case "br":
      return inflated(brotliDecompressSync, bytes, maxBytes);
    case "identity":
    case "":
      return isGzip(bytes) ? inflated(unzipSync, bytes, maxBytes) : bytes;
    default:
      throw new Failure({
        code: "invalid_request",
        issues: [{ path: "headers.content-encoding", message: "Must be gzip, deflate, br or left out." }],
      });
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function inflated(
  run: (input: InputType, options: { maxOutputLength: number }) => Buffer,
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array {
  try {
    return run(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    // What zlib throws past the bound; every other error is one of the bytes.
    if (error instanceof RangeError) throw new Failure({ code: "payload_too_large", maxBytes });
    throw invalidBody("The body is not compressed as content-encoding says, or not whole.");
  }
}
