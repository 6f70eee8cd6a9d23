// Pages for people, and where they stand. They are no part of the API: they ask for no key, and /openapi.json does not
// describe them.
import type { Hono } from "hono";
import type { HttpEnv } from "../context.ts";
import { unsubscribePage } from "./unsubscribe.ts";

const PAGES: Record<string, Hono<HttpEnv>> = { "/u": unsubscribePage };

export function mountPages(app: Hono<HttpEnv>): void {
  for (const [path, page] of Object.entries(PAGES)) app.route(path, page);
}

/** Whether a path, or the pattern of a route, is a page's. */
export function isPagePath(path: string): boolean {
  return Object.keys(PAGES).some((page) => path.startsWith(`${page}/`));
}
