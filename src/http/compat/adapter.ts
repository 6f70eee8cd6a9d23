// What another vendor's door is to the rest of the surface, and what all of them have in common: their errors in
// their own shape wherever they come from, CORS, and the question whether a key still stands, asked with the rate.
// A vendor knows this frame and the domain, never another vendor.
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import type { Hono } from "hono";
import type { WaypostError } from "../../domain/errors.ts";
import type { HttpContext, HttpEnv } from "../context.ts";
import { settleAdmission } from "../middleware/credentials.ts";

export interface Adapter {
  /** Where the vendor's paths begin, e.g. `/klaviyo`: what a client uses as its base URL. */
  path: `/${string}`;
  routes: Hono<HttpEnv>;
  /** Answers an error in the vendor's shape; an exhaustive switch over the codes. */
  renderError: (error: WaypostError, c: HttpContext) => Response;
  /** For doors that browsers use. */
  cors?: CorsPolicy;
  /** Sets what every answer of the vendor has, errors included. */
  finish?: (c: HttpContext) => void;
}

export interface CorsPolicy {
  methods: string[];
  allowHeaders: string[];
  exposeHeaders: string[];
  /** Whether pages may send cookies along; no door reads any, but some clients insist on sending them. */
  credentials: boolean;
}

/** How long a browser may keep a preflight's answer, in seconds: longer is cut by every browser. */
const PREFLIGHT_SECONDS = 7_200;

/** Puts a vendor's frame around its paths, before the settings are looked at: that error has its shape too. */
export function frameAdapter(app: Hono<HttpEnv>, adapter: Adapter): void {
  const under = `${adapter.path}/*`;
  app.use(
    under,
    createMiddleware<HttpEnv>(async (c, next) => {
      c.set("renderError", adapter.renderError);
      await next();
      await settleAdmission(c);
      adapter.finish?.(c);
    }),
  );
  if (adapter.cors !== undefined) app.use(under, corsOf(adapter.cors));
}

function corsOf({ methods, allowHeaders, exposeHeaders, credentials }: CorsPolicy) {
  return cors({
    // Keys say who may write, origins do not: a write key works on every site it is built into.
    origin: (origin) => origin,
    allowMethods: methods,
    allowHeaders,
    exposeHeaders,
    credentials,
    maxAge: PREFLIGHT_SECONDS,
  });
}
