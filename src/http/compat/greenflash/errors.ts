// Errors as Greenflash's clients read them. The vendor documents no body; its client shows `message`, its texts are
// used where they are known. Never a 409: the client would send the request again.
import type { RequestIssue, WaypostError } from "../../../domain/errors.ts";
import type { HttpContext } from "../../context.ts";
import { STATUS_OF } from "../../errors.ts";

/** Answers `{ "success": false, "error": code, "message": text }`. */
export function renderGreenflashError(error: WaypostError, c: HttpContext): Response {
  const answer = (message: string, headers: Record<string, string> = {}): Response =>
    c.json({ success: false, error: error.code, message }, STATUS_OF[error.code], headers);
  switch (error.code) {
    case "invalid_request":
      return answer(error.issues.map(textOf).join(" "));
    case "unauthorized":
      return answer("Invalid API key");
    case "insufficient_scope":
      return answer(`The API key lacks a scope that this call needs: ${error.required.join(", ")}.`);
    case "not_found":
      return answer("Not found");
    case "method_not_allowed":
      return answer("This path does not take that method.", { allow: error.allow.join(", ") });
    case "payload_too_large":
      return answer(`The body is larger than ${error.maxBytes} bytes.`);
    case "rate_limited":
      return answer("Rate limit reached. Try again in a few minutes.", retryAfter(error.retryAfterSeconds));
    case "unavailable":
      return answer(`${error.reason} Send the same request again later.`, retryAfter(error.retryAfterSeconds));
    case "internal":
      return answer("Something went wrong on our side. Send the same request again; quote x-request-id if it stays.");
    case "idempotency_key_reuse":
    case "already_exists":
    case "identity_conflict":
    case "in_use":
    case "journey_archived":
    case "invalid_journey":
    case "journey_not_active":
    case "not_eligible":
    case "not_redeliverable":
      // Of doors that this vendor does not have.
      return renderGreenflashError({ code: "internal" }, c);
  }
}

function textOf({ path, message }: RequestIssue): string {
  return path === "body" ? message : `${path}: ${message}`;
}

function retryAfter(seconds: number): Record<string, string> {
  return { "retry-after": String(seconds) };
}
