// What a route says of itself, for /openapi.json: written beside the handler, from the very schemas that check its
// requests. It is looked up by handler, so that describing a route adds nothing to a request's way.
import type { Context } from "hono";
import type * as v from "valibot";
import type { WaypostError } from "../domain/errors.ts";
import type { Json } from "../domain/json.ts";
import type { Scope } from "../domain/scopes.ts";
import type { HttpEnv } from "./context.ts";

/** Who may call a route. Told by its credential middleware, so that the document cannot claim another. */
export type Access = {
  kind: "key" | "write_key_in_body" | "operator" | "operator_or_key" | "operator_if_any" | "signature";
  scopes: readonly Scope[];
};

export interface Answer {
  description: string;
  /** Shape of the JSON body; left out where there is none. */
  body?: v.GenericSchema;
  /** Headers that only this answer has, and what they mean. */
  headers?: Record<string, string>;
}

/** A scope for each field of a body that asks for one of its own. */
export type FieldScopes = Readonly<Record<string, Scope>>;

export interface Operation {
  /** Unique over the whole API; names the call in generated clients. */
  id: string;
  summary: string;
  description?: string;
  headers?: v.ObjectSchema<v.ObjectEntries, undefined>;
  query?: v.ObjectSchema<v.ObjectEntries, undefined>;
  /** Takes `limit` and `cursor`. */
  paged?: true;
  body?: { schema: v.GenericSchema; example: Json; optional?: true };
  /** What a key needs besides the route's scopes when the body has a field: what it names is stored under them. */
  fieldScopes?: FieldScopes;
  answers: Record<number, Answer>;
  /** Errors besides those that follow from credential, parameters and body. */
  errors?: WaypostError["code"][];
}

const operations = new WeakMap<object, Operation>();
const accesses = new WeakMap<object, Access>();

/** Describes a handler. @returns the handler itself */
export function described<P extends string>(
  operation: Operation,
  handler: (c: Context<HttpEnv, P>) => Promise<Response> | Response,
): (c: Context<HttpEnv, P>) => Promise<Response> | Response {
  operations.set(handler, operation);
  return handler;
}

/** Says whom a credential middleware lets in. @returns the middleware itself */
export function admitting<H extends object>(access: Access, middleware: H): H {
  accesses.set(middleware, access);
  return middleware;
}

/** What a handler was described as. */
export function operationOf(handler: object): Operation | undefined {
  return operations.get(handler);
}

/** Whom a middleware lets in; nothing = it is no credential middleware. */
export function accessOf(handler: object): Access | undefined {
  return accesses.get(handler);
}
