// Waypost's error envelope, and the one place that turns an error into a response.
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { WaypostError } from "../domain/errors.ts";
import type { HttpContext } from "./context.ts";

/** An error on its way to the renderer; only the HTTP layer throws it. */
export class Failure extends Error {
  readonly error: WaypostError;

  constructor(error: WaypostError) {
    super(error.code);
    this.error = error;
  }
}

export interface Envelope {
  error: WaypostError["code"];
  message: string;
  details?: Record<string, unknown>;
}

export interface RenderedError {
  status: ContentfulStatusCode;
  headers: Record<string, string>;
  body: Envelope;
}

/** The status of each error. */
export const STATUS_OF = {
  invalid_request: 400,
  unauthorized: 401,
  insufficient_scope: 403,
  not_found: 404,
  method_not_allowed: 405,
  idempotency_key_reuse: 409,
  identity_conflict: 409,
  already_exists: 409,
  in_use: 409,
  journey_archived: 409,
  payload_too_large: 413,
  invalid_journey: 422,
  journey_not_active: 422,
  not_eligible: 422,
  not_redeliverable: 422,
  internal: 500,
  rate_limited: 429,
  unavailable: 503,
} as const satisfies Record<WaypostError["code"], ContentfulStatusCode>;

/** One text for every call, so that it tells nothing of what was sent. */
const UNAUTHORIZED =
  "The credential is missing, wrong or revoked. A secret key goes into the header x-api-key, a write key into the " +
  "body as writeKey, the adminToken into the header authorization: Bearer.";

/** Where the reason comes without words of its own. */
const NOT_ELIGIBLE: Readonly<Record<string, string>> = {
  not_active: "The run has ended, or its journey is archived: it cannot be moved any more.",
  no_such_version: "The journey has no version of that number.",
  no_such_step: "That version has no such step: name one of its own in stepId.",
};

const NOT_REDELIVERABLE = {
  not_failed: "Only a delivery that failed can be sent once more.",
  not_kept: "What this delivery was made of is no longer kept, so it cannot be sent once more.",
  endpoint_disabled:
    "Its address answered that it is gone, and is disabled: enable it first (POST /api/v1/endpoints/enable).",
} as const;

const OUTBOX_RETRY_SECONDS = 30;

/** The cell takes no more new events until D1 has taken some. */
export function outboxFull(): WaypostError {
  return {
    code: "unavailable",
    reason: "Too many events are waiting to be stored in the read model.",
    retryAfterSeconds: OUTBOX_RETRY_SECONDS,
  };
}

/** Answers an error in the shape of the surface that was called. */
export function respond(c: HttpContext, error: WaypostError): Response {
  const vendors = c.get("renderError");
  if (vendors !== undefined) return vendors(error, c);
  const { status, headers, body } = renderError(error);
  return c.json(body, status, headers);
}

/** Renders an error in Waypost's own shape. @see docs/errors.md */
export function renderError(error: WaypostError): RenderedError {
  const rendered = (
    message: string,
    details?: Record<string, unknown>,
    headers: Record<string, string> = {},
  ): RenderedError => ({
    status: STATUS_OF[error.code],
    headers,
    body: { error: error.code, message, ...(details === undefined ? {} : { details }) },
  });
  switch (error.code) {
    case "invalid_request":
      return rendered("The request is not valid; details.issues says what to change.", { issues: error.issues });
    case "unauthorized":
      return rendered(UNAUTHORIZED);
    case "insufficient_scope":
      return rendered("The API key lacks a scope that this call needs.", { required: error.required });
    case "not_found":
      return rendered(error.message ?? "There is nothing here by that name or id.");
    case "method_not_allowed":
      return rendered(
        "This path does not take that method.",
        { allow: error.allow },
        { allow: error.allow.join(", ") },
      );
    case "idempotency_key_reuse":
      return rendered(
        "This idempotency key was used for another request. Send the same request again, or use a new key.",
        undefined,
        { "x-should-retry": "false" },
      );
    case "identity_conflict":
      return rendered("What was sent belongs to two different people; nothing was changed.", undefined, {
        "x-should-retry": "false",
      });
    case "already_exists":
      return rendered(`There is ${error.what} already.`);
    case "in_use":
      return rendered("Active journeys use it: pause or archive them first, or let them use another one.", {
        journeys: error.journeys,
      });
    case "journey_archived":
      return rendered("The journey is archived, which is final.");
    case "payload_too_large":
      return rendered(`The body is larger than ${error.maxBytes} bytes.`, { maxBytes: error.maxBytes });
    case "invalid_journey":
      return rendered("The journey cannot run as it is written; details.issues says why.", { issues: error.issues });
    case "journey_not_active":
      return rendered("The journey is not active: activate it first.");
    case "not_eligible":
      return rendered(
        error.message ?? NOT_ELIGIBLE[error.reason] ?? "This is not possible as things are; details.reason says why.",
        { reason: error.reason },
      );
    case "not_redeliverable":
      return rendered(NOT_REDELIVERABLE[error.reason], { reason: error.reason });
    case "rate_limited":
      return rendered("Too many requests. Send the same request again later.", undefined, {
        "retry-after": String(error.retryAfterSeconds),
      });
    case "unavailable":
      return rendered(`${error.reason} Send the same request again later.`, undefined, {
        "retry-after": String(error.retryAfterSeconds),
      });
    case "internal":
      return rendered("Something went wrong on our side. Send the same request again; quote x-request-id if it stays.");
  }
}
