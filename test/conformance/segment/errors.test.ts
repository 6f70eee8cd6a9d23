// Every error body of the Segment door, field by field; those that take an outage to see are rendered alone.
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { WaypostError } from "../../../src/domain/errors.ts";
import { renderSegmentError } from "../../../src/http/compat/segment/errors.ts";
import type { HttpEnv } from "../../../src/http/context.ts";
import { requirement } from "../requirement.ts";

const API = "Segment HTTP API, 2025-11-07";
const OURS = "our choice";

async function rendered(error: WaypostError): Promise<{ status: number; body: unknown; headers: Headers }> {
  const app = new Hono<HttpEnv>();
  app.get("/", (c) => renderSegmentError(error, c));
  const response = await app.request("/");
  return { status: response.status, body: await response.json(), headers: response.headers };
}

describe("error answers", () => {
  it(
    requirement(
      "tells a client that calls too often to wait, by a 429 with Retry-After and X-RateLimit-Reset",
      "D",
      API,
    ),
    async () => {
      const { status, body, headers } = await rendered({ code: "rate_limited", retryAfterSeconds: 3 });
      expect({ status, body }).toEqual({
        status: 429,
        body: { success: false, message: "Too many requests. Send the same request again later." },
      });
      expect([headers.get("retry-after"), headers.get("x-ratelimit-reset")]).toEqual(["3", "3"]);
    },
  );
  it(
    requirement("tells a client of an overload by a 503 with Retry-After, which every client sends again", "A", OURS),
    async () => {
      const reason = "The workspace is busy.";
      const { status, body, headers } = await rendered({ code: "unavailable", reason, retryAfterSeconds: 2 });
      expect({ status, body }).toEqual({
        status: 503,
        body: { success: false, message: "The workspace is busy. Send the same request again later." },
      });
      expect(headers.get("retry-after")).toBe("2");
    },
  );
  it(requirement("answers the unexpected with a 500, which every client sends again", "A", OURS), async () => {
    expect(await rendered({ code: "internal" })).toMatchObject({
      status: 500,
      body: { success: false, message: "Something went wrong on our side. Send the same request again." },
    });
  });
  it(requirement("answers a write key that may not send events with a 403", "A", OURS), async () => {
    expect(await rendered({ code: "insufficient_scope", required: ["events:write"] })).toMatchObject({
      status: 403,
      body: { success: false, message: "The write key lacks a scope that this call needs." },
    });
  });
  it(requirement("answers what is too large with a 400, not a 413", "D", API), async () => {
    expect(await rendered({ code: "payload_too_large", maxBytes: 32_768 })).toMatchObject({
      status: 400,
      body: { success: false, message: "The request is larger than 32768 bytes." },
    });
  });
});
