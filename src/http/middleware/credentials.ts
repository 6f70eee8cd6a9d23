// Who calls. A key's tag, workspace and scopes are checked here, without I/O, before the body is read and before
// any object is touched; whether it was revoked is asked in the call that does the work. A request that ends
// before that call asks on its way out, so that a revoked key is a 401 on every path.
import { createMiddleware } from "hono/factory";
import { callCell } from "../../cell/cell-client.ts";
import { verifyApiKey } from "../../crypto/api-key.ts";
import { secretsEqual } from "../../crypto/secret-list.ts";
import type { KeyKind, Scope } from "../../domain/scopes.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { Failure, respond } from "../errors.ts";
import { admitting, type FieldScopes } from "../operation.ts";

const BEARER = "Bearer ";

/** Lets in a secret API key with every one of these scopes. */
export function apiKey(...scopes: Scope[]) {
  return admitting(
    { kind: "key", scopes },
    createMiddleware<HttpEnv>(async (c, next) => {
      useKey(c, "secret", c.req.header("x-api-key") ?? "", scopes);
      await next();
      await settleAdmission(c);
    }),
  );
}

/** Lets in the operator with the adminToken. */
export function operator() {
  return admitting(
    { kind: "operator", scopes: [] },
    createMiddleware<HttpEnv>(async (c, next) => {
      if (!isOperator(c)) throw new Failure({ code: "unauthorized" });
      c.set("caller", { kind: "operator" });
      await next();
    }),
  );
}

/** Lets in the operator, or a secret API key with these scopes for its own workspace. */
export function operatorOrKey(...scopes: Scope[]) {
  return admitting(
    { kind: "operator_or_key", scopes },
    createMiddleware<HttpEnv>(async (c, next) => {
      if (c.req.header("authorization") === undefined) {
        useKey(c, "secret", c.req.header("x-api-key") ?? "", scopes);
        await next();
        await settleAdmission(c);
        return;
      }
      if (!isOperator(c)) throw new Failure({ code: "unauthorized" });
      c.set("caller", { kind: "operator" });
      await next();
    }),
  );
}

/** Lets in everyone, and tells the operator by the adminToken; a wrong token is refused. */
export function operatorIfAny() {
  return admitting(
    { kind: "operator_if_any", scopes: [] },
    createMiddleware<HttpEnv>(async (c, next) => {
      // Without settings there is no adminToken to compare with.
      if (c.req.header("authorization") !== undefined && c.get("misconfiguration") === undefined) {
        if (!isOperator(c)) throw new Failure({ code: "unauthorized" });
        c.set("caller", { kind: "operator" });
      }
      await next();
    }),
  );
}

/** Whether a request carries the adminToken. */
function isOperator(c: HttpContext): boolean {
  const header = c.req.header("authorization") ?? "";
  return header.startsWith(BEARER) && secretsEqual(header.slice(BEARER.length), c.get("services").adminToken);
}

/**
 * Lets in a key, wherever a door's clients carry it.
 *
 * @throws Failure `unauthorized`, or `insufficient_scope`
 */
export function useKey(c: HttpContext, kind: KeyKind, key: string, scopes: readonly Scope[]): void {
  const claims = verifyApiKey(c.get("services").keySecrets, kind, key);
  if (claims === null) throw new Failure({ code: "unauthorized" });
  if (scopes.some((scope) => !claims.scopes.includes(scope))) {
    throw new Failure({ code: "insufficient_scope", required: [...scopes] });
  }
  c.set("key", claims);
  c.set("caller", { kind: "key", keyId: claims.keyId, digest: claims.digest });
  c.set("callerChecked", false);
}

/**
 * Holds a key to the scopes that a body's fields ask for. Before anything they name is looked up: whether it exists is
 * not told either.
 *
 * @throws Failure `insufficient_scope` with those that are missing
 */
export function requireFieldScopes(c: HttpContext, fieldScopes: FieldScopes, body: object): void {
  const held: readonly Scope[] = c.get("key")?.scopes ?? [];
  const missing = Object.entries(fieldScopes)
    .filter(([field, scope]) => Object.hasOwn(body, field) && !held.includes(scope))
    .map(([, scope]) => scope);
  if (missing.length > 0) throw new Failure({ code: "insufficient_scope", required: missing });
}

/** Asks about the caller of a request that ended before the call in which the cell would have told. */
export async function settleAdmission(c: HttpContext): Promise<void> {
  const claims = c.get("key");
  // An object that could not answer the call itself is not asked a second time.
  if (c.get("callerChecked") || claims === undefined || c.res.status >= 500) return;
  const caller = c.get("caller");
  const rule = c.get("rateRule") ?? null;
  const admission = await callCell(c.env, claims.workspaceId, async (cell) => await cell.admit(caller, rule));
  c.set("callerChecked", true);
  if (admission.kind === "admitted") {
    if (admission.rate !== null) c.set("rate", admission.rate);
    return;
  }
  const refusal = respond(
    c,
    admission.kind === "unauthorized"
      ? { code: "unauthorized" }
      : { code: "rate_limited", retryAfterSeconds: admission.retryAfterSeconds },
  );
  c.res = undefined;
  c.res = refusal;
}
