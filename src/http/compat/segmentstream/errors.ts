// Errors as SegmentStream's HTTP API documents them: 401 for a wrong token, 400 for a body that is too large or no
// JSON. It documents no bodies and its SDK reads none; ours are for whoever looks.
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { WaypostError } from "../../../domain/errors.ts";
import type { HttpContext } from "../../context.ts";
import { STATUS_OF } from "../../errors.ts";

/** Answers `{ "error": code, "message": text }`. */
export function renderSegmentStreamError(error: WaypostError, c: HttpContext): Response {
  const answer = (
    message: string,
    headers: Record<string, string> = {},
    status: ContentfulStatusCode = STATUS_OF[error.code],
  ): Response => c.json({ error: error.code, message }, status, headers);
  switch (error.code) {
    case "invalid_request":
      return answer(error.issues.map(({ message }) => message).join(" "));
    case "payload_too_large":
      return answer(`The body is larger than ${error.maxBytes} bytes.`, {}, 400);
    case "unauthorized":
      return answer("The API token is missing, wrong or revoked.");
    case "insufficient_scope":
      return answer(`The API token lacks a scope that this call needs: ${error.required.join(", ")}.`);
    case "not_found":
      return answer("There is nothing at this path.");
    case "method_not_allowed":
      return answer("This path does not take that method.", { allow: error.allow.join(", ") });
    case "rate_limited":
      return answer("Too many requests. Send the same request again later.", retryAfter(error.retryAfterSeconds));
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
      return renderSegmentStreamError({ code: "internal" }, c);
  }
}

function retryAfter(seconds: number): Record<string, string> {
  return { "retry-after": String(seconds) };
}
