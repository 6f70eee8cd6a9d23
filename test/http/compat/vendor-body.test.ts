// Bodies as vendors' clients send them: compressed or not, whatever they call it, and never more than the limit.
import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readVendorObject } from "../../../src/http/compat/vendor-body.ts";
import { Failure } from "../../../src/http/errors.ts";

const LIMITS = { maxBytes: 1_000, maxDepth: 5 };

function request(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Request {
  return new Request("http://waypost.test/", { method: "POST", body, headers });
}

function bytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

async function refusal(sent: Request) {
  try {
    await readVendorObject(sent, LIMITS);
  } catch (error) {
    if (error instanceof Failure) return error.error;
    throw error;
  }
  return null;
}

const BODY = { a: [1, "東京"] };
const TEXT = JSON.stringify(BODY);

describe("a body", () => {
  it.each([
    ["plain", TEXT, {}],
    ["plain, called a form", TEXT, { "content-type": "application/x-www-form-urlencoded" }],
    ["with a byte-order mark", `\uFEFF${TEXT}`, {}],
    ["gzip", bytes(gzipSync(TEXT)), { "content-encoding": "gzip" }],
    ["x-gzip in capitals", bytes(gzipSync(TEXT)), { "content-encoding": "X-GZIP" }],
    ["gzip that nobody declared", bytes(gzipSync(TEXT)), {}],
    ["declared gzip and inflated on the way", TEXT, { "content-encoding": "gzip" }],
    ["deflate", bytes(deflateSync(TEXT)), { "content-encoding": "deflate" }],
    ["brotli", bytes(brotliCompressSync(TEXT)), { "content-encoding": "br" }],
  ] as const)("that is %s is read", async (_, body, headers) => {
    expect(await readVendorObject(request(body, headers), LIMITS)).toEqual(BODY);
  });

  it.each([
    ["plain", (text: string) => request(text)],
    ["gzip", (text: string) => request(bytes(gzipSync(text)), { "content-encoding": "gzip" })],
    ["brotli", (text: string) => request(bytes(brotliCompressSync(text)), { "content-encoding": "br" })],
  ])("is taken at the limit and refused one byte past it: %s", async (_, sent) => {
    const text = (size: number): string => JSON.stringify({ a: "x".repeat(size - '{"a":""}'.length) });
    expect(await refusal(sent(text(LIMITS.maxBytes)))).toBeNull();
    expect(await refusal(sent(text(LIMITS.maxBytes + 1)))).toEqual({
      code: "payload_too_large",
      maxBytes: LIMITS.maxBytes,
    });
  });

  it("that inflates to gigabytes is cut off at the limit", async () => {
    const bomb = bytes(gzipSync(Buffer.alloc(50_000_000, 32), { level: 9 }));
    expect(await refusal(request(bomb, { "content-encoding": "gzip" }))).toMatchObject({ code: "payload_too_large" });
  });

  it.each([
    ["empty", "", {}, "The body is empty; send a JSON object."],
    ["no JSON", "{", {}, "The body is not valid JSON."],
    ["an array", "[]", {}, "The body is not a JSON object."],
    ["no UTF-8", bytes(Buffer.from([0x7b, 0xff, 0x7d])), {}, "The body is not valid UTF-8."],
    [
      "half of a gzip stream",
      bytes(gzipSync(TEXT)).subarray(0, 15),
      { "content-encoding": "gzip" },
      "The body is not compressed as content-encoding says, or not whole.",
    ],
    ["too deep", JSON.stringify({ a: [[[[[1]]]]] }), {}, "The body is nested deeper than 5 levels."],
  ] as const)("that is %s is refused", async (_, body, headers, message) => {
    expect(await refusal(request(body, headers))).toEqual({
      code: "invalid_request",
      issues: [{ path: "body", message }],
    });
  });

  it("in another encoding is refused by the header", async () => {
    expect(await refusal(request("x", { "content-encoding": "zstd" }))).toMatchObject({
      issues: [{ path: "headers.content-encoding" }],
    });
  });

  it("keeps a number that a double cannot hold as the text it was", async () => {
    const text = '{"a":12345678901234567890,"b":[1e999,0.1],"__proto__":{"c":9007199254740993}}';
    const body = await readVendorObject(request(text), LIMITS);
    expect(JSON.stringify(body)).toBe(
      '{"a":"12345678901234567890","b":["1e999",0.1],"__proto__":{"c":"9007199254740993"}}',
    );
  });
});
