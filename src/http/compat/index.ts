// The vendors whose clients can point at Waypost: one line each.
import type { Hono } from "hono";
import type { HttpEnv } from "../context.ts";
import { frameAdapter, type Adapter } from "./adapter.ts";
import { greenflash } from "./greenflash/index.ts";
import { klaviyo } from "./klaviyo/index.ts";
import { segment } from "./segment/index.ts";
import { segmentstream } from "./segmentstream/index.ts";

const ADAPTERS: readonly Adapter[] = [greenflash, klaviyo, segment, segmentstream];

/** Puts every vendor's frame around its paths. */
export function frameVendors(app: Hono<HttpEnv>): void {
  for (const adapter of ADAPTERS) frameAdapter(app, adapter);
}

/** Mounts every vendor's routes. */
export function mountVendors(app: Hono<HttpEnv>): void {
  for (const { path, routes } of ADAPTERS) app.route(path, routes);
}

/** Whether a path is a vendor's: it has that vendor's documentation, and none of its own in /openapi.json. */
export function isVendorPath(path: string): boolean {
  return ADAPTERS.some((adapter) => path === adapter.path || path.startsWith(`${adapter.path}/`));
}
