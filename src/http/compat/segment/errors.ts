// How the Segment door tells what went wrong: `{"success":false,"message":…}`. Clients of that vendor look at the
// status alone: 400 for what is too large or no JSON, where other doors say 413; 5xx and 429 are sent again.
// Source: Segment HTTP API, 2025-11-07. The JSON form of an error is our choice, the vendor documents none.
import type { WaypostError } from "../../../domain/errors.ts";
import type { HttpContext } from "../../context.ts";
import { STATUS_OF } from "../../errors.ts";

/** Answers an error in the vendor's shape. */
export function renderSegmentError(error: WaypostError, c: HttpContext): Response {
  const rendered = (message: string, headers: Record<string, string> = {}): Response =>
    c.json({ success: false, message }, STATUS_OF[error.code], headers);
  switch (error.code) {
    case "invalid_request":
      return rendered(error.issues.map(({ message }) => message).join(" "));
    case "payload_too_large":
      return c.json({ success: false, message: `The request is larger than ${error.maxBytes} bytes.` }, 400);
    case "unauthorized":
      return rendered("The write key is missing, wrong or revoked.");
    case "insufficient_scope":
      return rendered("The write key lacks a scope that this call needs.");
    case "not_found":
      return rendered("There is nothing here by that name.");
    case "method_not_allowed":
      return rendered("This path does not take that method.", { allow: error.allow.join(", ") });
    case "rate_limited": {
      const seconds = String(error.retryAfterSeconds);
      return rendered("Too many requests. Send the same request again later.", {
        "retry-after": seconds,
        "x-ratelimit-reset": seconds,
      });
    }
    case "unavailable":
      return rendered(`${error.reason} Send the same request again later.`, {
        "retry-after": String(error.retryAfterSeconds),
      });
    case "internal":
    case "idempotency_key_reuse":
    case "identity_conflict":
    case "already_exists":
    case "in_use":
    case "journey_archived":
    case "journey_not_active":
    case "not_eligible":
    case "not_redeliverable":
    case "invalid_journey":
      // A derived key never conflicts, and no journey is written here: these are as unexpected as a bug.
      return c.json({ success: false, message: "Something went wrong on our side. Send the same request again." }, 500);
  }
}
