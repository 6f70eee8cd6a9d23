// What can go wrong, as classes that a caller tells apart by `instanceof`, or by `code`.
// The law: no error holds the API key, a header or anything of a body that was sent.

/** Every error of this client. */
export class WaypostError extends Error {
  static {
    this.prototype.name = "WaypostError";
  }

  /** Stable: decide by it. `message` is for people and may change. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The client was set up or called in a way that cannot work; nothing was sent. */
export class UsageError extends WaypostError {
  static {
    this.prototype.name = "UsageError";
  }
}

/** No whole answer came. The server may have taken the request: send it again under the same idempotency key. */
export class ConnectionError extends WaypostError {
  static {
    this.prototype.name = "ConnectionError";
  }

  constructor(message: string, code = "connection_failed") {
    super(code, message);
  }
}

/** No whole answer came in time. */
export class TimeoutError extends ConnectionError {
  static {
    this.prototype.name = "TimeoutError";
  }

  constructor(timeoutMs: number) {
    super(`No answer came within ${timeoutMs} ms.`, "timeout");
  }
}

/** The caller's signal ended the call. The server may have taken the request all the same. */
export class AbortError extends WaypostError {
  static {
    this.prototype.name = "AbortError";
  }

  constructor() {
    super("aborted", "The call was ended by its signal.");
  }
}

/** What the server answered instead of a success. */
export interface Refusal {
  status: number;
  /** The envelope's `error`. */
  code: string;
  message: string;
  details: Readonly<Record<string, unknown>> | null;
  requestId: string | null;
  retryAfterMs: number | null;
}

/** The server answered, and not with a success. */
export class ApiError extends WaypostError {
  static {
    this.prototype.name = "ApiError";
  }

  readonly status: number;
  /** Only where the code has any, e.g. `issues` of `invalid_request`. */
  readonly details: Readonly<Record<string, unknown>> | null;
  /** Quote it when you ask about a request. */
  readonly requestId: string | null;
  /** How long the server asked to wait before the same request is sent again. */
  readonly retryAfterMs: number | null;

  constructor({ status, code, message, details, requestId, retryAfterMs }: Refusal) {
    super(code, message);
    this.status = status;
    this.details = details;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** 400: body, header or query is not as it has to be; `details.issues` says where. */
export class BadRequestError extends ApiError {
  static {
    this.prototype.name = "BadRequestError";
  }
}

/** 401: no API key, a wrong one, or a revoked one. */
export class AuthenticationError extends ApiError {
  static {
    this.prototype.name = "AuthenticationError";
  }
}

/** 403: the API key lacks a scope; `details.required` names it. */
export class PermissionDeniedError extends ApiError {
  static {
    this.prototype.name = "PermissionDeniedError";
  }
}

/** 404: nothing by that id in the workspace of the key. */
export class NotFoundError extends ApiError {
  static {
    this.prototype.name = "NotFoundError";
  }
}

/** 409: as `idempotency_key_reuse`, the key stands for another request; nothing was changed. */
export class ConflictError extends ApiError {
  static {
    this.prototype.name = "ConflictError";
  }
}

/** 413: the body is over its limit; `details.maxBytes` says which. */
export class PayloadTooLargeError extends ApiError {
  static {
    this.prototype.name = "PayloadTooLargeError";
  }
}

/** 422: could be read, and cannot be done. */
export class UnprocessableEntityError extends ApiError {
  static {
    this.prototype.name = "UnprocessableEntityError";
  }
}

/** 429: too many requests. */
export class RateLimitError extends ApiError {
  static {
    this.prototype.name = "RateLimitError";
  }
}

/** 500 and above: not the caller's fault; the same request may be sent again under the same key. */
export class InternalServerError extends ApiError {
  static {
    this.prototype.name = "InternalServerError";
  }
}

const CLASSES: Record<number, typeof ApiError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  413: PayloadTooLargeError,
  422: UnprocessableEntityError,
  429: RateLimitError,
};

/** Makes the error of a refusal, of the class of its status. */
export function refused(refusal: Refusal): ApiError {
  const Class = CLASSES[refusal.status] ?? (refusal.status >= 500 ? InternalServerError : ApiError);
  return new Class(refusal);
}
