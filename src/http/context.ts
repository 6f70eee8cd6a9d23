// What a request carries through the HTTP layer.
import type { Context } from "hono";
import type { Caller } from "../cell/command.ts";
import type { RateRule, RateState } from "../cell/rate-windows.ts";
import type { KeyClaims } from "../crypto/api-key.ts";
import type { SecretList } from "../crypto/secret-list.ts";
import type { WaypostError } from "../domain/errors.ts";
import type { RenderEmail } from "../domain/rendered-email.ts";

/** What a deployment was given, checked. */
export interface Services {
  db: D1Database;
  /** Under which API keys are made and recognised. */
  keySecrets: SecretList;
  /** Under which the ledger's digests are made and recognised. */
  ledgerSecrets: SecretList;
  adminToken: string;
  /** Whether webhooks may call the very machine that this runs on: in development only. */
  allowLoopbackWebhooks: boolean;
  /** Renders as what sends does. */
  renderEmail: RenderEmail;
}

export interface HttpEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    services: Services;
    /** Which setting is missing or wrong, never its value; then there are no services. */
    misconfiguration?: string;
    /** Who calls, where a route asks for a key or for the operator. */
    caller: Caller;
    /** What the caller's key says of itself; absent for the operator. */
    key?: KeyClaims;
    /** Whether the key's cell was asked if the key still stands. */
    callerChecked: boolean;
    /** On a vendor's path: its shape of errors. */
    renderError?: (error: WaypostError, c: HttpContext) => Response;
    /** On a vendor's path that has one: the rate at which the workspace may call it. */
    rateRule?: RateRule;
    /** How much of that rate is left, once the cell was asked. */
    rate?: RateState;
  };
}

export type HttpContext = Context<HttpEnv>;
