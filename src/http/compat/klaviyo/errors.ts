// Errors as the vendor's clients read them: JSON:API, with the codes, titles and pointers that were seen on the wire.
// A text that the wire did not show is ours. The oldest endpoints know one answer for everything: `0`.
import type { RequestIssue, WaypostError } from "../../../domain/errors.ts";
import type { HttpContext } from "../../context.ts";
import { STATUS_OF } from "../../errors.ts";
import { revisionOrNewest } from "./revision.ts";

const CONTENT_TYPE = "application/vnd.api+json";

/** Since when errors carry these two members, by the revision that was current when they were first seen. */
const META_SINCE = "2023-10-15";
const LINKS_SINCE = "2024-02-15";
const THROTTLED_LINK = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits";

/** What opens an endpoint: a private key in a header, or a public one in the query. */
export type Credential = "private_key" | "company_id";

export interface ErrorStage {
  credential: Credential;
  /** Whether the body has not been read: what is wrong by then is told without `links` and `meta`. */
  early: boolean;
}

type Source = { pointer: string } | { parameter: string };

interface ErrorObject {
  code: string;
  title: string;
  detail: string;
  source: Source;
  /** Left out: an error about the caller, which never has `links` and `meta`. */
  links?: Record<string, string>;
}

/** Answers errors of an endpoint, as far as its request has come. */
export function errorsOf({ credential, early }: ErrorStage) {
  return (error: WaypostError, c: HttpContext): Response => {
    const status = STATUS_OF[error.code];
    const revision = revisionOrNewest(c);
    const errors = errorObjects(error, c, revision, credential).map(({ links, ...shown }) => {
      // A refusal for the rate has them whenever it comes.
      const carries = links !== undefined && (!early || error.code === "rate_limited");
      return {
        id: crypto.randomUUID(),
        status,
        ...shown,
        ...(carries && revision >= LINKS_SINCE ? { links } : {}),
        ...(carries && revision >= META_SINCE ? { meta: {} } : {}),
      };
    });
    return c.body(JSON.stringify({ errors }), status, { ...headersOf(error), "content-type": CONTENT_TYPE });
  };
}

/** Answers an error of `track` and `identify`: `0` when the request cannot be taken, a status when it may be later. */
export function renderLegacyError(error: WaypostError, c: HttpContext): Response {
  const status = STATUS_OF[error.code];
  return c.text("0", status === 429 || status >= 500 ? status : 200, headersOf(error));
}

function errorObjects(error: WaypostError, c: HttpContext, revision: string, credential: Credential): ErrorObject[] {
  const about = (code: string, title: string, detail: string): ErrorObject[] => [
    { code, title, detail, source: { pointer: "/data" }, links: {} },
  ];
  switch (error.code) {
    case "invalid_request":
      return error.issues.map(invalid);
    case "unauthorized":
      return [unauthorized(c, credential)];
    case "insufficient_scope":
      return [
        {
          code: "permission_denied",
          title: "You do not have permission to perform this action.",
          detail: `Your API key is missing required scopes: ${error.required.join(", ")}`,
          source: { pointer: "/data/" },
        },
      ];
    case "not_found":
      return about("not_found", "Not found.", error.message ?? "There is nothing by that name here.");
    case "method_not_allowed":
      return about("method_not_allowed", "Method not allowed.", "This path does not take that method.");
    case "payload_too_large":
      return about(
        "payload_too_large",
        "Payload too large.",
        `The payload must not be larger than 5 MB (${error.maxBytes} bytes) once it is decompressed.`,
      );
    case "rate_limited":
      return [throttled(error.retryAfterSeconds, revision)];
    case "unavailable":
      return about("service_unavailable", "Service unavailable.", `${error.reason} Send the same request again later.`);
    case "idempotency_key_reuse":
    case "already_exists":
    case "identity_conflict":
    case "in_use":
    case "journey_archived":
    case "invalid_journey":
    case "journey_not_active":
    case "not_eligible":
    case "not_redeliverable":
    case "internal":
      return about("error", "A server error occurred.", "Something went wrong on our side. Send the request again.");
  }
}

/** An issue's path is a JSON Pointer, `body` for one that could not be read at all, or `headers.<name>`. */
function invalid({ path, message }: RequestIssue): ErrorObject {
  if (path === "body") {
    return {
      code: "parse_error",
      title: "Malformed request.",
      detail: message,
      source: { pointer: "/data" },
      links: {},
    };
  }
  const source = path.startsWith("/") ? { pointer: path } : { parameter: path.slice(path.indexOf(".") + 1) };
  return { code: "invalid", title: "Invalid input.", detail: message, source, links: {} };
}

function unauthorized(c: HttpContext, credential: Credential): ErrorObject {
  if (credential === "company_id") {
    return {
      code: "not_authenticated",
      title: "Authentication credentials were not provided.",
      detail: "Missing or invalid company_id.",
      source: { parameter: "company_id" },
    };
  }
  const source = { pointer: "/data/" };
  if (/^bearer\s/i.test(c.req.header("authorization") ?? "")) {
    const title = "Incorrect authentication credentials.";
    return { code: "authentication_failed", title, detail: title, source };
  }
  return {
    code: "not_authenticated",
    title: "Authentication credentials were not provided.",
    detail: "Missing or invalid private key.",
    source,
  };
}

function throttled(seconds: number, revision: string): ErrorObject {
  return {
    code: "throttled",
    title: "Request was throttled.",
    detail: `Request was throttled. Expected available in ${seconds} second${seconds === 1 ? "" : "s"}.`,
    source: { pointer: revision < LINKS_SINCE ? "/data/" : "/data" },
    links: { type: THROTTLED_LINK },
  };
}

function headersOf(error: WaypostError): Record<string, string> {
  if (error.code === "method_not_allowed") return { allow: error.allow.join(", ") };
  const later = error.code === "rate_limited" || error.code === "unavailable";
  return later ? { "retry-after": String(error.retryAfterSeconds) } : {};
}
